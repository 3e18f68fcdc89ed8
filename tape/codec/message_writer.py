"""Compiled: the fourteen numbers of a trade as the bytes of its message, as `encode` has them."""

import numpy as np

from tape.codec.compiling import uncounted
from tape.codec.eight_bytes import PADDING, put
from tape.codec.message_scanner import AT, END, TEXT
from tape.codec.name_slots import LONG_MAX, NAME_WIDTH
from tape.codec.row_fields import (
    ACTION,
    FIELDS,
    PRICE,
    SIDE,
    SYMBOL,
    TS_EVENT,
    TS_RECV,
)
from tape.codec.text import I64, MONTH_STARTS, U8
from tape.model.fields import NANOS

MESSAGE_BYTES = 352 + LONG_MAX
"""No message of a plain row is longer: fixed texts and each field at its longest."""

TEXTS = np.concatenate([TEXT, np.zeros(PADDING, np.uint8)])
PLACES = 10 ** np.arange(19, dtype=np.int64)
"""Powers of ten below 2**63, to count the digits of a number."""
PAIRS = np.frombuffer(b"".join(b"%02d" % n for n in range(100)), np.uint8).copy()
DAY_BYTES = 11
"""Length of `2025-03-05T`."""
DAY_ROOM = 64
"""Bytes for the text of a day, with room to be loaded and stored in words."""


@uncounted
def _put_digits(out: U8, at: int, value: int, places: int) -> int:
    end = at + places
    n = end
    while n - at >= 2:
        rest = value // 100
        pair = 2 * (value - rest * 100)
        out[n - 1], out[n - 2] = PAIRS[pair + 1], PAIRS[pair]
        value, n = rest, n - 2
    if n > at:
        out[at] = 48 + value % 10
    return end


@uncounted
def _put_integer(out: U8, at: int, value: int) -> int:
    if value < 0:
        out[at] = 45
        value, at = -value, at + 1
    if value < 10:
        out[at] = 48 + value
        return at + 1
    places = 2
    while value >= PLACES[places]:
        places += 1
    return int(_put_digits(out, at, value, places))


@uncounted
def _put_day(out: U8, day: int) -> None:
    """Write YYYY-MM-DDT of a day since 1970, between 2000 and 2100."""
    days = day - 10_957
    year = 2000 + 4 * (days // 1461)  # four years, the leap one first
    days %= 1461
    if days >= 366:
        year += 1 + (days - 366) // 365
        days = (days - 366) % 365
    leap = 1 if year % 4 == 0 else 0
    month = 12
    while month > 1 and days < MONTH_STARTS[month] + (leap if month > 2 else 0):
        month -= 1
    date = days - MONTH_STARTS[month] - (leap if month > 2 else 0) + 1
    _put_digits(out, 0, year, 4)
    _put_digits(out, 5, month, 2)
    _put_digits(out, 8, date, 2)
    out[4], out[7], out[10] = 45, 45, 84


@uncounted
def _put_time(out: U8, at: int, ns: int, last_day: I64, day_text: U8) -> int:
    """Write 30 bytes of ISO time; most times of a file share the day whose text is kept."""
    seconds = ns // NANOS
    day = seconds // 86_400
    if day != last_day[0]:
        _put_day(day_text, day)
        last_day[0] = day
    at = int(put(out, at, day_text, 0, DAY_BYTES))
    second = seconds - day * 86_400
    hour = second // 3600
    second -= hour * 3600
    minute = second // 60
    _put_digits(out, at, hour, 2)
    _put_digits(out, at + 3, minute, 2)
    _put_digits(out, at + 6, second - minute * 60, 2)
    _put_digits(out, at + 9, ns - seconds * NANOS, 9)
    out[at + 2], out[at + 5], out[at + 8], out[at + 18] = 58, 58, 46, 90
    return at + 19


@uncounted
def _put_price(out: U8, at: int, nanos: int) -> int:
    if nanos < 0:
        out[at] = 45
        nanos, at = -nanos, at + 1
    whole = nanos // NANOS
    fraction, places = nanos - whole * NANOS, 9
    at = _put_integer(out, at, whole)
    out[at] = 46
    while places > 1 and fraction % 10 == 0:
        fraction //= 10
        places -= 1
    return int(_put_digits(out, at + 1, fraction, places))


@uncounted
def put_message(
    out: U8, at: int, value: I64, text: U8, ends: I64, last_day: I64, day_text: U8
) -> int:
    """Write the message of a trade at `at`; returns the position behind it."""
    part = 0
    for field in range(FIELDS):
        if field == ACTION:
            continue
        at = put(out, at, TEXTS, AT[part], AT[part + 1])
        part += 1
        number = value[field]
        if field in (TS_RECV, TS_EVENT):
            at = _put_time(out, at, number, last_day, day_text)
        elif field == PRICE:
            at = _put_price(out, at, number)
        elif field == SIDE:
            out[at] = number
            at += 1
        elif field == SYMBOL:
            at = put(out, at, text, NAME_WIDTH * number, ends[number])
        else:
            at = _put_integer(out, at, number)
    return int(put(out, at, TEXTS, AT[END], AT[END + 1]))
