"""When an exchange was open: by its calendar, or by New York's clock where there is none."""

import warnings
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final

from tape.errors import SettingsError
from tape.market.day import NEW_YORK
from tape.market.trading_days import is_half_day
from tape.model.fields import NANOS

OPEN: Final = time(9, 30)
HALF_DAY_CLOSE: Final = time(13)
CLOSE: Final = time(16)
"""On New York's clock; the rules are those of `trading_days`."""
FIRST_DAY: Final = "2000-01-01"
"""Nothing older is taken for a trade."""

INSTALL: Final = "pip install 'tapewatch[desk]'"
"""What a person without `exchange_calendars` can run."""


def day_of(number: int) -> date:
    """Return the date of a day since 1970."""
    return date(1970, 1, 1) + timedelta(days=number)


def exchange_calendar(name: str) -> Any | None:
    """Return an exchange's calendar, None if the package for it is not installed.

    Args:
        name: a MIC code, such as XNYS.

    Raises:
        SettingsError: no exchange has this name.
    """
    try:
        import exchange_calendars
    except ImportError:
        return None
    names = exchange_calendars.get_calendar_names()
    if name not in names:
        raise SettingsError(
            f"--calendar {name}: no such exchange", "write a MIC code, such as XNYS, CMES or XLON"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pandas says to that package is not for our users
        try:
            return exchange_calendars.get_calendar(name, start=FIRST_DAY)
        except ValueError:  # some are not known so far back
            return exchange_calendars.get_calendar(name)


class Sessions:
    """The sessions of one exchange, by its own day."""

    def __init__(self, calendar: Any | None) -> None:
        self._calendar = calendar
        self._known: dict[str, tuple[int, int]] = {}
        if calendar is not None:
            opens = calendar.opens.astype("datetime64[ns, UTC]").astype("int64").tolist()
            closes = calendar.closes.astype("datetime64[ns, UTC]").astype("int64").tolist()
            days = [session.date().isoformat() for session in calendar.sessions]
            self._known = dict(zip(days, zip(opens, closes, strict=True), strict=True))

    @property
    def known(self) -> bool:
        """Return whether there is a calendar."""
        return self._calendar is not None

    def offset_ns(self, day: int) -> int:
        """Return how far the exchange's clock is ahead of UTC on a UTC day, at noon."""
        zone = NEW_YORK if self._calendar is None else self._calendar.tz
        offset = datetime.combine(day_of(day), time(12), UTC).astimezone(zone).utcoffset()
        assert offset is not None  # noqa: S101 - every exchange has a zone
        return int(offset.total_seconds()) * NANOS

    def hours(self, day: int) -> tuple[int, int]:
        """Return when trading opened and closed on a day.

        Args:
            day: days since 1970-01-01.

        Returns:
            Nanoseconds since 1970, UTC; (0, 0) on a day without a session. Without a calendar
            each day is a trading day of New York.
        """
        if self._calendar is not None:
            return self._known.get(day_of(day).isoformat(), (0, 0))
        close = HALF_DAY_CLOSE if is_half_day(day_of(day)) else CLOSE
        return _new_york_ns(day, OPEN), _new_york_ns(day, close)

    def missing(self, days: list[int]) -> list[str]:
        """Return the sessions between the first and the last of the days that are not among them.

        The calendar may end before the last day: nothing after its end is known to be missing.

        Args:
            days: days since 1970-01-01, in any order.

        Returns:
            ISO dates, rising.
        """
        found = []
        for before, after in pairwise(sorted(days)):
            between = (day_of(day).isoformat() for day in range(before + 1, after))
            found += [day for day in between if day in self._known]
        return found


def _new_york_ns(day: int, clock: time) -> int:
    at = datetime.combine(day_of(day), clock, NEW_YORK).astimezone(UTC)
    return int(at.timestamp()) * NANOS
