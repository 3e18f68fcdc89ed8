"""Compiled: DBN records into numbers, and into the bytes of their messages.

Records are walked as they lie; those that can hold no trade are no rows. What is not plain is
written as the row that DataBento's CSV has with every option off, and left to `RowReader`.
"""

import numpy as np
import numpy.typing as npt

from tape.codec.compiling import compiled, uncounted
from tape.codec.eight_bytes import PADDING, load64
from tape.codec.message_writer import DAY_ROOM, put_message
from tape.codec.row_fields import (
    ACTION,
    DELTA,
    DEPTH,
    FLAGS,
    INSTRUMENT,
    IS_OTHER,
    IS_SIDE,
    LITERAL,
    MESSAGE,
    NAMES,
    PASSED,
    PRICE,
    PUBLISHER,
    RTYPE,
    SEQUENCE,
    SIDE,
    SIZE,
    SYMBOL,
    TRADE,
    TS_EVENT,
    TS_RECV,
    Names,
    Rows,
    symbol_by_instrument,
)
from tape.codec.text import U8, UNKNOWN
from tape.model.fields import PRICE_MAX_NANOS, TIME_MIN_NS

COLUMNS = NAMES[:-1]
LINE_BYTES = 160
"""No line is longer: thirteen numbers and letters, each at its longest, and commas."""

MBP_0, MBP_1, MBP_10, MBO = 0, 1, 10, 160
"""Record types that hold trades; trades are MBP_0, tbbo and mbp-1 are MBP_1."""

MAPPING = 22
"""Record type that says which symbol an instrument has from here on."""

MBP_BYTES, MBO_BYTES = 48, 56
"""Shortest records of their kinds, in every version of DBN."""

HEAD_BYTES = 16
LOW_32 = np.uint64(0xFFFFFFFF)
"""Bytes of a record's head, and a mask of 32 bits."""


@uncounted
def _unsigned(data: U8, at: int, width: int) -> np.uint64:
    value = np.uint64(0)
    for n in range(width - 1, -1, -1):
        value = (value << np.uint64(8)) | np.uint64(data[at + n])
    return value


@uncounted
def _put_unsigned(out: U8, at: int, value: np.uint64) -> int:
    rest, places = value, 1
    while rest >= np.uint64(10):
        rest //= np.uint64(10)
        places += 1
    rest = value
    for n in range(places - 1, -1, -1):
        out[at + n] = np.uint8(48) + np.uint8(rest % np.uint64(10))
        rest //= np.uint64(10)
    out[at + places] = 44
    return at + places + 1


@uncounted
def _put_signed(out: U8, at: int, value: np.uint64) -> int:
    if np.int64(value) < 0:
        out[at] = 45
        return _put_unsigned(out, at + 1, ~value + np.uint64(1))
    return _put_unsigned(out, at, value)


@uncounted
def _put_letter(out: U8, at: int, letter: int) -> int:
    # what is no letter must neither end the line nor the field
    out[at] = letter if 65 <= letter <= 90 else 63
    out[at + 1] = 44
    return at + 2


@uncounted
def _put_record(data: U8, at: int, out: U8, end: int) -> int:
    """Write a record as a line: a book record has its fields elsewhere than all others."""
    mbo = data[at + 1] == MBO
    price, size = (at + 24, at + 32) if mbo else (at + 16, at + 24)
    action, flags = (at + 38, at + 36) if mbo else (at + 28, at + 30)
    ts_recv = at + 40 if mbo else at + 32
    end = _put_unsigned(out, end, _unsigned(data, ts_recv, 8))
    end = _put_unsigned(out, end, _unsigned(data, at + 8, 8))
    end = _put_unsigned(out, end, np.uint64(data[at + 1]))
    end = _put_unsigned(out, end, _unsigned(data, at + 2, 2))
    end = _put_unsigned(out, end, _unsigned(data, at + 4, 4))
    end = _put_letter(out, end, data[action])
    end = _put_letter(out, end, data[action + 1])
    end = _put_unsigned(out, end, np.uint64(0) if mbo else np.uint64(data[at + 31]))
    end = _put_signed(out, end, _unsigned(data, price, 8))
    end = _put_unsigned(out, end, _unsigned(data, size, 4))
    end = _put_unsigned(out, end, np.uint64(data[flags]))
    delta = _unsigned(data, ts_recv + 8, 4)
    if delta >= np.uint64(1 << 31):
        delta |= np.uint64(0xFFFFFFFF00000000)
    end = _put_signed(out, end, delta)
    end = _put_unsigned(out, end, _unsigned(data, ts_recv + 12, 4))
    out[end - 1] = 10
    return end


@compiled
def put_line(data: U8, at: int, out: U8) -> int:
    """Write the record at `at` as a line; returns where it ends."""
    return int(_put_record(data, at, out, 0))


@uncounted
def _is_row(data: U8, at: int) -> bool:
    kind = data[at + 1]
    return kind in (MBP_0, MBP_1, MBP_10, MBO)


@compiled
def walk(data: U8, rows_wanted: int) -> tuple[int, int, bool]:
    """Walk over whole records until this many were rows.

    Returns where that ended, how many were rows, and whether what stands there cannot be a
    record.
    """
    at, rows = 0, 0
    while rows < rows_wanted and at + HEAD_BYTES <= len(data):
        length, kind = 4 * int(data[at]), data[at + 1]
        is_row = _is_row(data, at)
        least = MBO_BYTES if kind == MBO else MBP_BYTES if is_row else HEAD_BYTES
        if length < least:
            return at, rows, True
        if at + length > len(data):
            break
        rows += 1 if is_row else 0
        at += length
    return at, rows, False


@compiled
def kinds_of(data: U8) -> npt.NDArray[np.bool_]:
    """Return by kind whether there is a record of it in whole records."""
    found, at = np.zeros(256, np.bool_), 0
    while at < len(data):
        found[data[at + 1]] = True
        at += 4 * int(data[at])
    return found


@compiled
def pick(data: U8, at: int, kind: int, out: U8, end: int) -> tuple[int, int, int]:
    """Copy the records of a kind from `at` on to `end` of `out`, up to a mapping of symbols.

    Returns where that ended in both, and how many others there were.
    """
    others = 0
    while at < len(data):
        length = 4 * int(data[at])
        if data[at + 1] == MAPPING:
            break
        if data[at + 1] == kind:
            out[end : end + length] = data[at : at + length]
            end += length
        else:
            others += 1
        at += length
    return at, end, others


@compiled
def convert_dbn(
    data: U8,
    start: int,
    n: int,
    at: int,
    asked: int,
    latest_ns: int,
    names: Names,
    out: U8,
    rows: Rows,
) -> tuple[int, int, int]:
    """Fill `rows` from a chunk and write the messages, as `convert_csv` does."""
    last_put, day_text = np.zeros(1, np.int64), np.zeros(DAY_ROOM, np.uint8)
    stop = len(data) - PADDING - 1
    writes = len(out) > 0
    text, ends = names.table.text, names.table.ends
    while start < stop:
        length = 4 * int(data[start])
        if not _is_row(data, start):
            start += length
            continue
        rows.start[n], rows.fate[n] = start, LITERAL
        mbo = data[start + 1] == MBO
        action = start + (38 if mbo else 28)
        if data[action] != TRADE:
            if IS_OTHER[data[action]]:
                rows.fate[n] = PASSED
        else:
            value = rows.values[n]
            received = start + (40 if mbo else 32)
            tail = load64(data, received + 8)
            value[TS_RECV] = np.int64(load64(data, received))
            value[TS_EVENT] = np.int64(load64(data, start + 8))
            value[PRICE] = np.int64(load64(data, start + (24 if mbo else 16)))
            value[SIZE] = np.int64(load64(data, start + (32 if mbo else 24)) & LOW_32)
            value[RTYPE] = data[start + 1]
            value[PUBLISHER] = np.int64(data[start + 2]) + 256 * np.int64(data[start + 3])
            value[INSTRUMENT] = np.int64(load64(data, start + 4) & LOW_32)
            value[ACTION], value[SIDE] = TRADE, data[action + 1]
            value[DEPTH] = 0 if mbo else data[start + 31]
            value[FLAGS] = data[start + (36 if mbo else 30)]
            value[DELTA] = np.int32(tail & LOW_32)
            value[SEQUENCE] = np.int64(tail >> np.uint64(32))
            if (
                IS_SIDE[data[action + 1]]
                and TIME_MIN_NS <= value[TS_RECV] < latest_ns
                and TIME_MIN_NS <= value[TS_EVENT] < latest_ns
                and -PRICE_MAX_NANOS <= value[PRICE] <= PRICE_MAX_NANOS
                and value[SIZE] > 0
            ):
                value[SYMBOL] = symbol_by_instrument(value, names.instruments)
                if value[SYMBOL] == UNKNOWN and n != asked:
                    return start, n, at
                if value[SYMBOL] != UNKNOWN:
                    wanted = names.wanted[value[SYMBOL]]
                    rows.fate[n] = MESSAGE if wanted else PASSED
                    if writes and wanted:
                        at = put_message(out, at, value, text, ends, last_put, day_text)
        rows.end[n] = at
        start, n = start + length, n + 1
    return start, n, at
