"""Bars written down literally: a trade at a time, in dictionaries."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

UNITS = {"s": 1, "m": 60, "h": 3_600}
NEW_YORK = ZoneInfo("America/New_York")


def start_of(ns: int, every: str) -> int:
    """Return when the bar of a time begins."""
    if every == "1d":
        local = datetime.fromtimestamp(ns // 10**9, UTC).astimezone(NEW_YORK)
        midnight = local.replace(hour=0, minute=0, second=0, fold=0)
        return round(midnight.timestamp()) * 10**9
    length = int(every[:-1]) * UNITS[every[-1]] * 10**9
    return ns - ns % length


def bars(trades: Iterable[dict[str, Any]], every: str) -> list[dict[str, Any]]:
    """Return the bars of trades that come in the order of the tape, by start and symbol.

    A trade has symbol, ns, price, size, flagged, usable, lower and upper; None for no band.
    """
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for trade in trades:
        groups.setdefault((start_of(trade["ns"], every), trade["symbol"]), []).append(trade)
    found = []
    for (start, symbol), some in sorted(groups.items()):
        some = sorted(some, key=lambda one: one["ns"])  # of one time the order of the tape stays
        bar = {"symbol": symbol, "start": start, **_prices(some, "")}
        bar |= {"flagged": sum(one["flagged"] for one in some), "lower": None, "upper": None}
        bar |= _prices([one for one in some if one["usable"]], "_clean")
        for one in some:
            if one["lower"] is not None:
                bar |= {"lower": one["lower"], "upper": one["upper"]}
        found.append(bar)
    return found


def _prices(trades: list[dict[str, Any]], suffix: str) -> dict[str, Any]:
    prices = [trade["price"] for trade in trades]
    return {
        f"open{suffix}": prices[0] if prices else None,
        f"high{suffix}": max(prices, default=None),
        f"low{suffix}": min(prices, default=None),
        f"close{suffix}": prices[-1] if prices else None,
        f"volume{suffix}": sum(trade["size"] for trade in trades),
        f"trades{suffix}": len(trades),
    }
