"""What the live view holds: the newest events, counts, rates, and the pipeline's state."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tape.kafka.group import Look
from tape.process.clock import CLOCK, Clock
from tape.view.alert import Seen
from tape.view.event import Event, State
from tape.view.filters import Filter

KEPT: Final = 5_000
"""Events that can be scrolled back to."""
TRADES_KEPT: Final = 20_000
"""Flagged trades: those of the events that are kept, and some 40 MB."""
T = TypeVar("T", Seen, Event)

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
        events: episodes by their id, the one that was heard of last at the end.
        past_most: most lines that are shown of what was there before the view began.
        suppressed: how many of all that came a ranking would rather not show.
        folded: whether an event is one line; else each of its trades is one.
        by_priority: whether the worst comes first, not the newest.
        paused: whether the view stands still; `unseen` came since.
        trouble: why nothing comes; empty if the broker answers.
        lag: trades that wait, None if that cannot be seen.
    """

    clock: Clock = CLOCK
    newest: deque[Seen] = field(default_factory=deque)
    events: dict[str, Event] = field(default_factory=dict)
    past_most: int | None = None
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
    _still: tuple[Seen | Event, ...] = ()
    _is_new: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._stocks, self._anomalies = Rate(self.clock), Rate(self.clock)

    def add(self, found: Iterable[Seen], *, live: bool = True) -> None:
        """Take up anomalies, oldest first; those from before the start count for no rate."""
        count = 0
        for one in found:
            self.newest.appendleft(one)
            self._event(one.episode or one.id, one.symbol, live=live).add(one)
            self.by_rule.update(one.rules)
            self.suppressed += one.suppressed
            if live:
                self._is_new.add(id(one))
            count += 1
        self._forget()
        if live:
            self._anomalies.add(count)
        if self.paused:
            self.unseen += count

    def add_states(self, found: Iterable[State], *, live: bool = True) -> None:
        """Take up states of episodes, oldest first."""
        for one in found:
            self._event(one.id, one.symbol, live=live).state = one
        self._forget()

    def _event(self, name: str, symbol: str, *, live: bool) -> Event:
        """Return the event of this id, heard of just now."""
        event = self.events.pop(name, None) or Event(name, symbol)
        event.is_new |= live
        self.events[name] = event
        return event

    def _forget(self) -> None:
        """Let go of the oldest, so that memory stays small."""
        while len(self.newest) > TRADES_KEPT:
            self._is_new.discard(id(self.newest.pop()))
        while len(self.events) > KEPT:
            del self.events[next(iter(self.events))]

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
        self._still, self.unseen = (), 0
        if self.paused:
            events = (one.copy() for one in reversed(self.events.values()))
            self._still = (*self.newest, *events)

    def turn(self) -> None:
        """Show events in place of trades, or trades in place of events."""
        self.folded = not self.folded

    @property
    def shown(self) -> list[Seen] | list[Event]:
        """Return what the filter shows, in the order that is asked for.

        Of what was there before the view began, the newest `past_most` that the filter shows.
        """
        if self.folded:
            events = [one for one in self._all(Event) if self.chosen.shows(one)]
            return self._ordered(self._without_past(events, lambda one: one.is_new))
        trades = [one for one in self._all(Seen) if self.chosen.shows(one)]
        return self._ordered(self._without_past(trades, lambda one: id(one) in self._is_new))

    def _all(self, kind: type[T]) -> list[T]:
        """Return the events or the trades, newest first, as of the pause if there is one."""
        now = reversed(self.events.values()) if kind is Event else self.newest
        return [one for one in (self._still if self.paused else now) if isinstance(one, kind)]

    def _without_past(self, found: list[T], is_new: Callable[[T], bool]) -> list[T]:
        if self.past_most is None:
            return found
        left, kept = self.past_most, []
        for one in found:
            new = is_new(one)
            if new or left > 0:
                kept.append(one)
                left -= not new
        return kept

    def _ordered(self, found: list[T]) -> list[T]:
        return sorted(found, key=lambda one: -one.rank) if self.by_priority else found

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
