"""Ids of anomalies as people copy them: as much of an id as tells it from the others."""

import re
from dataclasses import dataclass, field
from typing import Final

from tape.model.anomaly import IDENTITY

NANO_DIGITS: Final = 9
"""Digits of a time behind the second."""

BEGINNING: Final = re.compile(r"(?P<symbol>.+)-(?P<publisher>\d{1,5})-(?P<ns>\d{1,19})", re.ASCII)
"""Takes a beginning of an id apart that ends within its time."""


@dataclass(slots=True)
class ShortId:
    """An id, and how many of its characters are needed."""

    whole: str
    needed: int

    @property
    def text(self) -> str:
        """Return the beginning that is enough."""
        return self.whole[: self.needed]


@dataclass(slots=True)
class ShortIds:
    """Finds how much of each id is needed, in one pass over a tape.

    Ids that begin alike are near in time, so each is held against the one before of its symbol and
    venue. Where trades came late, more may begin alike; whoever asks for one is told so.

    >>> ids = ShortIds()
    >>> first, second = ids.add("A-2-1741021235000000000-7"), ids.add("A-2-1741029999000000000-8")
    >>> ids.add("A-2-1741029999000050000-9").text, first.text, second.text
    ('A-2-174102999900005', 'A-2-1741021235', 'A-2-174102999900000')
    """

    _last: dict[str, ShortId] = field(default_factory=dict)

    def add(self, identity: str) -> ShortId:
        """Take up the next id; what is needed of it may still grow with the one that follows."""
        match = IDENTITY.fullmatch(identity)
        if match is None:
            return ShortId(identity, len(identity))
        one = ShortId(identity, max(match.start("ns") + 1, match.end("ns") - NANO_DIGITS))
        stem = identity[: match.start("ns")]
        before = self._last.get(stem)
        if before is not None and before.whole != identity:
            alike = _alike(before.whole, identity)
            one.needed, before.needed = max(one.needed, alike + 1), max(before.needed, alike + 1)
        self._last[stem] = one
        return one


def _alike(one: str, other: str) -> int:
    """Return with how many characters in common they begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def may_begin(text: str) -> bool:
    """Return whether an id may begin so: with symbol, venue and a digit of its time at least.

    >>> may_begin("BRK-B-2-17519"), may_begin("NVDA-2-1751961600171836530-7"), may_begin("NVDA")
    (True, True, False)
    """
    found = IDENTITY.fullmatch(text) or BEGINNING.fullmatch(text) or BEGINNING.fullmatch(text[:-1])
    return found is not None


def several(wanted: str, found: list[str], count: int) -> str:
    """Say that more than one id begins so, and which.

    >>> several("A-2-1", ["A-2-11-7", "A-2-12-8"], 3)
    "3 ids begin with 'A-2-1': A-2-11-7, A-2-12-8 and 1 more"
    """
    more = f" and {count - len(found):,} more" if count > len(found) else ""
    return f"{count:,} ids begin with {wanted!r}: {', '.join(found)}{more}"
