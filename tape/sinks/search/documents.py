"""Messages as documents: an identity, how new it is, the month's index, and the fields."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tape.model.anomaly import IDENTITY, Anomaly, anomaly_id, decode_anomaly
from tape.model.fields import NANOS, NO_SEQUENCE, TIME_MAX_NS, TIME_MIN_NS, iso_time
from tape.model.rejected import RAW_MAX, Rejected
from tape.model.trade import decode
from tape.sinks.episode_fields import EpisodeFields, decode_episode
from tape.sinks.sink import Item, Kind, Poison

ID_MAX: Final = 512
"""Longest identity in bytes that the servers take; for a longer one they refuse a whole request."""

MS_NS: Final = 1_000_000
OFFSETS_PER_MS: Final = 2**20
"""How much a millisecond counts beside an offset in a version. Both grow with each message, so
their sum does. A topic that is made again begins at 0: after 10**9 messages a second is enough."""

VERSION_MAX: Final = 2**63 - 1
"""Largest version that the servers take."""


@dataclass(frozen=True, slots=True)
class Document:
    """A message as the server gets it.

    Attributes:
        item: the message.
        name: its identity.
        version: how new it is among those of its identity.
        month: of the trade that decides its index, as 2025-05.
        line: its fields as JSON.
    """

    item: Item
    name: str
    version: int
    month: str
    line: bytes


_encode: Final = msgspec.json.Encoder().encode


def version_of(item: Item) -> int:
    """Return a number that is larger for each newer message of an identity."""
    return min(item.appended_ms * OFFSETS_PER_MS + item.offset, VERSION_MAX)


def document_of(item: Item) -> Document | Rejected:
    """Return a message as a document, or why there is none."""
    return READERS[item.kind](item)


def newest_documents(items: Iterable[Item]) -> tuple[list[Document], list[Poison]]:
    """Return one document per identity, the newest, and the items of which there is none."""
    found: dict[tuple[Kind, str], Document] = {}
    poison = []
    for item in items:
        made = document_of(item)
        if isinstance(made, Rejected):
            poison.append(Poison(item, f"{made.reason}: {made.detail}"))
            continue
        size = len(made.name.encode())
        if not 0 < size <= ID_MAX:
            poison.append(Poison(item, f"its identity has {size} bytes, 1 to {ID_MAX} are taken"))
            continue
        kept = found.get((item.kind, made.name))
        if kept is None or kept.version <= made.version:
            found[item.kind, made.name] = made
    return list(found.values()), poison


def _anomaly(item: Item) -> Document | Rejected:
    found = decode_anomaly(item.value)
    if isinstance(found, Rejected):
        return found
    fields = _trade_of(found) | {
        "anomaly_id": found.anomaly_id,
        "episode_id": found.episode_id or None,
        "rules": found.rules,
        "severity": found.severity,
        "priority": found.priority,
        "family": found.family or None,
        "context": found.context or None,
        "calibrated": found.calibrated,
        "rank": found.rank,
        "suppressed": None if found.rank is None else found.suppressed,
        "reason": [one.text for one in found.reasons],
        "reasons": found.reasons,
        "features": found.features,
        "detector_version": found.detector.version,
        "settings": found.detector.settings,
        "message": item.value.decode(),
    }
    return _document(item, found.anomaly_id, found.trade.ts_event_ns, fields)


def _trade_of(found: Anomaly) -> dict[str, Any]:
    trade = found.trade
    return {
        "symbol": trade.symbol,
        "publisher_id": trade.publisher_id,
        "ts_event": iso_time(trade.ts_event_ns),
        "price": trade.price_nanos / NANOS,
        "size": trade.size,
        "side": trade.side,
        "sequence": None if trade.sequence == NO_SEQUENCE else trade.sequence,
    }


def _episode(item: Item) -> Document | Rejected:
    found = decode_episode(item.value)
    if isinstance(found, Rejected):
        return found
    names = (
        *("episode_id", "symbol", "state", "flags", "first_sequence", "last_sequence"),
        *("mark", "severity", "priority", "family", "rule", "reason", "context", "shares"),
        *("notional_usd", "publisher_id", "duration_s", "text"),
    )
    fields: dict[str, Any] = {name: getattr(found, name) for name in names}
    for name in ("price_before", "price_extreme", "price_after"):
        raw = bytes(getattr(found, name))
        fields[name] = None if raw == b"null" else float(raw)
    fields |= {
        "rules": list(found.rules),
        "by_rule": found.rules,
        "ts_first": iso_time(found.first_ts_ns),
        "ts_last": iso_time(found.last_ts_ns),
        "detector_version": found.detector.version,
        "settings": found.detector.settings,
        "message": item.value.decode(),
    }
    return _document(item, found.episode_id, _first_trade_ns(found), fields)


def _first_trade_ns(found: EpisodeFields) -> int:
    """Return when the trade was that gave an episode its name: the same in each of its states."""
    match = IDENTITY.fullmatch(found.episode_id)
    named_ns = int(match["ns"]) if match else 0
    return named_ns if TIME_MIN_NS <= named_ns < TIME_MAX_NS else found.first_ts_ns


def _rejected(item: Item) -> Document | Rejected:
    said = {name: (value or b"").decode(errors="replace") for name, value in item.headers}
    size = said.get("size", "")
    is_count = size.isascii() and size.isdecimal() and len(size) < len(str(VERSION_MAX))
    names = ("reason", "detail", "source", "app", "sha256")
    fields: dict[str, Any] = {name: said.get(name, "") for name in names}
    fields |= {
        "topic": item.topic,
        "size": int(size) if is_count else len(item.value),
        "key": item.key,
        "value": item.value[:RAW_MAX],
    }
    name = f"{item.topic}-{item.partition}-{item.offset}-{item.appended_ms}"
    return _document(item, name, item.appended_ms * MS_NS, fields)


def _stock(item: Item) -> Document | Rejected:
    found = decode(item.value, item.key, check_key=True)
    if isinstance(found, Rejected):
        return found
    name = anomaly_id(
        found.symbol,
        found.publisher_id,
        found.ts_event_ns,
        found.sequence,
        price_nanos=found.price_nanos,
        size=found.size,
        side=found.side,
        ordinal=found.ordinal,
        shared=True,
    )
    fields = {
        "symbol": found.symbol,
        "publisher_id": found.publisher_id,
        "ts_event": iso_time(found.ts_event_ns),
        "ts_recv": iso_time(found.ts_recv_ns) if found.ts_recv_ns else None,
        "price": found.price_nanos / NANOS,
        "price_nanos": found.price_nanos,
        "size": found.size,
        "side": found.side,
        "sequence": None if found.sequence == NO_SEQUENCE else found.sequence,
        "ordinal": found.ordinal,
    }
    return _document(item, name, found.ts_event_ns, fields)


def _document(item: Item, name: str, ts_ns: int, fields: dict[str, Any]) -> Document:
    place = {
        "topic_partition": item.partition,
        "topic_offset": item.offset,
        "appended_at": iso_time(item.appended_ms * MS_NS),
    }
    return Document(item, name, version_of(item), iso_time(ts_ns)[:7], _encode(fields | place))


READERS: Final[dict[Kind, Callable[[Item], Document | Rejected]]] = {
    "anomalies": _anomaly,
    "episodes": _episode,
    "rejected": _rejected,
    "stocks": _stock,
}
