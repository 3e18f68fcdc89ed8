"""A record of the log: trades of many symbols since the commit before, and where these stand."""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from tape.codec.array_types import I64, U8
from tape.errors import StateError
from tape.judging.bar_changes import BarChanges
from tape.judging.trade_log.bar_columns import packed_bars, unpacked_bars
from tape.judging.trade_log.packing import PRICE_STEPS, packed, unpacked
from tape.model.columns import TradeColumns

MAGIC: Final = b"LOGT"
VERSION: Final = 1
"""Version of this layout."""
HEADER: Final = struct.Struct("<4sHHQIIII")
"""LOGT, version, 0, number, lengths of the detectors' names, of the symbols' and of the episodes,
checksum of all that follows."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """Trades of symbols, by numbers that count within the record, and where the symbols stand.

    Attributes:
        number: records count from 1 on.
        detectors: names of those that have judged the trades, in their order.
        names: the symbols.
        last_record: of each symbol the number of its last record in the partition.
        trades_seen: of each symbol its trades so far, duplicates too.
        trades: those that the first detector accepted, in their order.
        dropped_by: of each trade which later detector took it for a duplicate, or `KEPT_BY_ALL`.
        episodes: by a symbol's number here what is kept of its episode, where it has flags that
            are not over; of others it follows from the trades.
        bars: those that have changed; None where none are kept.
    """

    number: int
    detectors: tuple[str, ...]
    names: list[str]
    last_record: I64
    trades_seen: I64
    trades: TradeColumns
    dropped_by: U8
    episodes: dict[int, bytes]
    bars: BarChanges | None = None


def encode_record(record: LogRecord) -> bytes:
    """Return a record as bytes."""
    detectors = ",".join(record.detectors).encode()
    names = "\n".join(record.names).encode()  # no symbol holds a line's end
    episodes = b"".join(record.episodes.values())
    t = record.trades
    columns = [
        packed(record.last_record),
        packed(record.trades_seen),
        packed(np.array([*record.episodes], np.int64)),
        packed(np.array([len(one) for one in record.episodes.values()], np.int64)),
        packed(t.symbol),
        packed(t.publisher_id),
        packed(t.ts_event_ns),
        packed(t.price_nanos, PRICE_STEPS),
        packed(t.size),
        packed(t.side),
        packed(t.sequence),
        packed(t.ordinal),
        packed(record.dropped_by),
        packed_bars(record.bars),
    ]
    body = b"".join([detectors, names, episodes, *columns])
    lengths = len(detectors), len(names), len(episodes)
    return HEADER.pack(MAGIC, VERSION, 0, record.number, *lengths, zlib.crc32(body)) + body


def number_of(blob: bytes) -> int:
    """Return a record's number; raises `StateError` if it is damaged or of another version."""
    return int(_header(blob)[3])


def decode_record(blob: bytes) -> LogRecord:
    """Return a record from its bytes; raises `StateError` if they are damaged."""
    number, *lengths, checksum = _header(blob)[3:]
    if zlib.crc32(memoryview(blob)[HEADER.size :]) != checksum:
        raise _damaged()
    at, texts = HEADER.size, []
    for length in lengths:
        texts.append(blob[at : at + length])
        at += length
    detectors, names, episodes = texts
    columns = []
    for _ in range(13):
        column, at = unpacked(blob, at)
        columns.append(column)
    bars, at = unpacked_bars(blob, at)
    last_record, trades_seen, whose, sizes, symbol, publisher, ts, price, size = columns[:9]
    side, sequence, ordinal, dropped_by = columns[9:]
    ends = np.cumsum(sizes).tolist()
    begins = [0, *ends[:-1]]
    return LogRecord(
        number,
        tuple(detectors.decode().split(",")),
        names.decode().split("\n") if names else [],
        last_record,
        trades_seen,
        TradeColumns(
            symbol.astype(np.int32),
            publisher.astype(np.int32),
            ts,
            price,
            size,
            side.astype(np.uint8),
            sequence,
            ordinal.astype(np.int32),
        ),
        dropped_by.astype(np.uint8),
        {
            one: episodes[begin:end]
            for one, begin, end in zip(whose.tolist(), begins, ends, strict=False)
        },
        bars,
    )


def _header(blob: bytes) -> tuple[int, ...]:
    if len(blob) < HEADER.size or not blob.startswith(MAGIC):
        raise _damaged()
    found = HEADER.unpack_from(blob)
    if found[1] != VERSION:
        raise StateError(
            f"the log of trades in the state has version {found[1]}, this program knows {VERSION}",
            "run the program that wrote it, or start over with `tape state reset`",
        )
    return found


def _damaged() -> StateError:
    return StateError(
        "the log of trades in the state is damaged", "start over with `tape state reset`"
    )
