"""What people would have been told on past days: the same decisions, by the trades' own time."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from tape.alerting.decider import Decider
from tape.alerting.decision import Announcement, Withheld, step_of
from tape.alerting.expected import Expected
from tape.alerting.kept import TEXT_MAX
from tape.alerting.rules import AlertRule, Rules
from tape.market.new_york import NEW_YORK
from tape.model.episode import Episode
from tape.model.fields import NANOS, iso_time

STEPS: Final = 140
"""Tenths of a point of priority, of which the largest is 14."""
COUNTED: Final = ("new", "worse")
"""What is an alert; ends follow one, and digests are none of their own."""

State = tuple[int, Episode]
"""When a state came, ns since 1970, and the state."""


class Line(msgspec.Struct, frozen=True):
    """One thing that people would have been told, or would not.

    Attributes:
        at: UTC, as on the wire.
        day: New York's.
        kind: of the announcement, or "withheld".
        rule: which announced it; empty if none was reached.
        because: why it was announced or withheld.
    """

    at: str
    day: str
    kind: str
    symbol: str
    priority: float | None
    severity: float | None
    mark: str | None
    rule: str
    because: str
    channels: tuple[str, ...]
    text: str
    episode_id: str


@dataclass(frozen=True, slots=True)
class _Held:
    """The newest reason why an episode was withheld on a channel."""

    one: Withheld
    now_ns: int


class Preview:
    """Takes the states of past days in their order; `end` when there are no more.

    Attributes:
        lines: what would have been told, in the order of time; once for all channels.
        counts: the decisions on states, as `Decider.counts`.
    """

    def __init__(self, rules: Rules, channels: Sequence[str], expected: Expected) -> None:
        """Begin with nothing announced and nothing muted."""
        self._decider = Decider(rules, channels, expected)
        self.lines: list[Line] = []
        self.counts = self._decider.counts
        self._held: dict[tuple[str, str], _Held] = {}
        self._told: set[tuple[str, str]] = set()
        self._episodes: set[str] = set()

    def take(self, episode: Episode, now_ns: int) -> None:
        """Take a state, after the digests that were due before it."""
        self._send_digests(now_ns)
        self._episodes.add(episode.episode_id)
        told: list[Announcement] = []
        for one in self._decider.take(episode, now_ns):
            name = episode.episode_id, one.channel
            if isinstance(one, Announcement):
                told.append(one)
                self._told.add(name)
                self._held.pop(name, None)
            elif name not in self._told and one.reason != "old state":
                self._held[name] = _Held(one, now_ns)
        for kind, rule in dict.fromkeys((one.kind, one.rule) for one in told):
            same = [one for one in told if (one.kind, one.rule) == (kind, rule)]
            channels = tuple(one.channel for one in same)
            line = _line(episode, now_ns, kind, rule, same[0].because, channels)
            self.lines.append(line)

    def end(self) -> None:
        """Send the digests that are still due."""
        self._send_digests(None)

    def _send_digests(self, now_ns: int | None) -> None:
        while (due_ns := self._decider.next_due_ns()) is not None:
            if now_ns is not None and due_ns > now_ns:
                return
            for one in self._decider.due(due_ns):
                self.lines.append(_digest_line(one, due_ns))

    @property
    def episodes(self) -> int:
        """Return how many episodes there were."""
        return len(self._episodes)

    def announced(self) -> int:
        """Return how many episodes were announced on some channel."""
        return len({name for name, _ in self._told})

    def alerts(self) -> int:
        """Return how many alerts there were: episodes, and those that got worse again."""
        return sum(line.kind in COUNTED for line in self.lines)

    def withheld(self) -> list[Line]:
        """Return the episodes of which no channel was told, with the newest reason, by time."""
        newest: dict[str, _Held] = {}
        announced = {name for name, _ in self._told}
        for (name, _), held in self._held.items():
            if name not in announced:
                newest.setdefault(name, held)
        found = [
            _line(
                held.one.episode,
                held.now_ns,
                "withheld",
                held.one.by if held.one.reason not in ("muted", "expected") else "",
                _why(held.one),
                (),
            )
            for held in newest.values()
        ]
        return sorted(found, key=lambda line: (line.at, line.episode_id))


def _why(one: Withheld) -> str:
    """Return a reason with what it names; the rules' own need no name."""
    return f"{one.reason}: {one.by}" if one.reason in ("muted", "expected") else one.reason


def _line(
    episode: Episode, now_ns: int, kind: str, rule: str, because: str, channels: tuple[str, ...]
) -> Line:
    why = None if kind == "ended" else episode.reason  # of an end, what became of it
    return Line(
        at=iso_time(now_ns),
        day=day_of(now_ns).isoformat(),
        kind=kind,
        symbol=episode.symbol,
        priority=episode.priority,
        severity=episode.severity,
        mark=episode.mark,
        rule=rule,
        because=because,
        channels=channels,
        text=(why or episode.text)[:TEXT_MAX],
        episode_id=episode.episode_id,
    )


def _digest_line(one: Announcement, now_ns: int) -> Line:
    first = one.digest[0]
    symbols = sorted({each.symbol for each in one.digest})
    return Line(
        at=iso_time(now_ns),
        day=day_of(now_ns).isoformat(),
        kind="digest",
        symbol=symbols[0] if len(symbols) == 1 else "",
        priority=first.priority,
        severity=first.severity,
        mark=None,
        rule="",
        because=one.because,
        channels=(one.channel,),
        text=f"{len(symbols):,} symbols, the first {first.symbol}"[:TEXT_MAX],
        episode_id="",
    )


def day_of(now_ns: int) -> date:
    """Return New York's day of a time."""
    return datetime.fromtimestamp(now_ns // NANOS, UTC).astimezone(NEW_YORK).date()


def by_day(lines: Iterable[Line], days: Iterable[str]) -> dict[str, Counter[str]]:
    """Return how many lines of each kind there are on each day, also on those without."""
    found: dict[str, Counter[str]] = {day: Counter() for day in sorted(days)}
    for line in lines:
        found.setdefault(line.day, Counter())[line.kind] += 1
    return dict(sorted(found.items()))


def least_priority(
    states: Sequence[State],
    rules: Rules,
    name: str,
    channels: Sequence[str],
    expected: Expected,
    most: float,
) -> tuple[float, int]:
    """Return the least `min_priority` of a rule with which there are at most this many alerts.

    Found by halving: fewer are announced with a larger one, but for what cool-downs and caps
    shift.

    Args:
        states: of past days, in their order.
        rules: all rules.
        name: of the rule.
        channels: those that can be told.
        expected: what calendars announce.
        most: alerts on all days together.

    Returns:
        It, and how many alerts there are with it; the largest there is, if all are too many.
    """
    low, high, alerts = 0, STEPS, {}
    while low < high:
        middle = (low + high) // 2
        alerts[middle] = _alerts(states, _with(rules, name, middle / 10), channels, expected)
        if alerts[middle] <= most:
            high = middle
        else:
            low = middle + 1
    if low not in alerts:
        alerts[low] = _alerts(states, _with(rules, name, low / 10), channels, expected)
    return low / 10, alerts[low]


def _with(rules: Rules, name: str, min_priority: float) -> Rules:
    return tuple(
        replace(rule, min_priority=min_priority) if rule.name == name else rule for rule in rules
    )


def _alerts(
    states: Sequence[State], rules: Rules, channels: Sequence[str], expected: Expected
) -> int:
    decider, found = Decider(rules, channels, expected), set()
    for now_ns, episode in states:
        for one in decider.take(episode, now_ns):
            if isinstance(one, Announcement) and one.kind in COUNTED:
                found.add((episode.episode_id, step_of(episode)))
    return len(found)


def busiest(lines: Iterable[Line], rules: Rules) -> AlertRule:
    """Return the rule that announced most; the first one if none announced any."""
    counted = Counter(line.rule for line in lines if line.kind in COUNTED)
    return max(rules, key=lambda rule: counted[rule.name])
