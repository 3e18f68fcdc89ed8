"""Numbers and times as files of any origin write them: the literal form.

What a number means is its column's business (`forms`); here is only what its text can say.
"""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from tape.model.fields import NANOS, Unreadable, midnight_s
from tape.model.rejected import Reason

DECIMAL: Final = re.compile(r"(-?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,2}))?", re.ASCII)
"""Java writes exponents without a plus (`1.0E7`), C and R write a bare point (`142.`)."""

SIGNLESS: Final = re.compile(r"-?\d+[eE]\d+", re.ASCII)
"""Neither writes a whole number so: it may be a code that looks like one."""

THOUSANDS: Final = re.compile(r"-?\d{1,3}(?:[,.' \u00a0\u202f]\d{3})+(?:[.,]\d+)?", re.ASCII)
NO_NUMBERS: Final = frozenset(
    {"nan", "na", "n/a", "#n/a", "null", "none", "nil", "inf", "infinity", "undefined", "-"}
)
"""What programs write where there is no number; minus and plus are taken away before."""

FLOAT: Final = re.compile(r"\d[.,]\d+[eE]\+?\d+", re.ASCII)
DIGITS_MAX: Final = 60
"""More digits are no number of a trade: 2**63 nanodollars have 19, and a float of a program some
20."""
ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8})[Tt ]"
    r"(\d{1,2}):([0-5]\d):([0-5]\d)(?:[.,](\d{1,9}))?"
    r" ?([Zz]|UTC|[+-]\d\d(?::?[0-5]\d)?)?",
    re.ASCII,
)
DAY_PIECES: Final = re.compile(
    r"(\d{1,4})([./-]?)(\d{1,2}|[A-Za-z]{3})\2(\d{1,4})([Tt ].*)", re.ASCII | re.DOTALL
)
MONTHS: Final = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"
EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - local times of a zone are counted from it
SLOT_S: Final = 900
"""No zone changes its clocks but at a quarter of an hour."""


def scaled(text: str, name: str, power: int) -> int:
    """Return a decimal number times 10**power, rounded to a whole one; raises `Unreadable`.

    Half is rounded away from zero. What rounds to zero and is none is refused.

    >>> scaled("80.02000000000001", "price", 9), scaled("1e-05", "price", 9)
    (80020000000, 10000)
    >>> scaled("142.", "price", 2), scaled("1.5E3", "price", 0)
    (14200, 1500)
    """
    match = DECIMAL.fullmatch(text)
    if match is None or not (match[2] or match[3]) or SIGNLESS.fullmatch(text):
        raise no_number(text, name, "a decimal number")
    sign, whole, fraction, exponent = match.groups()
    digits = whole + (fraction or "")
    if len(digits) > DIGITS_MAX:  # before int(), whose cost grows with the digits
        raise Unreadable("number_range", f"`{name}` has {len(digits)} digits")
    point = len(whole) + power + (int(exponent) if exponent else 0)
    if point >= len(digits):
        value = int(digits) * int(10 ** (point - len(digits)))
    elif point < 0:
        value = 0
    else:
        value = int(digits[:point] or "0") + (digits[point] >= "5")
    if value == 0 and digits.strip("0"):
        raise Unreadable("number_range", f"`{name}` is too close to 0")
    return -value if sign else value


def no_number(text: str, name: str, what: str) -> Unreadable:
    """Return why a text is no number, as it looks; `what` says which kind was expected."""
    bare = text.strip()
    if bare != text and bare:
        return Unreadable("number_syntax", f"`{name}` has blanks around it: write none")
    if bare == "-" or bare.lower().lstrip("+-") in NO_NUMBERS:
        text = f"`{name}` has a word for no number, such as NaN or NA"
        return Unreadable("number_syntax", text)
    if SIGNLESS.fullmatch(text):
        text = f"`{name}` has an exponent without its sign: write 1e+05, or 100000"
        return Unreadable("number_syntax", text)
    if THOUSANDS.fullmatch(text):
        return Unreadable("number_syntax", f"`{name}` has thousands separators: write 1234.5")
    return Unreadable("number_syntax", f"`{name}` is not {what}")


def whole(text: str, name: str) -> str:
    """Return the digits of a count that is written as a float: `100.0`, `1e+02`.

    Raises `Unreadable` for a fraction, and for what is no number.
    """
    nanos = scaled(text, name, 9)
    if nanos % NANOS:
        if name == "size":
            raise Unreadable(
                "size_fraction", "`size` is a fraction of a share, which is out of scope"
            )
        raise Unreadable("number_syntax", f"`{name}` is not a whole number")
    return str(nanos // NANOS)


def iso_ns(text: str, name: str, zone: str | None, order: str = "YMD") -> int:
    """Return nanoseconds since 1970 of a day and a time; raises `Unreadable`.

    Without an offset in it, it is taken for a local time of `zone`.
    """
    match = ISO.fullmatch(text)
    if match is None or order != "YMD":
        match = ISO.fullmatch(_year_first(text, order))
        if match is None:
            if text.isdigit() or (text[:1] == "-" and text[1:].isdigit()):
                ns_like = len(text) in (18, 19) and text.isdigit()
                reason: Reason = "row_form" if ns_like else "time_range"
                raise Unreadable(reason, f"`{name}` is a number; the file's are texts")
            if FLOAT.fullmatch(text):
                raise Unreadable("time_syntax", f"`{name}` was cut to a float: its digits are lost")
            raise Unreadable("time_syntax", f"`{name}` is in no form that is known")
    day, hour, minute, second, fraction, offset = match.groups()
    if len(day) == 8:
        day = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    midnight = midnight_s(day)
    if midnight is None or int(hour) > 23:
        raise Unreadable("time_syntax", f"`{name}` is no day or time of day that there is")
    local_s = midnight + int(hour) * 3600 + int(minute) * 60 + int(second)
    nanos = int(fraction.ljust(9, "0")) if fraction else 0
    return (local_s - _offset_s(offset, local_s, name, zone)) * NANOS + nanos


def local_ns(local_s: int, name: str, zone: str | None) -> int:
    """Return nanoseconds since 1970 of a second counted on the clocks of `zone`."""
    return (local_s - _offset_s(None, local_s, name, zone)) * NANOS


def has_zone(text: str) -> bool | None:
    """Return whether a time names its zone; None for what is no day and time."""
    match = ISO.fullmatch(text)
    return None if match is None else match[6] is not None


def _offset_s(text: str | None, local_s: int, name: str, zone: str | None) -> int:
    if text is None:
        if zone is None:
            raise Unreadable(
                "time_zone", f"`{name}` names no time zone: give --time-zone, such as UTC"
            )
        offset = zone_offset_s(zone, local_s // SLOT_S)
        if isinstance(offset, str):
            raise Unreadable("time_zone", f"`{name}` {offset} in {zone}: its clocks change")
        return offset
    if text[0] not in "+-":
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0
    if hours > 23:
        raise Unreadable("time_syntax", f"`{name}` has an offset of more than a day")
    offset = hours * 3600 + minutes * 60
    return -offset if text[0] == "-" else offset


@lru_cache(maxsize=65_536)
def zone_offset_s(zone: str, slot: int) -> int | str:
    """Return the offset of a quarter of an hour of local time, or why it has none."""
    local = EPOCH + timedelta(seconds=slot * SLOT_S)
    first = local.replace(tzinfo=ZoneInfo(zone), fold=0).utcoffset()
    second = local.replace(tzinfo=ZoneInfo(zone), fold=1).utcoffset()
    assert first is not None  # noqa: S101 - a zone knows its offset at any time
    assert second is not None  # noqa: S101 - as above
    if first == second:
        return int(first.total_seconds())
    return "does not exist" if first < second else "occurs twice"


def _year_first(text: str, order: str) -> str:
    """Return a text whose day is written in another way with the day as ISO has it.

    A month in letters tells itself; else `order` says which number is which.
    """
    match = DAY_PIECES.fullmatch(text)
    if match is None:
        return text
    first, mark, second, third, time = match.groups()
    if second.isalpha():
        at = MONTHS.find(second.upper())
        if at % 3:  # also where it is not found
            return text
        year, month, day = third, str(at // 3 + 1), first
    elif not mark:
        return text
    elif order == "YMD":
        year, month, day = first, second, third
    elif order == "DMY":
        year, month, day = third, second, first
    else:
        year, month, day = third, first, second
    return f"{year}-{month.zfill(2)}-{day.zfill(2)}{time}" if len(year) == 4 else text
