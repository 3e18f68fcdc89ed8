"""Hours of the market, by the trades' time, and of people, by the wall clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from tape.market.new_york import NEW_YORK
from tape.market.trading_days import close_hour, why_closed
from tape.model.fields import NANOS

MarketHours = Literal["regular", "extended", "all"]
HOURS: Final[tuple[MarketHours, ...]] = ("regular", "extended", "all")
HOUR_NS: Final = 3_600 * NANOS
OPENS: Final = time(9, 30)
EARLIEST: Final = time(4)
AFTER_H: Final = 4
"""New York's session, and what is traded before and after it."""


def is_open(hours: MarketHours, time_ns: int) -> bool:
    """Return whether a time lies in these hours of New York's trading days.

    >>> sunday = 1_746_367_200 * NANOS  # 2025-05-04 14:00 UTC
    >>> is_open("all", sunday), is_open("extended", sunday)
    (True, False)
    >>> monday = sunday + 24 * HOUR_NS
    >>> is_open("regular", monday), is_open("regular", monday - HOUR_NS)
    (True, False)
    """
    if hours == "all":
        return True
    seconds = time_ns // NANOS
    at = datetime.fromtimestamp(seconds, UTC).astimezone(NEW_YORK)
    since, until = _session(at.date(), hours)
    return since <= seconds < until


@lru_cache(maxsize=4_096)
def _session(day: date, hours: MarketHours) -> tuple[int, int]:
    """Return the seconds since 1970 of the day's first moment, and of the first one after it."""
    if why_closed(day) is not None:
        return 0, 0
    regular = hours == "regular"
    since = datetime.combine(day, OPENS if regular else EARLIEST, NEW_YORK)
    until = datetime.combine(day, time(close_hour(day) + (0 if regular else AFTER_H)), NEW_YORK)
    return int(since.timestamp()), int(until.timestamp())


def hour_end_ns(now_ns: int) -> int:
    """Return the end of the clock hour (UTC) that a time lies in.

    >>> hour_end_ns(HOUR_NS) == 2 * HOUR_NS == hour_end_ns(2 * HOUR_NS - 1)
    True
    """
    return (now_ns // HOUR_NS + 1) * HOUR_NS


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when until when on a zone's clock nobody wants to be told; over midnight, too."""

    start: time
    end: time
    zone: ZoneInfo

    def until_ns(self, now_ns: int) -> int | None:
        """Return when the quiet ends that a time lies in, None if it lies in none.

        >>> night = QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin"))
        >>> night.until_ns(1_746_392_400 * NANOS) == 1_746_421_200 * NANOS  # 23:00 there, 07:00
        True
        >>> night.until_ns(1_746_421_200 * NANOS) is None
        True
        """
        at = datetime.fromtimestamp(now_ns // NANOS, UTC).astimezone(self.zone)
        clock = at.time()
        if self.start < self.end:
            is_quiet = self.start <= clock < self.end
        else:
            is_quiet = clock >= self.start or clock < self.end
        if not is_quiet:
            return None
        ends = (
            int(datetime.combine(day, self.end, self.zone).replace(fold=fold).timestamp()) * NANOS
            for day in (at.date(), at.date() + timedelta(days=1))
            for fold in (0, 1)  # an hour that the clock shows twice
        )
        return min(end_ns for end_ns in ends if end_ns > now_ns)
