"""Compiled: numbers and times of files of any origin, as `values` reads them.

What is not plain here is left to `RowReader`, so that the answer is always that one's.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tape.codec.compiling import uncounted
from tape.codec.row_fields import NO_PRICE
from tape.codec.text import BAD, MONTH_DAYS, MONTH_STARTS, U8
from tape.codec.values import SLOT_S, zone_offset_s
from tape.model.fields import NANOS, TIME_MAX_NS

DIGITS_MAX = 18
"""A whole number of this many digits fits into 64 bits whatever they are."""
FRACTION_MAX = 40
"""Decimals that are read here; a longer number is left to the reference reader."""
POWERS = 10 ** np.arange(19, dtype=np.int64)
"""Powers of ten below 2**63."""
NO_OFFSET = np.int32(2**31 - 1)
"""Stands for a local time that does not exist or occurs twice."""
DAYS_BEFORE, DAYS_BEHIND = 2, 35
SLOTS_A_DAY = 86_400 // SLOT_S
"""Offsets are kept for these days around the first time."""


class Offsets(NamedTuple):
    """Offsets of a zone in seconds by quarters of an hour of local time, from one on.

    `NO_OFFSET` stands for those that do not exist or occur twice.
    """

    first: int
    seconds: npt.NDArray[np.int32]


NO_OFFSETS = Offsets(0, np.empty(0, np.int32))


def offsets_around(zone: str, local_s: int) -> Offsets:
    """Return a zone's offsets for the days around a local time; what lies outside is not plain."""
    first = local_s // SLOT_S - DAYS_BEFORE * SLOTS_A_DAY
    count = (DAYS_BEFORE + DAYS_BEHIND) * SLOTS_A_DAY
    found = [zone_offset_s(zone, slot) for slot in range(first, first + count)]
    whole = [NO_OFFSET if isinstance(one, str) else one for one in found]
    return Offsets(first, np.array(whole, np.int32))


@uncounted
def read_decimal(data: U8, first: int, last: int, mark: int, power: int) -> int:
    """Return a decimal number times 10**power, rounded, or NO_PRICE."""
    minus = first < last and data[first] == 45
    at = first + (1 if minus else 0)
    start, value, seen = at, 0, 0
    while at < last and 48 <= data[at] <= 57:
        if at - start >= DIGITS_MAX - power:
            return NO_PRICE
        digit = int(data[at]) - 48
        value, seen, at = value * 10 + digit, seen | digit, at + 1
    if at == start:
        return NO_PRICE
    places, up = 0, 0
    if at < last:
        if int(data[at]) != mark or last - at - 1 > FRACTION_MAX or last - at == 1:
            return NO_PRICE
        at += 1
        while at < last:
            digit = int(data[at]) - 48
            if digit < 0 or digit > 9:
                return NO_PRICE
            if places < power:
                value = value * 10 + digit
            elif places == power:
                up = 1 if digit >= 5 else 0
            seen, places, at = seen | digit, places + 1, at + 1
    if places < power:
        value *= POWERS[power - places]
    value += up
    if value == 0 and seen != 0:
        return NO_PRICE
    return -value if minus else value


@uncounted
def read_count(data: U8, first: int, last: int, mark: int, largest: int) -> int:
    """Return a whole number up to `largest`, that may be written as a float, or BAD."""
    at, value = first, 0
    while at < last and 48 <= data[at] <= 57:
        if at - first >= DIGITS_MAX:
            return BAD
        value, at = value * 10 + int(data[at]) - 48, at + 1
    if at == first or value > largest:
        return BAD
    if at < last:
        if int(data[at]) != mark or last - at - 1 > FRACTION_MAX or last - at == 1:
            return BAD
        for n in range(at + 1, last):
            if data[n] != 48:
                return BAD
    return value


@uncounted
def _two(data: U8, at: int) -> int:
    """Return the number of two digits, or 100."""
    tens, units = int(data[at]) - 48, int(data[at + 1]) - 48
    return tens * 10 + units if 0 <= tens <= 9 and 0 <= units <= 9 else 100


@uncounted
def _local(local_s: int, offsets: Offsets) -> int:
    """Return seconds since 1970 of a local time, or BAD."""
    slot = local_s // SLOT_S - offsets.first
    if slot < 0 or slot >= len(offsets.seconds) or offsets.seconds[slot] == NO_OFFSET:
        return BAD
    return int(local_s - offsets.seconds[slot])


@uncounted
def read_iso(data: U8, first: int, last: int, offsets: Offsets) -> int:
    """Return nanoseconds since 1970 of a day and a time with or without an offset, or BAD."""
    if last - first < 19:
        return BAD
    century, years = _two(data, first), _two(data, first + 2)
    month, day = _two(data, first + 5), _two(data, first + 8)
    hour, minute, second = _two(data, first + 11), _two(data, first + 14), _two(data, first + 17)
    middle = data[first + 10]
    if data[first + 4] != 45 or data[first + 7] != 45 or middle not in (84, 116, 32):
        return BAD
    if data[first + 13] != 58 or data[first + 16] != 58 or century != 20 or years > 99:
        return BAD
    if month < 1 or month > 12 or hour > 23 or minute > 59 or second > 59:
        return BAD
    leap = years % 4 == 0  # without exception in these years
    if day < 1 or day > MONTH_DAYS[month] + (1 if leap and month == 2 else 0):
        return BAD
    days = 10_957 + years * 365 + (years + 3) // 4 + MONTH_STARTS[month] + day - 1
    days += 1 if leap and month > 2 else 0
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    at, nanos = first + 19, 0
    if at < last and (data[at] == 46 or data[at] == 44):
        at += 1
        start = at
        while at < last and 48 <= data[at] <= 57:
            if at - start >= 9:
                return BAD
            nanos, at = nanos * 10 + int(data[at]) - 48, at + 1
        if at == start:
            return BAD
        nanos *= POWERS[9 - (at - start)]
    if at == last:
        utc = _local(seconds, offsets)
        return BAD if utc == BAD else utc * NANOS + nanos
    offset = _offset(data, at, last)
    return BAD if offset == NO_OFFSET else (seconds - offset) * NANOS + nanos


@uncounted
def _offset(data: U8, at: int, last: int) -> int:
    """Return the seconds that Z, +00:00, -0500 and their like stand for, or NO_OFFSET."""
    if last - at > 1 and data[at] == 32:
        at += 1
    length = last - at
    if length == 1 and (data[at] == 90 or data[at] == 122):
        return 0
    if length == 3 and data[at] == 85 and data[at + 1] == 84 and data[at + 2] == 67:
        return 0
    if (data[at] != 43 and data[at] != 45) or (length != 3 and length != 5 and length != 6):
        return int(NO_OFFSET)
    if length == 6 and data[at + 3] != 58:
        return int(NO_OFFSET)
    hours, minutes = _two(data, at + 1), _two(data, last - 2) if length > 3 else 0
    if hours > 23 or minutes > 59:
        return int(NO_OFFSET)
    offset = hours * 3600 + minutes * 60
    return -offset if data[at] == 45 else offset


@uncounted
def read_counted(
    data: U8, first: int, last: int, mark: int, unit_power: int, midnight_s: int, offsets: Offsets
) -> int:
    """Return nanoseconds since 1970, or since a local midnight (BAD: none), or BAD."""
    at, value = first, 0
    while at < last and 48 <= data[at] <= 57:
        if at - first >= 19 or (at - first == 18 and data[first] > 52):
            return BAD
        value, at = value * 10 + int(data[at]) - 48, at + 1
    if at == first or value > TIME_MAX_NS // POWERS[unit_power]:
        return BAD
    places = 0
    if at < last:
        if int(data[at]) != mark or last - at == 1 or last - at - 1 > unit_power:
            return BAD
        for n in range(at + 1, last):
            digit = int(data[n]) - 48
            if digit < 0 or digit > 9:
                return BAD
            value, places = value * 10 + digit, places + 1
    ns = value * POWERS[unit_power - places]
    if midnight_s == BAD:
        return int(ns)
    second = ns // NANOS
    if second >= 86_400:
        return BAD
    utc = _local(midnight_s + second, offsets)
    return BAD if utc == BAD else int(utc * NANOS + ns % NANOS)
