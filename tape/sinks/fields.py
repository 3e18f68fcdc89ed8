"""Anomalies as rows of a table."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.fields import NANOS, NO_SEQUENCE, iso_time, price_text
from tape.model.rejected import Rejected
from tape.model.trade import Trade
from tape.sinks.message_rows import Read
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


def anomaly_fields(pa: Any) -> list[tuple[str, Any]]:
    """Return names and types of an anomaly's columns; `pa` is pyarrow, which is slow to load."""
    whole = {name: pa.int64() for name in FIELDS}
    whole |= {name: pa.timestamp("ns", tz="UTC") for name in TIMES}
    whole |= {name: pa.string() for name in ("action", "side", "symbol")}
    reason = [("rule", pa.string()), ("value", pa.float64()), ("threshold", pa.float64())]
    return [
        *(whole | {"price": pa.float64()}).items(),
        ("anomaly_id", pa.string()),
        ("episode_id", pa.string()),
        ("anomalies", pa.list_(pa.string())),
        ("severity", pa.float64()),
        ("priority", pa.float64()),
        ("family", pa.string()),
        ("context", pa.string()),
        ("rank", pa.float64()),
        ("suppressed", pa.bool_()),
        ("reasons", pa.list_(pa.struct([*reason, ("text", pa.string())]))),
    ]


class AnomalyTable:
    """One row per anomaly: the trade's own fields, then what is said of it."""

    columns = (*FIELDS, *VERDICT, "reasons")

    def cells(self, items: Sequence[Item], /) -> Read:
        """Return rows of text and numbers."""
        anomalies, poison = read(items)
        rows = []
        for found in anomalies:
            cells = cells_of(found)
            cells |= {name: iso_time(cells[name]) for name in TIMES if cells[name] is not None}
            cells["price"] = Decimal(price_text(found.trade.price_nanos))
            cells["anomalies"] = "; ".join(found.rules)
            cells["reasons"] = "; ".join(reason.text for reason in found.reasons)
            rows.append(cells)
        return rows, poison

    def records(self, items: Sequence[Item], /) -> Read:
        """Return rows as Arrow has them."""
        anomalies, poison = read(items)
        rows = [cells_of(one) | {"reasons": reasons_of(one)} for one in anomalies]
        return rows, poison

    def types(self, pa: Any, /) -> dict[str, Any]:
        """Return the types of Arrow's columns."""
        return dict(anomaly_fields(pa))


TABLE: Final = AnomalyTable()
