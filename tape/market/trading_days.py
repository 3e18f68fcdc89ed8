"""Which days the exchanges of New York trade, and until when, by their own rules.

Rules, and no list of days that ends a year from now: `tape synth` and the calibrated profile
need neither a package nor an update. A test compares them with `exchange_calendars`.
"""

from datetime import date, timedelta
from typing import Final

CLOSE_HOUR: Final = 16
HALF_DAY_CLOSE_HOUR: Final = 13
"""Hours of New York's clock."""

MONDAY: Final = 0
THURSDAY: Final = 3
FRIDAY: Final = 4
SATURDAY: Final = 5
SUNDAY: Final = 6
"""As `date.weekday` counts."""

JUNETEENTH_SINCE: Final = 2022
"""The year from which the exchanges keep it (NYSE Rule 7.2)."""
SPECIAL_CLOSINGS: Final = {
    date(2001, 9, 11): "the attacks of that day",
    date(2001, 9, 12): "the attacks of the day before",
    date(2001, 9, 13): "the attacks of that week",
    date(2001, 9, 14): "the attacks of that week",
    date(2004, 6, 11): "the mourning for Ronald Reagan",
    date(2007, 1, 2): "the mourning for Gerald Ford",
    date(2012, 10, 29): "hurricane Sandy",
    date(2012, 10, 30): "hurricane Sandy",
    date(2018, 12, 5): "the mourning for George H. W. Bush",
    date(2025, 1, 9): "the mourning for Jimmy Carter",
}
"""Closings that follow no rule, since 2000, and why."""


def is_half_day(day: date) -> bool:
    """Return whether New York closes at 13:00: around July 4, Thanksgiving and Christmas.

    The rules since 2013. Special closings (mourning, storms) have no trades to be judged.

    >>> is_half_day(date(2024, 11, 29)), is_half_day(date(2025, 7, 2))
    (True, False)
    """
    if day.weekday() >= SATURDAY:
        return False
    if (day.month, day.day) == (7, 3):
        return day.weekday() < FRIDAY  # on a Friday it is the holiday itself
    if (day.month, day.day) == (12, 24):
        return day.weekday() < FRIDAY
    return day.month == 11 and day.weekday() == FRIDAY and 23 <= day.day <= 29


def close_hour(day: date) -> int:
    """Return the hour of New York's clock at which a trading day's session ends."""
    return HALF_DAY_CLOSE_HOUR if is_half_day(day) else CLOSE_HOUR


def why_closed(day: date) -> str | None:
    """Return why New York does not trade on a day, None if it does.

    The rules since 2000.

    >>> why_closed(date(2025, 7, 4)), why_closed(date(2025, 7, 5)), why_closed(date(2025, 7, 7))
    ('Independence Day', 'a Saturday', None)
    """
    if day.weekday() >= SATURDAY:
        return "a Saturday" if day.weekday() == SATURDAY else "a Sunday"
    return _holidays(day.year).get(day) or SPECIAL_CLOSINGS.get(day)


def next_trading_day(day: date) -> date:
    """Return the first day after this one on which New York trades."""
    day += timedelta(days=1)
    while why_closed(day) is not None:
        day += timedelta(days=1)
    return day


def _holidays(year: int) -> dict[date, str]:
    found = {
        _nth(year, 1, MONDAY, 3): "Martin Luther King Day",
        _nth(year, 2, MONDAY, 3): "Washington's Birthday",
        _easter(year) - timedelta(days=2): "Good Friday",
        _nth(year, 6, MONDAY, 1) - timedelta(days=7): "Memorial Day",
        _observed(date(year, 7, 4)): "Independence Day",
        _nth(year, 9, MONDAY, 1): "Labor Day",
        _nth(year, 11, THURSDAY, 4): "Thanksgiving",
        _observed(date(year, 12, 25)): "Christmas",
    }
    if date(year, 1, 1).weekday() != SATURDAY:  # the Friday before is the last of a year
        found[_observed(date(year, 1, 1))] = "New Year's Day"
    if year >= JUNETEENTH_SINCE:
        found[_observed(date(year, 6, 19))] = "Juneteenth"
    return found


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    """Return the nth such weekday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _observed(day: date) -> date:
    """Return when a holiday is kept that falls on a weekend: on Friday or on Monday."""
    return day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


def _easter(year: int) -> date:
    """Return Easter Sunday (J. Meeus, Astronomical Algorithms, chapter 8)."""
    a = year % 19
    b, c = divmod(year, 100)
    d, e = divmod(b, 4)
    f = (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, before = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, before + 1)
