"""Which anomalies to show first, and what a run found in all."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from tape.market.test_issues import is_test_issue


@dataclass(slots=True)
class Findings:
    """What a stream of anomalies held: how many, by rule and by symbol, and the most telling.

    `episodes` counts those that the stream has from their beginning.

    Trades that break several rules come first, then those furthest beyond a threshold; test
    issues (`tape.market.test_issues`) come last, whatever they did. Of one symbol's trades within a
    second only the first of these is kept. Memory does not grow with the stream.
    """

    most: int = 10
    count: int = 0
    episodes: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    by_symbol: Counter[str] = field(default_factory=Counter)
    by_symbol_and_rule: Counter[tuple[str, str]] = field(default_factory=Counter)
    _kept: dict[tuple[str, str], tuple[tuple[bool, int, float, int], dict[str, Any]]] = field(
        default_factory=dict
    )

    def add(self, value: bytes) -> None:
        """Take up one message of `anomalies`."""
        anomaly = msgspec.json.decode(value)
        symbol = anomaly["symbol"]
        self.count += 1
        self.episodes += anomaly["anomaly_id"] == anomaly["episode_id"]
        self.by_symbol[symbol] += 1
        for rule in anomaly["anomalies"]:
            self.by_rule[rule] += 1
            self.by_symbol_and_rule[symbol, rule] += 1
        rank = (*_surprise(anomaly), -self.count)  # of equals the earlier
        second = (symbol, anomaly["ts_event"][:19])
        if second in self._kept and self._kept[second][0] > rank:
            return
        self._kept[second] = (rank, anomaly)
        if len(self._kept) > self.most:
            del self._kept[min(self._kept, key=lambda one: self._kept[one][0])]

    @property
    def telling(self) -> list[dict[str, Any]]:
        """Return the most telling anomalies, most telling first."""
        kept = sorted(self._kept.values(), key=lambda one: one[0], reverse=True)
        return [anomaly for _, anomaly in kept]


def findings(values: Iterable[bytes], most: int = 10) -> Findings:
    """Return what the messages of `anomalies` hold, with the `most` telling ones."""
    found = Findings(most)
    for value in values:
        found.add(value)
    return found


def _surprise(anomaly: dict[str, Any]) -> tuple[bool, int, float]:
    beyond = [
        abs(reason["value"] / reason["threshold"])
        for reason in anomaly["reasons"]
        if reason["threshold"]
    ]
    is_real = not is_test_issue(anomaly["symbol"])
    return is_real, len(anomaly["anomalies"]), max(beyond, default=0.0)


def _marked(symbol: str) -> Text:
    """Return a symbol, with a word behind it if it is a test issue."""
    return Text(f"{symbol} (test)" if is_test_issue(symbol) else symbol)


def _price(usd: float) -> str:
    """Return a price with the digits that it has, two at least.

    >>> _price(1234.5), _price(0.000012345)
    ('1,234.50', '0.000012345')
    """
    whole, _, fraction = f"{usd:,.9f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def telling_table(found: Findings) -> Table:
    """Return the most telling anomalies as a table for a terminal.

    The day stands above the table, or in each row where there are several.
    """
    days = {anomaly["ts_event"][:10] for anomaly in found.telling}
    of = f" of {days.pop()}" if len(days) == 1 else ""
    table = Table(title=f"The most telling anomalies{of}", title_justify="left", expand=True)
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("symbol", no_wrap=True)
    table.add_column("price", justify="right", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("why", ratio=1)
    for anomaly in found.telling:
        stamp = anomaly["ts_event"][:23].replace("T", " ")
        table.add_row(
            stamp[11:] if of else stamp,
            _marked(anomaly["symbol"]),
            _price(anomaly["price"]),
            f"{anomaly['size']:,}",
            "\n".join(reason["text"] for reason in anomaly["reasons"]),
        )
    return table


def counts_table(found: Findings) -> Table:
    """Return how often each rule fired, a row a symbol."""
    rules = [rule for rule, _ in found.by_rule.most_common()]
    table = Table("symbol", title="Flagged trades", title_justify="left")
    for name in ("flagged", *rules):
        table.add_column(name, justify="right")
    by_count = found.by_symbol.most_common()
    for symbol, count in sorted(by_count, key=lambda one: is_test_issue(one[0])):
        row = (f"{found.by_symbol_and_rule[symbol, rule]:,}" for rule in rules)
        table.add_row(_marked(symbol), f"{count:,}", *row)
    return table
