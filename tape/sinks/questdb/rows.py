"""Messages as rows of QuestDB: every cell a text, which the server reads by its column's type."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from tape.model.anomaly import decode_anomaly
from tape.model.fields import NO_SEQUENCE, iso_time, price_text
from tape.model.rejected import RAW_MAX, Rejected
from tape.model.trade import decode
from tape.sinks.episode_fields import decode_episode
from tape.sinks.sink import Item

Row = tuple[str | None, ...]
MS_NS: Final = 1_000_000
WHOLE_MAX: Final = 2**63 - 1
"""Of its whole numbers; the least of all stands for none there."""

PLACE: Final = ("topic_partition", "topic_offset", "appended_at")
ANOMALY: Final = (
    *("ts_event", "anomaly_id", "symbol", "publisher_id", "price", "size", "side", "sequence"),
    *("rules", "reason", "severity", "priority", "family", "context", "calibrated", "rank"),
    *("suppressed", "episode_id", "detector_version", "settings", "message"),
    *("source_partition", "source_offset", *PLACE),
)
EPISODE: Final = (
    *("ts_first", "episode_id", "symbol", "state", "flags", "rules", "ts_last"),
    *("first_sequence", "last_sequence", "price_before", "price_extreme", "price_after", "mark"),
    *("severity", "priority", "family", "rule", "reason", "context", "shares", "notional_usd"),
    *("publisher_id", "duration_s", "text", "detector_version", "settings", "message", *PLACE),
)
REJECTED: Final = (
    *("appended_at", "topic", "topic_partition", "topic_offset", "reason", "detail", "source"),
    *("app", "size", "sha256", "key_base64", "value_base64"),
)
TRADE: Final = (
    *("ts_event", "symbol", "publisher_id", "sequence", "price", "size", "side", "ordinal"),
    "ts_recv",
)


@dataclass(frozen=True, slots=True)
class Table:
    """How one kind of message becomes rows: their columns, and what makes one.

    Attributes:
        columns: that a row has.
        row_of: makes one.
    """

    columns: tuple[str, ...]
    row_of: Callable[[Item], Row | Rejected]


def anomaly_row(item: Item) -> Row | Rejected:
    """Return the row of an anomaly, or why there is none."""
    found = decode_anomaly(item.value)
    if isinstance(found, Rejected):
        return found
    trade, headers = found.trade, dict(item.headers)
    return (
        iso_time(trade.ts_event_ns),
        found.anomaly_id,
        trade.symbol,
        str(trade.publisher_id),
        price_text(trade.price_nanos),
        str(trade.size),
        trade.side,
        None if trade.sequence == NO_SEQUENCE else str(trade.sequence),
        ",".join(found.rules),
        found.reasons[0].text if found.reasons else None,
        _number(found.severity),
        _number(found.priority),
        found.family or None,
        found.context or None,
        None if found.calibrated is None else str(found.calibrated).lower(),
        _number(found.rank),
        None if found.rank is None else str(found.suppressed).lower(),
        found.episode_id or None,
        found.detector.version,
        found.detector.settings,
        item.value.decode(),
        _count(headers.get("source_partition")),
        _count(headers.get("source_offset")),
        *_place(item),
    )


def episode_row(item: Item) -> Row | Rejected:
    """Return the row of an episode's state, or why there is none."""
    found = decode_episode(item.value)
    if isinstance(found, Rejected):
        return found
    wholes = (found.flags, found.first_sequence, found.last_sequence, found.shares)
    if any(one is not None and abs(one) > WHOLE_MAX for one in (*wholes, found.publisher_id)):
        return Rejected("number_range", "a count has no room in 64 bits")
    prices = map(bytes, (found.price_before, found.price_extreme, found.price_after))
    return (
        iso_time(found.first_ts_ns),
        found.episode_id,
        found.symbol,
        found.state,
        str(found.flags),
        msgspec.json.encode(found.rules).decode(),
        iso_time(found.last_ts_ns),
        _number(found.first_sequence),
        _number(found.last_sequence),
        *(None if one == b"null" else one.decode() for one in prices),
        found.mark,
        _number(found.severity),
        _number(found.priority),
        found.family or None,
        found.rule or None,
        found.reason or None,
        found.context or None,
        _number(found.shares),
        _number(found.notional_usd),
        _number(found.publisher_id),
        _number(found.duration_s),
        found.text,
        found.detector.version,
        found.detector.settings,
        item.value.decode(),
        *_place(item),
    )


def rejected_row(item: Item) -> Row:
    """Return the row of a rejected record; there is one of whatever it is."""
    said = {name: _plain(value) for name, value in item.headers}
    size = said.get("size", "")
    is_count = size.isascii() and size.isdecimal() and len(size) < 19
    return (
        iso_time(item.appended_ms * MS_NS),
        item.topic,
        str(item.partition),
        str(item.offset),
        said.get("reason", "unknown"),
        said.get("detail", ""),
        said.get("source", ""),
        said.get("app", ""),
        size if is_count else str(len(item.value)),
        said.get("sha256", ""),
        None if item.key is None else base64.b64encode(item.key).decode(),
        base64.b64encode(item.value[:RAW_MAX]).decode(),
    )


def trade_row(item: Item) -> Row | Rejected:
    """Return the row of a trade, or why there is none."""
    found = decode(item.value, item.key, check_key=True)
    if isinstance(found, Rejected):
        return found
    return (
        iso_time(found.ts_event_ns),
        found.symbol,
        str(found.publisher_id),
        str(found.sequence),
        price_text(found.price_nanos),
        str(found.size),
        found.side,
        str(found.ordinal),
        iso_time(found.ts_recv_ns) if found.ts_recv_ns else None,
    )


TABLES: Final[dict[str, Table]] = {
    "anomalies": Table(ANOMALY, anomaly_row),
    "episode_states": Table(EPISODE, episode_row),
    "rejected": Table(REJECTED, rejected_row),
    "trades": Table(TRADE, trade_row),
}


def _number(value: float | None) -> str | None:
    return None if value is None else repr(value)


def _place(item: Item) -> Row:
    return str(item.partition), str(item.offset), iso_time(item.appended_ms * MS_NS)


def _count(header: bytes | None) -> str | None:
    """Return a header that is a number, which a stranger may not have written."""
    return header.decode() if header and header.isdigit() and len(header) < 10 else None


def _plain(header: bytes | None) -> str:
    """Return a header as text that the driver can send."""
    return (header or b"").decode(errors="replace").replace("\0", "�")
