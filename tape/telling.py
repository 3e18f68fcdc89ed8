"""Which anomalies to show first, and what a run found in all."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from rich.table import Table


@dataclass(slots=True)
class Findings:
    """What a set of anomalies holds: how many, by rule and by symbol, and the most telling."""

    count: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    by_symbol: Counter[str] = field(default_factory=Counter)
    telling: list[dict[str, Any]] = field(default_factory=list)


def findings(values: Iterable[bytes], most: int = 10) -> Findings:
    """Return what the messages of `anomalies` hold, with the `most` telling ones.

    Trades that break several rules come first, then those furthest beyond a threshold; of one
    symbol's trades within a second only the first of these is kept.
    """
    found = Findings()
    ranked = []
    for value in values:
        anomaly = msgspec.json.decode(value)
        found.count += 1
        found.by_rule.update(anomaly["anomalies"])
        found.by_symbol[anomaly["symbol"]] += 1
        ranked.append(anomaly)
    ranked.sort(key=_surprise, reverse=True)
    seconds = set()
    for anomaly in ranked:
        second = (anomaly["symbol"], anomaly["ts_event"][:19])
        if second not in seconds and len(found.telling) < most:
            seconds.add(second)
            found.telling.append(anomaly)
    return found


def _surprise(anomaly: dict[str, Any]) -> tuple[int, float]:
    beyond = [
        abs(reason["value"] / reason["threshold"])
        for reason in anomaly["reasons"]
        if reason["threshold"]
    ]
    return len(anomaly["anomalies"]), max(beyond, default=0.0)


def telling_table(found: Findings) -> Table:
    """Return the most telling anomalies as a table for a terminal."""
    table = Table(title="The most telling anomalies", title_justify="left", expand=True)
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("symbol", no_wrap=True)
    table.add_column("price", justify="right", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("why", ratio=1)
    for anomaly in found.telling:
        table.add_row(
            anomaly["ts_event"][11:23],
            anomaly["symbol"],
            f"{anomaly['price']:,.2f}",
            f"{anomaly['size']:,}",
            "\n".join(reason["text"] for reason in anomaly["reasons"]),
        )
    return table
