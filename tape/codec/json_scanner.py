"""Compiled: chunks of JSON lines into numbers, and into the bytes of their messages.

DataBento nests the record's head under `hd` and the book under `levels`; times and prices are
strings. A line must be JSON as a whole to be taken here.
"""

import numpy as np

from tape.codec.compiling import compiled, uncounted
from tape.codec.eight_bytes import PADDING
from tape.codec.message_writer import DAY_ROOM, put_message
from tape.codec.row_fields import (
    ACTION,
    DEPTH,
    FIELDS,
    IS_OTHER,
    LITERAL,
    MESSAGE,
    NAMES,
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
    packed_words,
    read_fields,
)
from tape.codec.text import BAD, I64, U8

DEPTH_MAX = 8
"""Nested deeper, a row is left to the reference reader: no record of DataBento is."""
LINE_MAX = 65_536
"""Bytes of a row; longer ones are left to the reference reader."""
KEY_MAX = 16
"""Bytes of a key, two words; the longest of the fields', `instrument_id`, has 13."""
HEAD = FIELDS
"""Stands for the key `hd`, behind the numbers of the fields."""

_PADDED = [np.frombuffer(name.encode().ljust(KEY_MAX, b"\0"), np.uint64) for name in (*NAMES, "hd")]
KEYS = np.array(_PADDED, np.uint64)


@uncounted
def _string_end(data: U8, at: int) -> int:
    """Return where the closing quote of a plain string stands, or BAD."""
    while True:
        c = data[at]
        if c == 34:
            return at
        if c < 32 or c > 126 or c == 92:
            return BAD
        at += 1


@uncounted
def _number_end(data: U8, at: int) -> int:
    """Return the position behind a plain number, or BAD."""
    if data[at] == 45:
        at += 1
    start = at
    while 48 <= data[at] <= 57:
        at += 1
    if at == start or (data[start] == 48 and at - start > 1):
        return BAD
    if data[at] == 46:
        at += 1
        start = at
        while 48 <= data[at] <= 57:
            at += 1
        if at == start:
            return BAD
    c = data[at]
    return at if c == 44 or c == 125 or c == 93 or c == 32 else BAD


@uncounted
def _is_null(data: U8, at: int) -> bool:
    return bool(
        data[at] == 110 and data[at + 1] == 117 and data[at + 2] == 108 and data[at + 3] == 108
    )


@uncounted
def _spaces_end(data: U8, at: int) -> int:
    while data[at] == 32:
        at += 1
    return at


@uncounted
def _field_of(data: U8, start: int, end: int, likely: int) -> int:
    """Return the number of the field that a key names, or BAD; `likely` is tried first."""
    if end - start > KEY_MAX:
        return BAD
    low, high = packed_words(data, start, end)
    if likely <= HEAD and KEYS[likely, 0] == low and KEYS[likely, 1] == high:
        return likely
    for field in range(HEAD + 1):
        if KEYS[field, 0] == low and KEYS[field, 1] == high:
            return field
    return BAD


@uncounted
def _split(data: U8, at: int, first: I64, last: I64, objects: U8) -> int:
    """Fill where the values of all fields begin and end; returns the line's end, BAD if not plain.

    `objects` is the stack: which of the open brackets are objects.
    """
    depth, likely, field, heads = 0, 0, BAD, 0
    in_head = False
    at = _spaces_end(data, at)
    if data[at] != 123:
        return BAD
    while True:
        c = data[at]  # a value begins here
        if c == 123 or c == 91:
            if depth == DEPTH_MAX or (0 <= field < HEAD):
                return BAD
            if depth == 1:
                in_head = field == HEAD and c == 123
                heads += 1 if in_head else 0
                if heads > 1:
                    return BAD
            objects[depth] = c == 123
            depth += 1
            at = _spaces_end(data, at + 1)
            if data[at] != 125 and data[at] != 93:
                if objects[depth - 1]:
                    field, at = _key(data, at, depth == 1 or (depth == 2 and in_head), likely)
                    if at == BAD:
                        return BAD
                    likely = field + 1 if 0 <= field < HEAD else likely
                else:
                    field = BAD
                continue
        else:
            wanted = 0 <= field < HEAD
            if wanted and first[field] != BAD:
                return BAD
            if c == 34:
                end = _string_end(data, at + 1)
                if end == BAD:
                    return BAD
                if wanted:
                    first[field], last[field] = at + 1, end
                at = end + 1
            else:
                quoted = field in (ACTION, SIDE, SYMBOL)
                end = at + 4 if not wanted and _is_null(data, at) else _number_end(data, at)
                if end == BAD or quoted or field == HEAD:
                    return BAD
                if wanted:
                    first[field], last[field] = at, end
                at = end
        at = _spaces_end(data, at)  # behind a value, or at the end of an empty one
        while data[at] == 125 or data[at] == 93:
            depth -= 1
            if objects[depth] != (data[at] == 125):
                return BAD
            if depth == 1:
                in_head = False
            at = _spaces_end(data, at + 1)
            if depth == 0:
                return at if data[at] == 10 else BAD
        if data[at] != 44:
            return BAD
        at = _spaces_end(data, at + 1)
        if objects[depth - 1]:
            field, at = _key(data, at, depth == 1 or (depth == 2 and in_head), likely)
            if at == BAD:
                return BAD
            likely = field + 1 if 0 <= field < HEAD else likely
        else:
            field = BAD


@uncounted
def _key(data: U8, at: int, counts: bool, likely: int) -> tuple[int, int]:
    """Return the field that the key at `at` names if it `counts`, and where its value begins."""
    if data[at] != 34:
        return BAD, BAD
    end = _string_end(data, at + 1)
    if end == BAD:
        return BAD, BAD
    field = _field_of(data, at + 1, end, likely) if counts else BAD
    at = _spaces_end(data, end + 1)
    if data[at] != 58:
        return BAD, BAD
    return field, _spaces_end(data, at + 1)


@compiled
def convert_json(
    data: U8,
    start: int,
    n: int,
    at: int,
    asked: int,
    form: PlainForm,
    latest_ns: int,
    names: Names,
    out: U8,
    rows: Rows,
) -> tuple[int, int, int]:
    """Fill `rows` from a chunk and write the messages, as `convert_csv` does."""
    first, last = np.empty(FIELDS, np.int64), np.empty(FIELDS, np.int64)
    last_read, last_put = np.zeros(3, np.uint64), np.zeros(1, np.int64)
    day_text, objects = np.zeros(DAY_ROOM, np.uint8), np.zeros(DEPTH_MAX, np.uint8)
    stop = len(data) - PADDING - 1
    writes = len(out) > 0
    text, ends = names.table.text, names.table.ends
    while start < stop:
        rows.start[n], rows.fate[n] = start, LITERAL
        first[:] = BAD
        end = _split(data, start, first, last, objects)
        if end == BAD:
            end = start
            while data[end] != 10:
                end += 1
        elif end - start <= LINE_MAX:
            if first[DEPTH] == BAD:
                first[DEPTH], last[DEPTH] = stop, stop + 1
            whole = True
            for field in range(FIELDS - 1):
                whole &= first[field] != BAD
            if whole and last[ACTION] - first[ACTION] == 1:
                if IS_OTHER[data[first[ACTION]]]:
                    rows.fate[n] = PASSED
                elif data[first[ACTION]] == TRADE and last[SIDE] > first[SIDE]:
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
