"""In what circumstances a trade was flagged, and what they are worth of its priority.

Auctions, the first seconds of a day or after a gap, and a symbol's first trades are odd because of
what they are. They say so, and rank below what is odd without an excuse.
"""

from typing import Final

from tape.judging.episode_kernel import AMONG_FIRST, FIRST_NS, JUST_AFTER_GAP, JUST_AFTER_NIGHT
from tape.market.day import CLOSING_AUCTION, CONTEXTS, OPENING_AUCTION, REOPENING, since_open_ns

EXCUSED: Final = 0.3
"""What is left of the priority of such a trade. The largest there is, 14, comes to 4.2, where half
of all alerts lie; an opening auction of seven million shares (8.1 by the classic rules) to 2.4,
below every flag that has no excuse (3)."""
DIGITS: Final = 2
EXCUSES: Final = (CONTEXTS[OPENING_AUCTION], CONTEXTS[CLOSING_AUCTION], CONTEXTS[REOPENING])
FIRST_SECONDS: Final = "first seconds of the day"
WORDS: Final = {
    JUST_AFTER_NIGHT: "just after a night",
    JUST_AFTER_GAP: "just after a gap",
    AMONG_FIRST: "among the first hundred trades of its symbol",
}
"""By the kernel's bits."""


def circumstances_of(
    own: str, kind: int, bits: int, time_ns: int, priority: float | None
) -> tuple[str, float | None]:
    """Return what a flagged trade's message says of its circumstances, and its priority in them.

    Args:
        own: what its detector says; empty if nothing.
        kind: position in `tape.market.day.CONTEXTS`.
        bits: the kernel's.
        time_ns: when it happened.
        priority: its detector's; None if it has none.
    """
    said = [own or CONTEXTS[kind]]
    excused = said[0].startswith(EXCUSES)
    if not excused and 0 <= since_open_ns(time_ns) < FIRST_NS:
        said.append(FIRST_SECONDS)
    said += [words for bit, words in WORDS.items() if bits & bit]
    if priority is not None and (excused or len(said) > 1):
        priority = round(EXCUSED * priority, DIGITS)
    return ", ".join(said), priority
