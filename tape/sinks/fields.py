"""The fields of an anomaly as columns of a table."""

from collections.abc import Iterable
from typing import Any, Final

from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.fields import NANOS, NO_SEQUENCE
from tape.model.rejected import Rejected
from tape.model.trade import Trade
from tape.sinks.sink import Item, Poison

TIMES: Final = ("ts_recv", "ts_event")
FIELDS: Final = (
    *("ts_recv", "ts_event", "rtype", "publisher_id", "instrument_id", "action", "side", "depth"),
    *("price", "size", "flags", "ts_in_delta", "sequence", "symbol"),
)
"""A trade's fields, as DataBento names and orders them."""
VERDICT: Final = (
    *("anomaly_id", "episode_id", "anomalies", "severity", "priority", "family", "context"),
    *("rank", "suppressed"),
)


def read(items: Iterable[Item]) -> tuple[list[Anomaly], list[Poison]]:
    """Return the anomalies that items hold, and which of the items hold none, and why."""
    anomalies, poison = [], []
    for item in items:
        found = decode_anomaly(item.value)
        if isinstance(found, Rejected):
            poison.append(Poison(item, f"it is no anomaly ({found.reason}: {found.detail})"))
        else:
            anomalies.append(found)
    return anomalies, poison


def cells_of(found: Anomaly) -> dict[str, Any]:
    """Return the cells of `FIELDS` and `VERDICT`; None stands for what the anomaly does not have.

    Times are nanoseconds, the price dollars.
    """
    return _trade(found.trade) | {
        "anomaly_id": found.anomaly_id,
        "episode_id": found.episode_id,
        "anomalies": list(found.rules),
        "severity": found.severity,
        "priority": found.priority,
        "family": found.family or None,
        "context": found.context or None,
        "rank": found.rank,
        "suppressed": None if found.rank is None else found.suppressed,
    }


def reasons_of(found: Anomaly) -> list[dict[str, Any]]:
    """Return the reasons as rows whose numbers are reals: a table has no larger whole ones."""
    return [
        {
            "rule": one.rule,
            "value": float(one.value),
            "threshold": float(one.threshold),
            "text": one.text,
        }
        for one in found.reasons
    ]


def _trade(trade: Trade) -> dict[str, Any]:
    return {
        "ts_recv": trade.ts_recv_ns or None,
        "ts_event": trade.ts_event_ns,
        "rtype": trade.rtype,
        "publisher_id": trade.publisher_id,
        "instrument_id": trade.instrument_id,
        "action": trade.action,
        "side": trade.side,
        "depth": trade.depth,
        "price": trade.price_nanos / NANOS,
        "size": trade.size,
        "flags": trade.flags,
        "ts_in_delta": trade.ts_in_delta_ns,
        "sequence": None if trade.sequence == NO_SEQUENCE else trade.sequence,
        "symbol": trade.symbol,
    }
