"""Headers of the records that we write, and of those that anybody wrote."""

from collections.abc import Mapping
from hashlib import sha256
from operator import methodcaller
from typing import Final

from confluent_kafka import Message

import tape
from tape.kafka.errors import causes
from tape.model.rejected import KEY_MAX, Rejected
from tape.model.trade import decode

Header = tuple[str, bytes]

OFFSET_DIGITS: Final = 18
"""Of a number that every client takes for an offset: 2^63 has 19."""

_HEADERS: Final = methodcaller("headers")


def headers_of(message: Message) -> list[tuple[str, bytes | None]]:
    """Return a record's headers; none of those of which one has a name that is not UTF-8.

    Another client can write such a name. Ours tells no header then, but leaves an error behind, of
    which the interpreter makes a `SystemError`. Not where it has optimized the call, after a few of
    them (CPython 3.11): the error would come out of whatever is done next. So it is called by way
    of `methodcaller`, which always looks. To be called once for each message: the client's second
    answer is garbage (confluent-kafka 2.12).
    """
    try:
        found: list[tuple[str, bytes | None]] = _HEADERS(message) or []
        return found
    except (UnicodeDecodeError, SystemError) as error:
        if not any(isinstance(one, UnicodeDecodeError) for one in causes(error)):
            raise
        return []


def provenance(partition: int, offset: int, ts_event_ns: int) -> list[Header]:
    """Return the headers that say where on `stocks` a trade lies, and when it happened."""
    return [
        ("source_partition", str(partition).encode()),
        ("source_offset", str(offset).encode()),
        ("ts_event_ns", str(ts_event_ns).encode()),
    ]


def source_of(headers: Mapping[str, bytes | None]) -> tuple[int, int] | None:
    """Return partition and offset that `provenance` wrote; None where nothing of the kind is.

    >>> source_of(dict(provenance(3, 17, 0))), source_of({"source_partition": b"-1"})
    ((3, 17), None)
    """
    texts = [headers.get(name) or b"" for name in ("source_partition", "source_offset")]
    if not all(text.isdigit() and len(text) <= OFFSET_DIGITS for text in texts):
        return None
    partition, offset = map(int, texts)
    return partition, offset


def rejection_headers(
    raw: bytes, rejected: Rejected, source: str, *, app: str, key: bytes | None = None
) -> list[Header]:
    """Return the headers of a record on `rejected`: why, where from, and what it was in full.

    A time only of what is a trade, and a size of the key only where it is cut.

    Args:
        raw: the record's whole value; on the topic it may be cut.
        rejected: why it is no trade, or none that is taken.
        source: topic, partition and offset (`stocks[3]@17`), or file and line.
        app: which app rejected it.
        key: the record's whole key; None for a row of a file.

    >>> why = Rejected("message_not_json", "not JSON")
    >>> headers = rejection_headers(b"{", why, "stocks[3]@17", app="anomaly_detector")
    >>> [dict(headers)[name] for name in ("reason", "source", "size")]
    [b'message_not_json', b'stocks[3]@17', b'1']
    """
    headers = [
        ("reason", rejected.reason.encode()),
        ("detail", rejected.detail.encode()),
        ("source", source.encode()),
        ("app", app.encode()),
        ("app_version", tape.__version__.encode()),
        ("size", str(len(raw)).encode()),
        ("sha256", sha256(raw).hexdigest().encode()),
    ]
    trade = decode(raw)
    if not isinstance(trade, Rejected):
        headers.append(("ts_event_ns", str(trade.ts_event_ns).encode()))
    if key is not None and len(key) > KEY_MAX:
        headers.append(("key_size", str(len(key)).encode()))
    return headers
