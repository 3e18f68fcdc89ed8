"""Compiled: chunks of CSV rows of any origin into numbers, and into their messages.

The form of the file is known (`forms`); rows are as `RowReader` reads them, or left to it.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tape.archives.layout import KIND, Layout
from tape.archives.reference_rows import OTHERS
from tape.codec.compiling import compiled, uncounted
from tape.codec.eight_bytes import PADDING
from tape.codec.forms import FIXED, ISO, Form
from tape.codec.message_writer import DAY_ROOM, put_message
from tape.codec.row_fields import (
    ACTION,
    DELTA,
    DEPTH,
    FIELDS,
    FLAGS,
    INSTRUMENT,
    IS_OTHER,
    IS_SIDE,
    LITERAL,
    MESSAGE,
    NAMES,
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
from tape.codec.values import iso_ns
from tape.codec.values_scanner import (
    NO_OFFSETS,
    Offsets,
    offsets_around,
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
    Unreadable,
)

COLUMNS_MAX = 256
LINE_MAX = 65_536
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


class Plan(NamedTuple):
    """A file's layout and form as compiled code has them.

    `at` is where fields stand, BAD for none; `units` are the powers of ten of times' units, BAD
    for texts; `kinds` and `sides` are by the code's one byte; `no_side` is the side where that is
    empty, 0 where it must be read literally.
    """

    delimiter: int
    columns: int
    least: int
    mark: int
    power: int
    bound: int
    midnight_s: int
    kind_at: int
    at: I64
    units: I64
    defaults: I64
    kinds: npt.NDArray[np.bool_]
    sides: U8
    no_side: int
    symbol: U8
    symbol_length: int
    offsets: Offsets


def plan_for(layout: Layout, form: Form, first_time: str) -> Plan | None:
    """Return the plan for a file, None if all of it must be read literally.

    The zone's offsets are those around `first_time`.
    """
    if any(len(at) > 1 for at in layout.at.values()) or "ts_event" in layout.constants:
        return None
    sides = np.where(IS_SIDE, np.arange(256), 0).astype(np.uint8)
    if form.sides:
        if OTHERS in form.sides:
            sides[:] = ord(form.sides[OTHERS])
        for code, side in form.sides.items():
            if len(code) == 1 and code.isascii():
                sides[ord(code)] = ord(side)
    kinds = np.zeros(256, np.bool_)
    for kind in form.kinds or ():
        if len(kind) == 1 and kind.isascii():
            kinds[ord(kind)] = True
    time, symbol = form.times["ts_event"], layout.constants.get("symbol", "").encode()
    defaults = np.array([form.defaults.get(name, 0) for name in NAMES], np.int64)
    units = [form.times[name].unit_ns for name in ("ts_recv", "ts_event")]
    return Plan(
        ord(layout.delimiter),
        layout.columns,
        1 + max(at[0] for at in layout.at.values()),
        ord("," if form.price.comma else "."),
        form.price.power,
        form.price.bound,
        BAD if time.midnight_s is None else time.midnight_s,
        layout.at.get(KIND, (BAD,))[0],
        np.array([layout.at.get(name, (BAD,))[0] for name in NAMES], np.int64),
        np.array([BAD if one == ISO else len(str(one)) - 1 for one in units], np.int64),
        defaults,
        kinds,
        sides,
        0 if form.sides else 78,
        np.frombuffer(symbol + b"\0" * (PADDING + 80), np.uint8),
        len(symbol),
        _offsets(form, first_time),
    )


def _offsets(form: Form, first_time: str) -> Offsets:
    time = form.times["ts_event"]
    if time.zone is None:
        return NO_OFFSETS
    if time.midnight_s is not None:
        return offsets_around(time.zone, time.midnight_s)
    try:
        return offsets_around(time.zone, iso_ns(first_time, "ts_event", "UTC") // NANOS)
    except Unreadable:
        return NO_OFFSETS


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
