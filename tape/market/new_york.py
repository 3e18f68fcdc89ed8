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


def calendar_days(ts_event_ns: I64) -> I64:
    """Return the day of each time on New York's calendar, counted from 1970.

    Post-market trades are after midnight UTC in winter.
    """
    days: I64 = _local_s(ts_event_ns) // DAY_S
    return days


def clock_s(ts_event_ns: I64) -> I64:
    """Return the whole seconds that have passed since midnight in New York at each time."""
    clock: I64 = _local_s(ts_event_ns) % DAY_S
    return clock


def _local_s(ts_event_ns: I64) -> I64:
    hours, inverse = np.unique(ts_event_ns // (HOUR_S * NANOS), return_inverse=True)
    ahead = np.array([clock_ahead_s(hour * HOUR_S * NANOS) for hour in hours.tolist()], np.int64)
    local: I64 = ts_event_ns // NANOS + ahead[inverse]
    return local


def clock_ahead_s(ns: int) -> int:
    """Return by how many seconds New York's clock is ahead of UTC at a time; mostly negative."""
    offset = datetime.fromtimestamp(ns // NANOS, UTC).astimezone(NEW_YORK).utcoffset()
    assert offset is not None  # noqa: S101 - a time with a zone has one
    return int(offset.total_seconds())
