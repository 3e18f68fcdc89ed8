"""Compiled: chunks of CSV rows into the bytes of their messages.

A row is CSV and a message JSON, but most of a row stands in its message as it is. What this scan
does not take as plain, it leaves to `RowReader`, so that the answer is always that one's.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tape.compiling import compiled
from tape.message_scan import AT, TEXT
from tape.scan import (
    BAD,
    I64,
    MONTH_STARTS,
    U8,
    UNKNOWN,
    Slots,
    find_slot,
    packed,
    scan_digits,
    scan_integer,
    scan_price,
    scan_symbol_end,
    scan_time,
)
from tape.trade import (
    I32_MAX,
    NANOS,
    PRICE_MAX_NANOS,
    TIME_MIN_NS,
    U8_MAX,
    U16_MAX,
    U32_MAX,
)
from tape.words import PADDING, put

COLUMNS_MAX = 128
ROW_BYTES = 352
"""No message of a plain row is longer: fixed texts and each field at its longest."""

MESSAGE, LITERAL, PASSED = 0, 1, 2
"""What became of a row: a message, left to `RowReader`, or about no trade that is wanted."""

DAY_NS = 86_400 * NANOS
TS_RECV, TS_EVENT, RTYPE, PUBLISHER, INSTRUMENT, ACTION, SIDE = 0, 1, 2, 3, 4, 5, 6
DEPTH, PRICE, SIZE, FLAGS, DELTA, SEQUENCE, SYMBOL = 7, 8, 9, 10, 11, 12, 13
TEXTS = np.concatenate([TEXT, np.zeros(PADDING, np.uint8)])
PLACES = 10 ** np.arange(19, dtype=np.int64)


class Names(NamedTuple):
    """Symbols as compiled code finds them.

    `slots` finds a number by name, `instruments` by (instrument, day since 1970) where the rows
    have no names; `text` and `length` are the names by number, `wanted` which of them to send.
    """

    slots: Slots
    instruments: Slots
    text: U8
    length: npt.NDArray[np.int32]
    wanted: npt.NDArray[np.bool_]


class Rows(NamedTuple):
    """What became of each row; `start` is where its line begins in the chunk."""

    fate: U8
    start: I64
    symbol: npt.NDArray[np.int32]
    ts_event_ns: I64
    end: I64


@compiled
def _put_digits(out: U8, at: int, value: int, places: int) -> int:
    for n in range(places - 1, -1, -1):
        out[at + n] = 48 + value % 10
        value //= 10
    return at + places


@compiled
def _put_time(out: U8, at: int, ns: int, data: U8, start: int, end: int) -> int:
    """Write 30 bytes of ISO time for a time between 2000 and 2100; `data` may have them."""
    if end - start == 30:
        return int(put(out, at, data, start, end))
    seconds, nanos = ns // NANOS, ns % NANOS
    days, second = seconds // 86_400 - 10_957, seconds % 86_400
    year = 2000 + 4 * (days // 1461)  # four years, the leap one first
    days %= 1461
    if days >= 366:
        year += 1 + (days - 366) // 365
        days = (days - 366) % 365
    leap = 1 if year % 4 == 0 else 0
    month = 12
    while month > 1 and days < MONTH_STARTS[month] + (leap if month > 2 else 0):
        month -= 1
    day = days - MONTH_STARTS[month] - (leap if month > 2 else 0) + 1
    at = _put_digits(out, at, year, 4)
    for value, mark in ((month, 45), (day, 45), (second // 3600, 84)):
        out[at] = mark
        at = _put_digits(out, at + 1, value, 2)
    for value in (second // 60 % 60, second % 60):
        out[at] = 58
        at = _put_digits(out, at + 1, value, 2)
    out[at] = 46
    at = _put_digits(out, at + 1, nanos, 9)
    out[at] = 90
    return at + 1


@compiled
def _put_price(out: U8, at: int, nanos: int) -> int:
    whole, fraction = nanos // NANOS, nanos % NANOS
    places = 1
    while places < 9 and whole >= PLACES[places]:
        places += 1
    at = _put_digits(out, at, whole, places)
    out[at] = 46
    places = 9
    while places > 1 and fraction % 10 == 0:
        fraction //= 10
        places -= 1
    return int(_put_digits(out, at + 1, fraction, places))


@compiled
def _read_time(data: U8, start: int, end: int) -> int:
    """Return nanoseconds of a plain time, ISO or digits, or BAD."""
    if end - start == 30:
        return int(scan_time(data, start, end))
    if end - start < 18 or end - start > 19 or data[start] == 48:
        return BAD
    return int(scan_digits(data, start, end - start))


@compiled
def _read_price(data: U8, start: int, end: int) -> int:
    """Return 1e-9 dollars of a plain price, decimal or digits, or BAD."""
    if end - start <= 18 and data[start] != 48:
        digits = scan_digits(data, start, end - start)
        if digits != BAD:
            return int(digits) if 0 < digits <= PRICE_MAX_NANOS else BAD
    nanos, at = scan_price(data, start, end)
    return int(nanos) if at == end else BAD


@compiled
def _read_integer(data: U8, start: int, end: int, largest: int) -> int:
    value, at = scan_integer(data, start, end, largest)
    return int(value) if at == end else BAD


@compiled
def _split(data: U8, start: int, columns: int, cuts: I64) -> tuple[int, bool]:
    """Return where a row ends, and whether it is plain and has so many fields.

    Fills `cuts` with where fields begin, and one behind the end.
    """
    count, end, plain = 1, start, True
    cuts[0] = start
    while True:
        c = data[end]
        if c <= 44:  # all that matters is up here: comma, quote, line ends, NUL
            if c == 10:
                break
            if c == 44:
                if count < COLUMNS_MAX:
                    cuts[count] = end + 1
                count += 1
            elif c == 34 or c == 13 or c == 0:
                plain = False
        end += 1
    if count != columns:
        return end, False
    cuts[count] = end + 1
    return end, plain


@compiled
def _number_of(data: U8, first: I64, last: I64, ts_event_ns: int, names: Names) -> int:
    """Return the symbol's number, or UNKNOWN for a name that is new or not plain."""
    if first[SYMBOL] == BAD:
        instrument = _read_integer(data, first[INSTRUMENT], last[INSTRUMENT], U32_MAX)
        day = np.uint64(ts_event_ns // DAY_NS)
        return int(
            names.instruments.number[find_slot(names.instruments, np.uint64(instrument), day)]
        )
    if scan_symbol_end(data, first[SYMBOL], last[SYMBOL]) != last[SYMBOL]:
        return UNKNOWN
    low, high = packed(data, first[SYMBOL], last[SYMBOL])
    return int(names.slots.number[find_slot(names.slots, low, high)])


@compiled
def _write_row(
    data: U8,
    first: I64,
    last: I64,
    latest_ns: int,
    names: Names,
    out: U8,
    at: int,
    rows: Rows,
    n: int,
) -> int:
    """Write the message of one row at `at`; returns the position behind it, or BAD."""
    received = _read_time(data, first[TS_RECV], last[TS_RECV])
    ts_event_ns = _read_time(data, first[TS_EVENT], last[TS_EVENT])
    price_nanos = _read_price(data, first[PRICE], last[PRICE])
    if not (TIME_MIN_NS <= received < latest_ns and TIME_MIN_NS <= ts_event_ns < latest_ns):
        return BAD
    delta = first[DELTA] + (1 if data[first[DELTA]] == 45 else 0)
    side = data[first[SIDE]]
    if (
        price_nanos == BAD
        or _read_integer(data, first[RTYPE], last[RTYPE], U8_MAX) == BAD
        or _read_integer(data, first[PUBLISHER], last[PUBLISHER], U16_MAX) == BAD
        or _read_integer(data, first[INSTRUMENT], last[INSTRUMENT], U32_MAX) == BAD
        or _read_integer(data, first[DEPTH], last[DEPTH], U8_MAX) == BAD
        or _read_integer(data, first[SIZE], last[SIZE], U32_MAX) < 1
        or _read_integer(data, first[FLAGS], last[FLAGS], U8_MAX) == BAD
        or _read_integer(data, delta, last[DELTA], I32_MAX) == BAD
        or (delta > first[DELTA] and data[delta] == 48)  # -0
        or _read_integer(data, first[SEQUENCE], last[SEQUENCE], U32_MAX) == BAD
        or last[SIDE] - first[SIDE] != 1
        or (side != 65 and side != 66 and side != 78)
    ):
        return BAD
    number = _number_of(data, first, last, ts_event_ns, names)
    if number == UNKNOWN:
        return BAD
    rows.symbol[n], rows.ts_event_ns[n] = number, ts_event_ns
    if not names.wanted[number]:
        rows.fate[n] = PASSED
        return at
    part = 0
    for field in range(13):
        if field == ACTION:
            continue
        at = put(out, at, TEXTS, AT[part], AT[part + 1])
        part += 1
        if field == TS_RECV:
            at = _put_time(out, at, received, data, first[field], last[field])
        elif field == TS_EVENT:
            at = _put_time(out, at, ts_event_ns, data, first[field], last[field])
        elif field == PRICE:
            at = _put_price(out, at, price_nanos)
        else:
            at = put(out, at, data, first[field], last[field])
    at = put(out, at, TEXTS, AT[12], AT[13])
    at = put(out, at, names.text, number * 16, number * 16 + names.length[number])
    return int(put(out, at, TEXTS, AT[13], AT[14]))


@compiled
def convert(
    data: U8, at_columns: I64, columns: int, latest_ns: int, names: Names, out: U8, rows: Rows
) -> int:
    """Write the messages of all plain rows of a chunk one behind another; returns the rows.

    `rows.end` is where a row's message ends in `out`; it begins where the one before ended.
    `data` and `out` must have PADDING bytes more than is needed.
    """
    cuts = np.empty(COLUMNS_MAX + 1, np.int64)
    first, last = np.full(14, BAD, np.int64), np.full(14, BAD, np.int64)
    start, n, at = 0, 0, 0
    while start < len(data) - PADDING:
        end, plain = _split(data, start, columns, cuts)
        rows.start[n], rows.fate[n] = start, LITERAL
        if plain:
            for field in range(14):
                column = at_columns[field]
                if column >= 0:
                    first[field], last[field] = cuts[column], cuts[column + 1] - 1
            if (
                data[first[ACTION]] == 84
                and last[ACTION] - first[ACTION] == 1
                and last[DELTA] > first[DELTA]
                and last[SIDE] > first[SIDE]
            ):
                rows.fate[n] = MESSAGE
                behind = _write_row(data, first, last, latest_ns, names, out, at, rows, n)
                if behind == BAD:
                    rows.fate[n] = LITERAL
                else:
                    at = behind
        rows.end[n] = at
        start, n = end + 1, n + 1
    return n
