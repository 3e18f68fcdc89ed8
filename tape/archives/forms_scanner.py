"""Compiled: chunks of CSV rows of any origin into numbers, and into their messages.

The form of the file is known (`forms`); rows are as `RowReader` reads them, or left to it.
"""

import numpy as np

from tape.archives.forms_plan import Plan
from tape.codec.compiling import compiled, uncounted
from tape.codec.eight_bytes import PADDING
from tape.codec.forms import FIXED
from tape.codec.message_writer import DAY_ROOM, put_message
from tape.codec.row_fields import (
    ACTION,
    DELTA,
    DEPTH,
    FIELDS,
    FLAGS,
    INSTRUMENT,
    IS_OTHER,
    LITERAL,
    MESSAGE,
    NEW_NAME,
    NO_NAME,
    NO_PRICE,
    NOT_PLAIN,
    PASSED,
    PRICE,
    PUBLISHER,
    READ,
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
    symbol_by_name,
)
from tape.codec.text import BAD, I64, U8, UNKNOWN
from tape.codec.values_scanner import (
    read_count,
    read_counted,
    read_decimal,
    read_iso,
)
from tape.model.fields import (
    I32_MAX,
    NANOS,
    PRICE_MAX_NANOS,
    TIME_MIN_NS,
    U8_MAX,
    U16_MAX,
    U32_MAX,
)

COLUMNS_MAX = 256
"""Rows of more columns are left to the reference reader: there is no room for their places."""
LINE_MAX = 65_536
"""Bytes of a row; longer ones are left to the reference reader. """
LARGEST = np.zeros(FIELDS, np.int64)
for _field, _largest in (
    (RTYPE, U8_MAX),
    (PUBLISHER, U16_MAX),
    (INSTRUMENT, U32_MAX),
    (DEPTH, U8_MAX),
    (FLAGS, U8_MAX),
    (SEQUENCE, U32_MAX),
    (SIZE, U32_MAX),
):
    LARGEST[_field] = _largest


@uncounted
def _cut(data: U8, start: int, end: int, delimiter: int, first: I64, last: I64) -> int:
    """Fill where the fields of a row begin and end; returns how many there are, or BAD."""
    at, n = start, 0
    while n < COLUMNS_MAX:
        if at < end and data[at] == 34:
            first[n] = at + 1
            at += 1
            while at < end and data[at] != 34:
                at += 1
            last[n] = at
            at += 1
            if at > end or (at < end and int(data[at]) != delimiter):
                return BAD  # not closed, or a quote within it
        else:
            first[n] = at
            while at < end and int(data[at]) != delimiter:
                if data[at] == 34:
                    return BAD
                at += 1
            last[n] = at
        n += 1
        if at >= end:
            return n
        at += 1
    return BAD


@uncounted
def _read_time(data: U8, first: int, last: int, unit: int, plan: Plan) -> int:
    if unit == BAD:
        return int(read_iso(data, first, last, plan.offsets))
    midnight_s, offsets = plan.midnight_s, plan.offsets
    return int(read_counted(data, first, last, plan.mark, unit, midnight_s, offsets))


@uncounted
def _price(data: U8, first: int, last: int, plan: Plan) -> int:
    value = read_decimal(data, first, last, plan.mark, plan.power)
    if value == NO_PRICE or abs(value) > PRICE_MAX_NANOS:
        return NO_PRICE
    whole = True
    for n in range(first, last):
        whole &= int(data[n]) != plan.mark
    if plan.power == FIXED:
        if not whole or 0 < abs(value) < plan.bound:
            return NO_PRICE
    elif whole and plan.bound > 0 and abs(value) >= plan.bound * NANOS:
        return NO_PRICE
    return int(value)


@uncounted
def _read(
    data: U8, first: I64, last: I64, latest_ns: int, plan: Plan, names: Names, value: I64
) -> int:
    """Fill the numbers of a trade from where the columns begin and end, as `read_fields` does."""
    column = plan.at[TS_EVENT]
    ns = _read_time(data, first[column], last[column], plan.units[1], plan)
    if not TIME_MIN_NS <= ns < latest_ns:
        return NOT_PLAIN
    value[TS_EVENT], value[TS_RECV] = ns, ns
    column = plan.at[TS_RECV]
    if column != BAD and last[column] > first[column]:
        ns = _read_time(data, first[column], last[column], plan.units[0], plan)
        if not TIME_MIN_NS <= ns < latest_ns:
            return NOT_PLAIN
        value[TS_RECV] = ns
    column = plan.at[PRICE]
    value[PRICE] = _price(data, first[column], last[column], plan)
    if value[PRICE] == NO_PRICE:
        return NOT_PLAIN
    for field in (RTYPE, PUBLISHER, INSTRUMENT, DEPTH, FLAGS, SEQUENCE, SIZE, DELTA):
        column = plan.at[field]
        if column == BAD or (last[column] == first[column] and field != SIZE):
            value[field] = plan.defaults[field]
            continue
        minus = field == DELTA and data[first[column]] == 45
        largest = I32_MAX if field == DELTA else LARGEST[field]
        start = first[column] + (1 if minus else 0)
        number = read_count(data, start, last[column], plan.mark, largest)
        if number == BAD or (minus and number == 0) or (field == SIZE and number == 0):
            return NOT_PLAIN
        value[field] = -number if minus else number
    value[ACTION], value[SIDE] = TRADE, 78
    column = plan.at[SIDE]
    if column != BAD and last[column] == first[column]:
        if plan.no_side == 0:
            return NOT_PLAIN
        value[SIDE] = plan.no_side
    elif column != BAD:
        if last[column] - first[column] != 1 or plan.sides[data[first[column]]] == 0:
            return NOT_PLAIN
        value[SIDE] = plan.sides[data[first[column]]]
    column = plan.at[SYMBOL]
    if column != BAD:
        value[SYMBOL] = symbol_by_name(data, first[column], last[column], names)
    elif plan.symbol_length:
        value[SYMBOL] = symbol_by_name(plan.symbol, 0, plan.symbol_length, names)
    elif last[plan.at[INSTRUMENT]] == first[plan.at[INSTRUMENT]]:
        return NOT_PLAIN
    else:
        value[SYMBOL] = symbol_by_instrument(value, names.instruments)
    if value[SYMBOL] == NO_NAME:
        return NOT_PLAIN
    return NEW_NAME if value[SYMBOL] == UNKNOWN else READ


@uncounted
def _is_trade(data: U8, first: I64, last: I64, plan: Plan) -> int:
    """Return MESSAGE for a trade, PASSED for none, LITERAL where that is not plain."""
    if plan.kind_at != BAD:
        if last[plan.kind_at] - first[plan.kind_at] != 1:
            return LITERAL
        if not plan.kinds[data[first[plan.kind_at]]]:
            return PASSED
    column = plan.at[ACTION]
    if column == BAD:
        return MESSAGE
    if last[column] - first[column] != 1:
        return LITERAL
    if data[first[column]] == TRADE:
        return MESSAGE
    return PASSED if IS_OTHER[data[first[column]]] else LITERAL


@compiled
def convert_form(
    data: U8,
    start: int,
    n: int,
    at: int,
    asked: int,
    plan: Plan,
    latest_ns: int,
    names: Names,
    out: U8,
    rows: Rows,
) -> tuple[int, int, int]:
    """Fill `rows` from a chunk and write the messages, as `convert_csv` does."""
    first, last = np.empty(COLUMNS_MAX, np.int64), np.empty(COLUMNS_MAX, np.int64)
    last_put, day_text = np.zeros(1, np.int64), np.zeros(DAY_ROOM, np.uint8)
    stop = len(data) - PADDING - 1
    writes = len(out) > 0
    text, ends = names.table.text, names.table.ends
    while start < stop:
        end, plain = start, True
        while data[end] != 10:
            c = data[end]
            plain &= c < 127 and (c >= 32 or c == 9 or c == 13)
            end += 1
        behind = end
        while end > start and (data[end - 1] == 32 or data[end - 1] == 13):
            end -= 1
        for place in range(start, end):
            plain &= data[place] != 13
        rows.start[n], rows.fate[n] = start, LITERAL
        if plain and end > start and end - start <= LINE_MAX:
            count = _cut(data, start, end, plan.delimiter, first, last)
            if count == plan.columns or (plan.columns == 0 and count >= plan.least):
                fate = _is_trade(data, first, last, plan)
                if fate == PASSED:
                    rows.fate[n] = PASSED
                elif fate == MESSAGE:
                    value = rows.values[n]
                    found = _read(data, first, last, latest_ns, plan, names, value)
                    if found == NEW_NAME and n != asked:
                        return start, n, at
                    if found == READ:
                        wanted = names.wanted[value[SYMBOL]]
                        rows.fate[n] = MESSAGE if wanted else PASSED
                        if writes and wanted:
                            at = put_message(out, at, value, text, ends, last_put, day_text)
        rows.end[n] = at
        start, n = behind + 1, n + 1
    return start, n, at
