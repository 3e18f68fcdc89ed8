"""Compiled: chunks of CSV rows into numbers, and into the bytes of their messages."""

import numpy as np

from tape.codec.compiling import compiled, uncounted
from tape.codec.eight_bytes import PADDING
from tape.codec.message_writer import DAY_ROOM, put_message
from tape.codec.row_fields import (
    ACTION,
    DELTA,
    DEPTH,
    FIELDS,
    IS_OTHER,
    LITERAL,
    MESSAGE,
    NEW_NAME,
    PASSED,
    READ,
    SIDE,
    SYMBOL,
    TRADE,
    Names,
    PlainForm,
    Rows,
    conforms,
    read_fields,
)
from tape.codec.text import BAD, I64, U8

COLUMNS_MAX = 128
"""Rows of more columns are left to be read literally: `cuts` has no room for them."""


@uncounted
def _split(data: U8, start: int, columns: int, cuts: I64) -> tuple[int, bool]:
    """Return where a row ends, and whether it is plain and has this many fields.

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
    if count != columns or count > COLUMNS_MAX:
        return end, False
    cuts[count] = end + 1
    return end, plain


@uncounted
def is_ascii(data: U8, start: int, end: int) -> bool:
    """Return whether no byte is above 127: then it is UTF-8, too."""
    above = np.uint8(0)
    for n in range(start, end):
        above |= data[n]
    return bool(above < 128)


@compiled
def convert_csv(
    data: U8,
    start: int,
    n: int,
    at: int,
    asked: int,
    at_columns: I64,
    columns: int,
    form: PlainForm,
    latest_ns: int,
    names: Names,
    out: U8,
    rows: Rows,
) -> tuple[int, int, int]:
    """Fill `rows` from a chunk and write the messages one behind another.

    Continues at byte `start`, row `n` and byte `at` of `out`, and returns the same of where it
    stopped: behind the last row, or at a row, unless it is `asked`, whose symbol it does not know.

    `data` ends with a zero and PADDING bytes that belong to no row: the zero is the depth of
    rows that have none. Without room in `out` (PADDING bytes more than the messages), no message
    is written.
    """
    cuts = np.empty(COLUMNS_MAX + 1, np.int64)
    first, last = np.full(FIELDS, BAD, np.int64), np.full(FIELDS, BAD, np.int64)
    last_read, last_put = np.zeros(3, np.uint64), np.zeros(1, np.int64)
    day_text = np.zeros(DAY_ROOM, np.uint8)
    stop = len(data) - PADDING - 1
    first[DEPTH], last[DEPTH] = stop, stop + 1
    writes = len(out) > 0
    text, ends = names.table.text, names.table.ends
    more = columns > np.sum(at_columns >= 0)  # columns that nothing below looks at
    while start < stop:
        end, plain = _split(data, start, columns, cuts)
        rows.start[n], rows.fate[n] = start, LITERAL
        if plain and (not more or is_ascii(data, start, end)):
            for field in range(FIELDS):
                column = at_columns[field]
                if column >= 0:
                    first[field], last[field] = cuts[column], cuts[column + 1] - 1
            width = last[ACTION] - first[ACTION]
            if width == 1 and data[first[ACTION]] != TRADE:
                if IS_OTHER[data[first[ACTION]]] and (more or is_ascii(data, start, end)):
                    rows.fate[n] = PASSED
            elif width == 1 and last[DELTA] > first[DELTA] and last[SIDE] > first[SIDE]:
                value = rows.values[n]
                found = read_fields(data, first, last, latest_ns, names, last_read, value)
                if found == NEW_NAME and n != asked:
                    return start, n, at
                if found == READ and conforms(data, first, last, form, value):
                    wanted = names.wanted[value[SYMBOL]]
                    rows.fate[n] = MESSAGE if wanted else PASSED
                    if writes and wanted:
                        at = put_message(out, at, value, text, ends, last_put, day_text)
        rows.end[n] = at
        start, n = end + 1, n + 1
    return start, n, at
