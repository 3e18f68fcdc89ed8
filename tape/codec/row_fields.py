"""Compiled: the fields of a row, from text to the fourteen numbers that a trade is.

What is not plain here, is left to `RowReader`, so that the answer is always that one's.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tape.codec.compiling import uncounted
from tape.codec.eight_bytes import U64, eight_digits, load64, time_ns
from tape.codec.forms import DOLLARS, FIXED, Form
from tape.codec.name_slots import BYTE_MASKS, LONG_MAX, NameSlots, number_of
from tape.codec.text import (
    BAD,
    I64,
    U8,
    UNKNOWN,
    Slots,
    find_slot,
    scan_digits,
    scan_integer,
    scan_price,
)
from tape.model.fields import (
    I32_MAX,
    NANOS,
    OTHER_ACTIONS,
    PRICE_MAX_NANOS,
    TIME_MIN_NS,
    U8_MAX,
    U16_MAX,
    U32_MAX,
)
from tape.model.trade import Trade

NAMES = (
    "ts_recv",
    "ts_event",
    "rtype",
    "publisher_id",
    "instrument_id",
    "action",
    "side",
    "depth",
    "price",
    "size",
    "flags",
    "ts_in_delta",
    "sequence",
    "symbol",
)
FIELDS = len(NAMES)
TS_RECV, TS_EVENT, RTYPE, PUBLISHER, INSTRUMENT, ACTION, SIDE = 0, 1, 2, 3, 4, 5, 6
DEPTH, PRICE, SIZE, FLAGS, DELTA, SEQUENCE, SYMBOL = 7, 8, 9, 10, 11, 12, 13
"""Where each field stands among the numbers of a trade.

Times are ns since 1970, the price is in 1e-9 dollars, action and side are ASCII codes, and the
symbol is its number in the file's own table.
"""

MESSAGE, LITERAL, PASSED = 0, 1, 2
"""What became of a row: a message, left to `RowReader`, or about no trade that is wanted."""

NOT_PLAIN, READ, NEW_NAME = 0, 1, 2
"""What became of a row's fields: left to `RowReader`, read, or read but for an unknown symbol."""

DAY_NS = 86_400 * NANOS
TRADE = 84
"""ASCII code of T, DataBento's action of a trade."""
NO_NAME = -2
"""Stands for a symbol that is none; numbers of symbols begin at 0, and -1 is one not yet known."""
NO_PRICE = -(2**63)
"""Not a plain price; BAD is a price."""
IS_SIDE = np.isin(np.arange(256), [65, 66, 78])
IS_OTHER = np.isin(np.arange(256), [ord(action) for action in OTHER_ACTIONS])
"""Actions of rows about other things than trades; what is none of these is no action at all."""


class Names(NamedTuple):
    """Symbols as compiled code finds them.

    `table` finds a number by name, `instruments` by (instrument, day since 1970) where the rows
    have no names; `wanted` says which numbers to send.
    """

    table: NameSlots
    instruments: Slots
    wanted: npt.NDArray[np.bool_]


class Rows(NamedTuple):
    """What became of each row.

    `start` is where it begins in the chunk, `values` its numbers, a row each; `end` is where
    its message ends in the text of all, which begins where the one before ended.
    """

    fate: U8
    start: I64
    values: npt.NDArray[np.int64]
    end: I64


def rows_for(count: int) -> Rows:
    """Return room for `count` rows."""
    return Rows(
        np.empty(count, np.uint8),
        np.empty(count, np.int64),
        np.empty((count, FIELDS), np.int64),
        np.zeros(count, np.int64),
    )


def numbers(trade: Trade, symbol: int) -> list[int]:
    """Return the numbers of a trade whose symbol has this number in its file."""
    return [
        trade.ts_recv_ns,
        trade.ts_event_ns,
        trade.rtype,
        trade.publisher_id,
        trade.instrument_id,
        TRADE,
        ord(trade.side),
        trade.depth,
        trade.price_nanos,
        trade.size,
        trade.flags,
        trade.ts_in_delta_ns,
        trade.sequence,
        symbol,
    ]


class PlainForm(NamedTuple):
    """A file's form as compiled code has it: units of times, kind and bound of prices."""

    recv_unit: int
    event_unit: int
    fixed: bool
    least: int


def plain_form(form: Form) -> PlainForm:
    """Return a file's form for compiled code; what is not DataBento's makes no row plain."""
    units = [form.times[name].unit_ns for name in ("ts_recv", "ts_event")]
    price, orders = form.price, [form.times[name].order for name in ("ts_recv", "ts_event")]
    strange = price.power not in (DOLLARS, FIXED) or price.comma or orders != ["YMD", "YMD"]
    if strange or form.kinds is not None or form.sides or form.defaults or max(units) > 1:
        units = [BAD, BAD]
    fixed = price.power == FIXED
    return PlainForm(units[0], units[1], fixed, price.bound if fixed else 0)


@uncounted
def _read_time(data: U8, start: int, end: int, last_day: U64) -> int:
    """Return nanoseconds of a plain time, ISO or digits, or BAD."""
    length = end - start
    if length == 30:
        return int(time_ns(data, start, last_day))
    if length < 18 or length > 19 or data[start] == 48:
        return BAD
    high = eight_digits(load64(data, start))
    low = eight_digits(load64(data, start + 8))
    rest = scan_digits(data, start + 16, length - 16)
    if high == BAD or low == BAD or rest == BAD:
        return BAD
    return (high * 100_000_000 + low) * (1_000 if length == 19 else 100) + int(rest)


@uncounted
def _read_price(data: U8, start: int, end: int) -> int:
    """Return 1e-9 dollars of a plain price, decimal or digits, or NO_PRICE."""
    minus = data[start] == 45
    first = start + (1 if minus else 0)
    places = end - first
    if 0 < places <= 18 and (data[first] != 48 or places == 1):
        digits = scan_digits(data, first, places)
        if digits > PRICE_MAX_NANOS:
            return NO_PRICE
        if digits != BAD:
            return int(-digits if minus else digits)
    nanos, at = scan_price(data, start, end)
    return int(nanos) if at == end else NO_PRICE


@uncounted
def _read_integer(data: U8, start: int, end: int, largest: int) -> int:
    value, at = scan_integer(data, start, end, largest)
    return int(value) if at == end else BAD


@uncounted
def symbol_by_instrument(value: I64, instruments: Slots) -> int:
    """Return the number of a trade's symbol by its instrument and day, or UNKNOWN."""
    instrument, day = np.uint64(value[INSTRUMENT]), np.uint64(value[TS_EVENT] // DAY_NS)
    return int(instruments.number[find_slot(instruments, instrument, day)])


@uncounted
def packed_words(data: U8, start: int, end: int) -> tuple[np.uint64, np.uint64]:
    """Return up to 16 bytes as two words, padded with zeros."""
    length = end - start
    if length <= 8:
        return load64(data, start) & BYTE_MASKS[length], np.uint64(0)
    return load64(data, start), load64(data, start + 8) & BYTE_MASKS[length - 8]


@uncounted
def symbol_by_name(data: U8, start: int, end: int, names: Names) -> int:
    """Return the symbol's number, UNKNOWN for a name that is new, NO_NAME for none at all."""
    number = number_of(names.table, data, start, end - start)
    return int(number) if number != UNKNOWN or _may_be_name(data, start, end) else NO_NAME


@uncounted
def _may_be_name(data: U8, start: int, end: int) -> bool:
    """Return whether it is worth asking `RowReader` whether this is a symbol."""
    if not 0 < end - start <= LONG_MAX or data[start] == 32 or data[end - 1] == 32:
        return False
    for n in range(start, end):
        c = data[n]
        if c < 32 or c == 34 or c == 39 or c == 92 or c == 127:
            return False
    return True


@uncounted
def read_fields(
    data: U8, first: I64, last: I64, latest_ns: int, names: Names, last_day: U64, value: I64
) -> int:
    """Fill the numbers of a trade from where its fields begin and end; returns how that went.

    A symbol that begins nowhere (BAD) is looked up by instrument and day.
    """
    for field in (TS_RECV, TS_EVENT):
        ns = _read_time(data, first[field], last[field], last_day)
        if not TIME_MIN_NS <= ns < latest_ns:
            return NOT_PLAIN
        value[field] = ns
    value[PRICE] = _read_price(data, first[PRICE], last[PRICE])
    value[RTYPE] = _read_integer(data, first[RTYPE], last[RTYPE], U8_MAX)
    value[PUBLISHER] = _read_integer(data, first[PUBLISHER], last[PUBLISHER], U16_MAX)
    value[INSTRUMENT] = _read_integer(data, first[INSTRUMENT], last[INSTRUMENT], U32_MAX)
    value[DEPTH] = _read_integer(data, first[DEPTH], last[DEPTH], U8_MAX)
    value[SIZE] = _read_integer(data, first[SIZE], last[SIZE], U32_MAX)
    value[FLAGS] = _read_integer(data, first[FLAGS], last[FLAGS], U8_MAX)
    value[SEQUENCE] = _read_integer(data, first[SEQUENCE], last[SEQUENCE], U32_MAX)
    if (
        value[PRICE] == NO_PRICE
        or value[RTYPE] == BAD
        or value[PUBLISHER] == BAD
        or value[INSTRUMENT] == BAD
        or value[DEPTH] == BAD
        or value[SIZE] < 1
        or value[FLAGS] == BAD
        or value[SEQUENCE] == BAD
    ):
        return NOT_PLAIN
    minus = data[first[DELTA]] == 45
    delta = _read_integer(data, first[DELTA] + (1 if minus else 0), last[DELTA], I32_MAX)
    if delta == BAD or (minus and delta == 0):
        return NOT_PLAIN
    side = data[first[SIDE]]
    if last[SIDE] - first[SIDE] != 1 or not IS_SIDE[side]:
        return NOT_PLAIN
    value[DELTA], value[ACTION], value[SIDE] = -delta if minus else delta, TRADE, side
    if first[SYMBOL] == BAD:
        value[SYMBOL] = symbol_by_instrument(value, names.instruments)
    else:
        value[SYMBOL] = symbol_by_name(data, first[SYMBOL], last[SYMBOL], names)
    if value[SYMBOL] == NO_NAME:
        return NOT_PLAIN
    return NEW_NAME if value[SYMBOL] == UNKNOWN else READ


@uncounted
def conforms(data: U8, first: I64, last: I64, form: PlainForm, value: I64) -> bool:
    """Return whether a trade that was read is written in the form of its file.

    `read_fields` takes both of DataBento's forms, each as it looks.
    """
    if form.event_unit == BAD:
        return False
    if (last[TS_RECV] - first[TS_RECV] == 30) != (form.recv_unit == 0):
        return False
    if (last[TS_EVENT] - first[TS_EVENT] == 30) != (form.event_unit == 0):
        return False
    has_point = False
    for n in range(first[PRICE], last[PRICE]):
        has_point |= data[n] == 46
    return has_point != form.fixed and not 0 < abs(value[PRICE]) < form.least
