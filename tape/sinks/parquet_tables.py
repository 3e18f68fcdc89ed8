"""Messages of each kind as tables of Arrow: a column per field, and the message itself."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import asdict

from tape.model.anomaly import decode_anomaly
from tape.model.fields import NANOS, NO_SEQUENCE, time_ns
from tape.model.rejected import Rejected
from tape.model.trade import decode
from tape.process.origin import MARK
from tape.sinks.dated import dated_bar, dated_review
from tape.sinks.episode_fields import decode_episode
from tape.sinks.fields import anomaly_fields, cells_of, reasons_of
from tape.sinks.sink import Item, Kind, Poison

MS_NS: Final = 1_000_000

SAID: Final = (
    *("episode_id", "symbol", "state", "mark", "severity", "priority", "family", "rule", "reason"),
    *("context", "notional_usd", "duration_s", "text"),
)
COUNTS: Final = ("flags", "shares", "publisher_id", "first_sequence", "last_sequence")
"""Fields of an episode that are columns as they are, and those of them that may be too large."""


@dataclass(frozen=True, slots=True)
class DayRow:
    """A row, the item that it is of, and the time that decides its day, nanoseconds since 1970."""

    item: Item
    ts_ns: int
    cells: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TableOf:
    """How items of a kind become a table."""

    schema: Any
    row_of: Callable[[Item], DayRow | Rejected]
    make: Callable[..., Any]

    def rows(self, items: Iterable[Item]) -> list[DayRow | Poison]:
        """Return a row, or why there is none, for each item."""
        found: list[DayRow | Poison] = []
        for item in items:
            if item.is_deletion:
                continue
            row = self.row_of(item)
            if isinstance(row, Rejected):
                found.append(Poison(item, f"{row.reason}: {row.detail}"))
            else:
                found.append(row)
        return found

    def table(self, rows: Sequence[DayRow]) -> Any:
        """Return rows as a table."""
        return self.make([row.cells for row in rows], schema=self.schema)


def tables() -> dict[Kind, TableOf]:
    """Return how each kind becomes a table; raises `ImportError` without pyarrow."""
    import pyarrow as pa

    time, text, whole, real = pa.timestamp("ns", tz="UTC"), pa.string(), pa.int64(), pa.float64()
    place = [("topic_partition", pa.int32()), ("topic_offset", whole), ("appended_at", time)]
    message = [("message", text), *place]
    anomalies = [*anomaly_fields(pa), ("detector_version", text), ("settings", text), *message]
    episodes = [
        *(("episode_id", text), ("symbol", text), ("state", text), ("flags", whole)),
        *(("ts_first", time), ("ts_last", time), ("price_before", real), ("price_extreme", real)),
        *(("price_after", real), ("mark", text), ("priority", real), ("family", text)),
        *(("severity", real), ("rule", text), ("reason", text), ("context", text)),
        *(("rules", pa.map_(text, whole)), ("shares", whole), ("notional_usd", real)),
        *(("publisher_id", whole), ("first_sequence", whole), ("last_sequence", whole)),
        *(("duration_s", real), ("text", text), ("detector_version", text), ("settings", text)),
        *message,
    ]
    rejected = [
        *(("reason", text), ("detail", text), ("source", text), ("app", text), ("sha256", text)),
        *(("key", pa.binary()), ("value", pa.binary()), *place),
    ]
    bars = [
        *(("symbol", text), ("bar_start", time)),
        *((name, real) for name in ("open", "high", "low", "close", "lower", "upper")),
        *((name, whole) for name in ("volume", "trades", "flagged")),
        *place,
    ]
    step = [("state", text), ("reason", text), ("note", text), ("tags", pa.list_(text))]
    step += [("by", text), ("at", time)]
    reviews = [
        *(("episode_id", text), *step, ("steps", pa.int32())),
        *(("history", pa.list_(pa.struct(step))), *message),
    ]
    stocks = [
        *(("ts_event", time), ("ts_recv", time), ("symbol", text), ("price", real)),
        *(("price_nanos", whole), ("size", whole), ("side", text), ("publisher_id", pa.int32())),
        *(("sequence", whole), ("ordinal", pa.int32()), *place),
    ]
    made: tuple[tuple[Kind, Any, Callable[[Item], DayRow | Rejected]], ...] = (
        ("anomalies", anomalies, _anomaly),
        ("episodes", episodes, _episode),
        ("bars", bars, _bar),
        ("reviews", reviews, _review),
        ("rejected", rejected, _rejected),
        ("stocks", stocks, _trade),
    )
    about = {"creator": MARK.decode()}
    return {
        kind: TableOf(pa.schema(fields, metadata=about), row_of, pa.Table.from_pylist)
        for kind, fields, row_of in made
    }


def _place(item: Item) -> dict[str, Any]:
    return {
        "topic_partition": item.partition,
        "topic_offset": item.offset,
        "appended_at": item.appended_ms * MS_NS,
    }


def _anomaly(item: Item) -> DayRow | Rejected:
    found = decode_anomaly(item.value)
    if isinstance(found, Rejected):
        return found
    cells = cells_of(found) | {
        "reasons": reasons_of(found),
        "detector_version": found.detector.version,
        "settings": found.detector.settings,
        "message": item.value.decode(),
    }
    return DayRow(item, found.trade.ts_event_ns, cells | _place(item))


def _episode(item: Item) -> DayRow | Rejected:
    found = decode_episode(item.value)
    if isinstance(found, Rejected):
        return found
    cells: dict[str, Any] = {name: getattr(found, name) for name in (*SAID, *COUNTS)}
    counts = [*found.rules.values(), *(cells[name] for name in COUNTS)]
    if any(one is not None and not -(2**63) <= one < 2**63 for one in counts):
        return Rejected("number_range", "a count has no room in 64 bits")
    for name in ("price_before", "price_extreme", "price_after"):
        raw = bytes(getattr(found, name))
        cells[name] = None if raw == b"null" else float(raw)
    cells |= {
        "ts_first": found.first_ts_ns,
        "ts_last": found.last_ts_ns,
        "rules": list(found.rules.items()),
        "detector_version": found.detector.version,
        "settings": found.detector.settings,
        "message": item.value.decode(),
    }
    return DayRow(item, found.first_ts_ns, cells | _place(item))


def _bar(item: Item) -> DayRow | Rejected:
    found = dated_bar(item.value)
    if isinstance(found, Rejected):
        return found
    cells = asdict(found.bar) | {"bar_start": found.start_ns}
    if any(not -(2**63) <= cells[name] < 2**63 for name in ("volume", "trades", "flagged")):
        return Rejected("number_range", "a count has no room in 64 bits")
    return DayRow(item, found.start_ns, cells | _place(item))


def _review(item: Item) -> DayRow | Rejected:
    found = dated_review(item.value)
    if isinstance(found, Rejected):
        return found
    steps = [asdict(one) | {"at": time_ns(one.at, "at")} for one in found.history]
    cells: dict[str, Any] = asdict(found.review) | {
        "at": found.at_ns,
        "steps": len(steps),
        "history": steps,
        "message": item.value.decode(),
    }
    return DayRow(item, found.at_ns, cells | _place(item))


def _rejected(item: Item) -> DayRow:
    said = {name: (value or b"").decode(errors="replace") for name, value in item.headers}
    cells: dict[str, Any] = {
        name: said.get(name, "") for name in ("reason", "detail", "source", "app", "sha256")
    }
    cells |= {"key": item.key, "value": item.value}
    return DayRow(item, item.appended_ms * MS_NS, cells | _place(item))


def _trade(item: Item) -> DayRow | Rejected:
    found = decode(item.value, item.key, check_key=True)
    if isinstance(found, Rejected):
        return found
    names = ("symbol", "price_nanos", "size", "side", "publisher_id", "ordinal")
    cells: dict[str, Any] = {name: getattr(found, name) for name in names}
    cells |= {
        "ts_event": found.ts_event_ns,
        "ts_recv": found.ts_recv_ns or None,
        "price": found.price_nanos / NANOS,
        "sequence": None if found.sequence == NO_SEQUENCE else found.sequence,
    }
    return DayRow(item, found.ts_event_ns, cells | _place(item))
