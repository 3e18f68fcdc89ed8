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
DAY_NS: Final = 86_400 * 1_000_000_000
NEAR_NS: Final = 8 * 3_600 * 1_000_000_000
"""From 1:30 to 17:30 it is the bell's own day in New York, whatever its clock is set to."""
WORDS: Final = {
    JUST_AFTER_NIGHT: "just after a night",
    JUST_AFTER_GAP: "just after a gap",
    AMONG_FIRST: "among the first hundred trades of its symbol",
}
"""By the kernel's bits."""


class Circumstances:
    """Says in what circumstances trades were flagged, and what they are worth in them."""

    def __init__(self) -> None:
        self._bell_ns = -DAY_NS
        """New York's opening bell of the last trade's day."""

    def of(
        self, own: str, kind: int, bits: int, time_ns: int, priority: float | None
    ) -> tuple[str, float | None]:
        """Return what a flagged trade's message says of its circumstances, and its priority.

        Args:
            own: what its detector says; empty if nothing.
            kind: position in `tape.market.day.CONTEXTS`.
            bits: the kernel's.
            time_ns: when it happened.
            priority: its detector's; None if it has none.
        """
        said = own or CONTEXTS[kind]
        excused = said.startswith(EXCUSES)
        told = excused
        if not excused and self._since_bell_ns(time_ns) < FIRST_NS:
            said, told = f"{said}, {FIRST_SECONDS}", True
        if bits:
            for bit, words in WORDS.items():
                if bits & bit:
                    said, told = f"{said}, {words}", True
        if told and priority is not None:
            priority = round(EXCUSED * priority, DIGITS)
        return said, priority

    def _since_bell_ns(self, time_ns: int) -> int:
        """Return how long ago the bell was, something large before it."""
        since_ns = time_ns - self._bell_ns
        if not -NEAR_NS < since_ns < NEAR_NS:  # another day, or the other end of it
            since_ns = since_open_ns(time_ns)
            self._bell_ns = time_ns - since_ns
        return since_ns if since_ns >= 0 else DAY_NS
