"""Messages as rows in the text form of COPY: written by hand, a driver's costs three times that."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.fields import NO_SEQUENCE, iso_time, price_text
from tape.model.rejected import RAW_MAX, Rejected
from tape.sinks.episode_fields import EpisodeFields, decode_episode
from tape.sinks.sink import Item, Poison

NULL: Final = "\\N"

ESCAPES: Final = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
IN_ARRAY: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})

Row = tuple[str, tuple[int, int], str]
"""The identity of a row, how new it is, and its line without the end."""

ANOMALY_COLUMNS: Final = (
    *("anomaly_id", "symbol", "publisher_id", "ts_event", "ts_event_ns", "price", "size", "side"),
    *("sequence", "rules", "severity", "priority", "family", "context", "calibrated"),
    *("rank", "suppressed", "episode_id", "detector_version", "settings", "message"),
    *("source_partition", "source_offset", "topic_partition", "topic_offset", "appended_at"),
)
EPISODE_COLUMNS: Final = (
    *("episode_id", "symbol", "state", "flags", "first_ts_ns", "last_ts_ns", "ts_first", "ts_last"),
    *("first_sequence", "last_sequence", "price_before", "price_extreme", "price_after", "mark"),
    *("severity", "priority", "family", "rule", "reason", "context", "shares", "notional_usd"),
    *("publisher_id", "duration_s", "text", "detector_version", "settings", "message"),
    *("topic_partition", "topic_offset", "appended_at"),
)
REJECTED_COLUMNS: Final = (
    *("topic", "topic_partition", "topic_offset", "appended_at", "reason", "detail", "source"),
    *("app", "size", "sha256", "key", "value"),
)


def text(value: str) -> str:
    r"""Return a text as a field of COPY.

    >>> print(text("a\tb\\c"))
    a\tb\\c
    """
    for letter, escaped in ESCAPES:  # of a long text in a third of the time of `translate`
        value = value.replace(letter, escaped)
    return value


def optional(value: str | None) -> str:
    """Return a text, of which none and an empty one are NULL."""
    return text(value) if value else NULL


def number(value: float | None) -> str:
    """Return a number, or NULL."""
    return NULL if value is None else repr(value)


def anomaly_row(item: Item) -> Row | Rejected:
    """Return the row of an anomaly, or why there is none."""
    found = decode_anomaly(item.value)
    return found if isinstance(found, Rejected) else _anomaly(item, found)


def _anomaly(item: Item, found: Anomaly) -> Row:
    trade = found.trade
    headers = dict(item.headers)
    rules = ",".join(f'"{rule.translate(IN_ARRAY)}"' for rule in found.rules)
    line = "\t".join(
        (
            text(found.anomaly_id),
            text(trade.symbol),
            str(trade.publisher_id),
            iso_us(trade.ts_event_ns),
            str(trade.ts_event_ns),
            price_text(trade.price_nanos),
            str(trade.size),
            trade.side,
            NULL if trade.sequence == NO_SEQUENCE else str(trade.sequence),
            text(f"{{{rules}}}"),
            number(found.severity),
            number(found.priority),
            optional(found.family),
            optional(found.context),
            NULL if found.calibrated is None else str(found.calibrated).lower(),
            number(found.rank),
            NULL if found.rank is None else str(found.suppressed).lower(),
            optional(found.episode_id),
            text(found.detector.version),
            text(found.detector.settings),
            text(item.value.decode()),
            _count(headers.get("source_partition")),
            _count(headers.get("source_offset")),
            place(item),
        )
    )
    return found.anomaly_id, item.age, line


def episode_row(item: Item) -> Row | Rejected:
    """Return the row of an episode's state, or why there is none."""
    found = decode_episode(item.value)
    return found if isinstance(found, Rejected) else _episode(item, found)


def _episode(item: Item, found: EpisodeFields) -> Row:
    prices = (found.price_before, found.price_extreme, found.price_after)
    line = "\t".join(
        (
            text(found.episode_id),
            text(found.symbol),
            text(found.state),
            str(found.flags),
            str(found.first_ts_ns),
            str(found.last_ts_ns),
            iso_us(found.first_ts_ns),
            iso_us(found.last_ts_ns),
            number(found.first_sequence),
            number(found.last_sequence),
            *(NULL if one == b"null" else one.decode() for one in map(bytes, prices)),
            optional(found.mark),
            number(found.severity),
            number(found.priority),
            optional(found.family),
            optional(found.rule),
            optional(found.reason),
            optional(found.context),
            number(found.shares),
            number(found.notional_usd),
            number(found.publisher_id),
            number(found.duration_s),
            text(found.text),
            text(found.detector.version),
            text(found.detector.settings),
            text(item.value.decode()),
            place(item),
        )
    )
    return found.episode_id, item.age, line


def rejected_row(item: Item) -> Row:
    """Return the row of a rejected record; there is one of whatever it is."""
    said = {name: _plain(value) for name, value in item.headers}
    size = said.get("size", "")
    raw = item.value[:RAW_MAX]
    is_count = size.isascii() and size.isdecimal() and len(size) < 19
    name = f"{item.topic}[{item.partition}]@{item.offset}"
    line = "\t".join(
        (
            text(item.topic),
            str(item.partition),
            str(item.offset),
            _appended(item.appended_ms),
            said.get("reason", "unknown"),
            said.get("detail", ""),
            said.get("source", ""),
            said.get("app", ""),
            size if is_count else str(len(item.value)),
            said.get("sha256", ""),
            NULL if item.key is None else f"\\\\x{item.key.hex()}",
            f"\\\\x{raw.hex()}",
        )
    )
    return name, item.age, line


def iso_us(ns: int) -> str:
    """Return a time in whole microseconds: rounded, as the server does it, it may be tomorrow's."""
    return iso_time(ns)[:-4] + "Z"


@lru_cache(maxsize=4_096)
def _appended(ms: int) -> str:
    return iso_us(ms * 1_000_000)


def place(item: Item) -> str:
    """Return where a message lies and when it got there, as the last fields of a row."""
    return f"{item.partition}\t{item.offset}\t{_appended(item.appended_ms)}"


def _count(header: bytes | None) -> str:
    """Return a header that is a number, which a stranger may not have written."""
    return header.decode() if header and header.isdigit() and len(header) < 10 else NULL


def _plain(header: bytes | None) -> str:
    """Return a header as text that the database can hold."""
    return text((header or b"").decode(errors="replace").replace("\0", "�"))


def newest_rows(
    items: Iterable[Item], row_of: Callable[[Item], Row | Rejected]
) -> tuple[dict[str, tuple[Item, Row]], list[Poison]]:
    """Return one row per identity, the newest, and the items of which there is none."""
    rows: dict[str, tuple[Item, Row]] = {}
    poison = []
    for item in items:
        row = row_of(item)
        if isinstance(row, Rejected):
            poison.append(Poison(item, f"{row.reason}: {row.detail}"))
            continue
        kept = rows.get(row[0])
        if kept is None or kept[1][1] <= row[1]:
            rows[row[0]] = (item, row)
    return rows, poison
