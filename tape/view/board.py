"""What the live view holds: the newest anomalies, counts, rates, and the pipeline's state."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tape.kafka.group import Look
from tape.process.clock import CLOCK, Clock
from tape.view.alert import Seen
from tape.view.filters import Filter

KEPT: Final = 5_000
"""Anomalies that can be scrolled back to."""

RATE_S: Final = 10.0
"""Rates are means over this many seconds."""


class Rate:
    """Events per second over the last `RATE_S` seconds, or since the first if that is less."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._began_s = clock.now_s()
        self._events: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> None:
        """Note events of now."""
        self._events.append((self._clock.now_s(), count))

    @property
    def per_s(self) -> float:
        """Return the rate of now."""
        now_s = self._clock.now_s()
        while self._events and self._events[0][0] <= now_s - RATE_S:
            self._events.popleft()
        lasted_s = min(RATE_S, max(1.0, now_s - self._began_s))
        return sum(count for _, count in self._events) / lasted_s


@dataclass(slots=True)
class Board:
    """All that the view shows.

    Attributes:
        newest: anomalies, newest first.
        suppressed: how many of all that came a ranking would rather not show.
        folded: whether an episode is one line, that of its worst trade; else each trade is one.
        by_priority: whether the highest priority comes first, not the newest.
        paused: whether the view stands still; `unseen` came since.
        trouble: why nothing comes; empty if the broker answers.
        lag: trades that wait, None if that cannot be seen.
    """

    clock: Clock = CLOCK
    newest: deque[Seen] = field(default_factory=lambda: deque(maxlen=KEPT))
    by_rule: Counter[str] = field(default_factory=Counter)
    chosen: Filter = field(default_factory=Filter)
    folded: bool = True
    by_priority: bool = False
    paused: bool = False
    unseen: int = 0
    suppressed: int = 0
    unreadable: int = 0
    rejected: int = 0
    rejected_reason: str = ""
    trouble: str = ""
    lag: int | None = None
    lag_before: int | None = None
    detectors: int = 0
    _stocks: Rate = field(init=False)
    _anomalies: Rate = field(init=False)
    _look: Look | None = None
    _committed_s: float | None = None
    _still: tuple[Seen, ...] = ()
    _trades: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._stocks, self._anomalies = Rate(self.clock), Rate(self.clock)

    def add(self, found: Iterable[Seen], *, live: bool = True) -> None:
        """Take up anomalies, oldest first; those from before the start count for no rate."""
        count = 0
        for one in found:
            self.newest.appendleft(one)
            self.by_rule.update(one.rules)
            self.suppressed += one.suppressed
            count += 1
        if live:
            self._anomalies.add(count)
        if self.paused:
            self.unseen += count

    def looked(self, look: Look) -> None:
        """Take up a look at the detector's group."""
        before, self._look = self._look, look
        self.lag_before, self.lag = self.lag, look.lag
        self.detectors = len(look.members)
        if before is None:
            return
        self._stocks.add(max(0, look.written - before.written))
        if look.committed != before.committed:
            self._committed_s = self.clock.now_s()

    def pause(self) -> None:
        """Hold the list still, or let it run again."""
        self.paused = not self.paused
        self._still, self.unseen = (tuple(self.newest) if self.paused else ()), 0

    @property
    def shown(self) -> list[Seen]:
        """Return the anomalies that the filter shows, in the order that is asked for.

        An episode stands where its newest trade does; of equal priorities its first trade is shown.
        """
        found = [
            one for one in (self._still if self.paused else self.newest) if self.chosen.shows(one)
        ]
        self._trades = Counter(one.episode for one in found)
        if self.folded:
            worst: dict[str, Seen] = {}
            for one in found:
                event = one.episode or one.id
                before = worst.get(event)
                if before is None or one.rank >= before.rank:
                    worst[event] = one
            found = list(worst.values())
        if self.by_priority:
            found.sort(key=lambda one: -one.rank)
        return found

    def trades_of(self, one: Seen) -> int:
        """Return how many of the anomalies shown a line stands for."""
        return self._trades[one.episode] if self.folded and one.episode else 1

    @property
    def stocks_per_s(self) -> float:
        """Return how many trades per second are written to `stocks`."""
        return self._stocks.per_s

    @property
    def anomalies_per_s(self) -> float:
        """Return how many anomalies come per second."""
        return self._anomalies.per_s

    @property
    def since_commit_s(self) -> float | None:
        """Return the seconds since the detector was last seen to commit, None if it never was."""
        return None if self._committed_s is None else self.clock.now_s() - self._committed_s
