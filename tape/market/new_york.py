"""New York's clock and calendar, on which the market's day lives."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from tape.model.fields import NANOS

I64 = npt.NDArray[np.int64]

NEW_YORK: Final = ZoneInfo("America/New_York")

DAY_S: Final = 86_400
HOUR_S: Final = 3_600
"""Seconds. New York's clock changes on a full hour, so an hour of UTC has one offset."""


def calendar_days(ts_event_ns: I64) -> I64:
    """Return the day of each time on New York's calendar.

    Post-market trades are after midnight UTC in winter, and still of the day before in New York.

    Args:
        ts_event_ns: nanoseconds since 1970, UTC.

    Returns:
        Days since 1970-01-01.

    >>> calendar_days(np.array([1_735_779_600 * 10**9]))  # 2025-01-02 01:00 UTC
    array([20089])
    >>> 20_089 == (datetime(2025, 1, 1) - datetime(1970, 1, 1)).days
    True
    """
    days: I64 = _local_s(ts_event_ns) // DAY_S
    return days


def clock_s(ts_event_ns: I64) -> I64:
    """Return what New York's clock shows at each time.

    Args:
        ts_event_ns: nanoseconds since 1970, UTC.

    Returns:
        Whole seconds since midnight in New York.

    >>> clock_s(np.array([1_741_008_600 * 10**9])) / HOUR_S  # 2025-03-03 13:30 UTC
    array([8.5])
    """
    clock: I64 = _local_s(ts_event_ns) % DAY_S
    return clock


def _local_s(ts_event_ns: I64) -> I64:
    hours, inverse = np.unique(ts_event_ns // (HOUR_S * NANOS), return_inverse=True)
    ahead = np.array([clock_ahead_s(hour * HOUR_S * NANOS) for hour in hours.tolist()], np.int64)
    local: I64 = ts_event_ns // NANOS + ahead[inverse]
    return local


def clock_ahead_s(ns: int) -> int:
    """Return by how many seconds New York's clock is ahead of UTC at a time, so a negative number.

    >>> clock_ahead_s(1_741_008_600 * 10**9) / HOUR_S
    -5.0
    """
    offset = datetime.fromtimestamp(ns // NANOS, UTC).astimezone(NEW_YORK).utcoffset()
    assert offset is not None  # noqa: S101 - a time with a zone has one
    return int(offset.total_seconds())
