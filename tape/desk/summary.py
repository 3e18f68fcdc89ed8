"""Which anomalies to show first, and what a run found in all."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec
from rich.table import Table
from rich.text import Text

from tape.market.test_issues import is_test_issue
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.fields import NANOS
from tape.model.rejected import Rejected
from tape.model.short_ids import ShortId, ShortIds
from tape.process.terminal_text import printable

_Rank = tuple[bool, float, float, float, int, float, int]
"""No test issue, rank, priority, severity, rules, how far beyond the threshold, and of equals the
earlier. Severities end at 8: of several there the priority decides."""
NONE: Final = -1.0
"""Ranks below every rank, priority and severity."""


@dataclass(frozen=True, slots=True)
class _Kept:
    rank: _Rank
    anomaly: Anomaly
    value: bytes
    short: ShortId


@dataclass(slots=True)
class Findings:
    """What a stream of anomalies held: how many, by rule and by symbol, and the most telling.

    `episodes` counts those that the stream has from their beginning; `unreadable` counts messages
    that are no anomalies; `suppressed` those that a ranking would rather not show. Of these none is
    telling, or only these with `of_suppressed`.

    Where a ranking gave ranks, the highest come first; else those of the highest priority, and
    where there is none trades that break several rules, then those furthest beyond a threshold.
    Test issues (`tape.market.test_issues`) come last, whatever they did. Of an episode only the
    first of these is kept. Memory does not grow with the stream.
    """

    most: int = 10
    of_suppressed: bool = False
    count: int = 0
    suppressed: int = 0
    unreadable: int = 0
    episodes: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    by_symbol: Counter[str] = field(default_factory=Counter)
    by_symbol_and_rule: Counter[tuple[str, str]] = field(default_factory=Counter)
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _ids: ShortIds = field(default_factory=ShortIds)

    def add(self, value: bytes) -> None:
        """Take up one message of `anomalies`."""
        anomaly = decode_anomaly(value)
        if isinstance(anomaly, Rejected):
            self.unreadable += 1
            return
        symbol = anomaly.trade.symbol
        short = self._ids.add(anomaly.anomaly_id)
        self.count += 1
        self.episodes += anomaly.anomaly_id == anomaly.episode_id
        self.by_symbol[symbol] += 1
        for rule in anomaly.rules:
            self.by_rule[rule] += 1
            self.by_symbol_and_rule[symbol, rule] += 1
        self.suppressed += anomaly.suppressed
        if anomaly.suppressed != self.of_suppressed:
            return
        rank = (*surprise(anomaly), -self.count)
        event = anomaly.episode_id or f"{symbol} {anomaly.trade.ts_event_ns // NANOS}"
        if event in self._kept and self._kept[event].rank > rank:
            return
        self._kept[event] = _Kept(rank, anomaly, value, short)
        if len(self._kept) > self.most:
            del self._kept[min(self._kept, key=lambda one: self._kept[one].rank)]

    @property
    def telling(self) -> list[Anomaly]:
        """Return the most telling anomalies, most telling first."""
        return [one.anomaly for one in self._ranked()]

    @property
    def messages(self) -> list[msgspec.Raw]:
        """Return their messages, as they came."""
        return [msgspec.Raw(one.value) for one in self._ranked()]

    @property
    def short_ids(self) -> list[str]:
        """Return how their ids begin, as far as it tells them from all others."""
        return [printable(one.short.text) for one in self._ranked()]

    def _ranked(self) -> list[_Kept]:
        return sorted(self._kept.values(), key=lambda one: one.rank, reverse=True)


def findings(values: Iterable[bytes], most: int = 10) -> Findings:
    """Return what the messages of `anomalies` hold, with the `most` telling ones."""
    found = Findings(most)
    for value in values:
        found.add(value)
    return found


def surprise(anomaly: Anomaly) -> tuple[bool, float, float, float, int, float]:
    """Return by what anomalies are ranked: the larger, the more telling."""
    beyond = [
        abs(reason.value / reason.threshold) for reason in anomaly.reasons if reason.threshold
    ]
    is_real = not is_test_issue(anomaly.trade.symbol)
    rank = NONE if anomaly.rank is None else anomaly.rank
    priority = NONE if anomaly.priority is None else anomaly.priority
    severity = NONE if anomaly.severity is None else anomaly.severity
    return is_real, rank, priority, severity, len(anomaly.rules), max(beyond, default=0.0)


def marked(symbol: str) -> Text:
    """Return a symbol, with a word behind it if it is a test issue."""
    return Text(f"{symbol} (test)" if is_test_issue(symbol) else symbol)


def counts_table(found: Findings) -> Table:
    """Return how often each rule fired, one row per symbol."""
    rules = [rule for rule, _ in found.by_rule.most_common()]
    table = Table("symbol", title="Flagged trades", title_justify="left")
    for name in ("flagged", *rules):
        table.add_column(name, justify="right")
    by_count = found.by_symbol.most_common()
    for symbol, count in sorted(by_count, key=lambda one: is_test_issue(one[0])):
        row = (f"{found.by_symbol_and_rule[symbol, rule]:,}" for rule in rules)
        table.add_row(marked(symbol), f"{count:,}", *row)
    return table
