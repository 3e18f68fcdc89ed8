"""What calendars announce: while it lasts, what its symbols do is expected and no alert."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tape.model.fields import NANOS

DAY_NS: Final = 86_400 * NANOS
LONGEST_NS: Final = 32 * DAY_NS
"""An event that lasts longer would silence its symbols for good."""


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One event of a calendar.

    Attributes:
        start_ns: ns since 1970, by the trades' time.
        end_ns: the first moment after it.
        name: what it is, such as "NVDA earnings".
        symbols: empty for all.
        source: the file.
    """

    start_ns: int
    end_ns: int
    name: str
    symbols: tuple[str, ...] = ()
    source: str = ""


class Expected:
    """The events of all calendars."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.events = sorted(events)
        self._on: dict[tuple[str, int], list[Event]] = defaultdict(list)
        """By symbol, "" for all, and day since 1970 (UTC)."""
        for event in self.events:
            for day in range(event.start_ns // DAY_NS, (event.end_ns - 1) // DAY_NS + 1):
                for symbol in event.symbols or ("",):
                    self._on[symbol, day].append(event)

    def at(self, symbol: str, time_ns: int) -> Event | None:
        """Return the event that a symbol's trade at a time belongs to; of several, the first."""
        day = time_ns // DAY_NS
        there = [*self._on.get((symbol, day), ()), *self._on.get(("", day), ())]
        found = (one for one in there if one.start_ns <= time_ns < one.end_ns)
        return min(found, default=None)


NOTHING_EXPECTED: Final = Expected()
