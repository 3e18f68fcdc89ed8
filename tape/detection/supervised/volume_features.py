"""The features of a trade's size, and of the volume of its second and minute."""

from typing import Any

import numpy as np

from tape.codec.array_types import F32, F64, I64
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.duplicates import ACCEPTED
from tape.detection.supervised.columns import (
    IMBALANCE_1S,
    IS_ROUND,
    SIDE_SIGN,
    SIZE_LOG2,
    SIZE_Z,
    TRADES_OF_1S,
    VOLUME_1S_Z,
    VOLUME_60S_Z,
)
from tape.detection.supervised.state import (
    FADE,
    LAST_PRICE,
    MINUTE_MEAN,
    MINUTE_PRICE,
    MINUTES,
    SECOND_MEAN,
    SECOND_PRICE,
    SECONDS,
    SHARES_1S,
    SHARES_60S,
    SIGNED_1S,
    SIZE_MEAN,
    TRADES_1S,
)

SECONDS_FADE = 1.0 / 200.0
MINUTES_FADE = 1.0 / 60.0
"""Weights of a new second and of a new minute in what is usual of them: some minutes, an hour."""
OF_DEVIATION = 1.25
"""Standard deviation of a normal in mean absolute deviations."""
LEAST_SPREAD = 0.25
"""Octaves that are added to a usual deviation: sizes may be all the same."""
ROUND_LOT = 100
"""Shares of most orders."""


@part_of_callers
def in_octaves(count: int) -> Any:
    """Return by how many octaves one more than a count is above one."""
    return np.log2(1.0 + count)


@part_of_callers
def _follow(levels: F64, at: int, value: float, weight: float) -> None:
    """Let a mean and, in the column behind it, the mean deviation from it follow a value."""
    levels[at + 1] += weight * (abs(value - levels[at]) - levels[at + 1])
    levels[at] += weight * (value - levels[at])


@part_of_callers
def _deviation(levels: F64, at: int, value: float) -> Any:
    return (value - levels[at]) / (OF_DEVIATION * levels[at + 1] + LEAST_SPREAD)


@uncounted
def end_second(counters: I64, levels: F64) -> None:
    """Learn from a second that is over."""
    shares = in_octaves(counters[SHARES_1S])
    counters[SECONDS] += 1
    _follow(levels, SECOND_MEAN, shares, max(SECONDS_FADE, 1.0 / counters[SECONDS]))
    levels[SECOND_PRICE] = counters[LAST_PRICE] / 1e9
    counters[TRADES_1S] = 0
    counters[SHARES_1S] = 0
    counters[SIGNED_1S] = 0


@uncounted
def end_minute(counters: I64, levels: F64) -> None:
    """Learn from a minute that is over."""
    shares = in_octaves(counters[SHARES_60S])
    counters[MINUTES] += 1
    _follow(levels, MINUTE_MEAN, shares, max(MINUTES_FADE, 1.0 / counters[MINUTES]))
    levels[MINUTE_PRICE] = counters[LAST_PRICE] / 1e9
    counters[SHARES_60S] = 0


@uncounted
def write_volumes(counters: I64, levels: F64, size: int, sign: int, values: F32) -> None:
    """Write the features of the size and of the second's and minute's volume."""
    known = counters[ACCEPTED]
    octaves = np.log2(1.0 * size)
    values[SIZE_LOG2] = octaves
    if known > 0:
        values[SIZE_Z] = _deviation(levels, SIZE_MEAN, octaves)
    _follow(levels, SIZE_MEAN, octaves, max(FADE, 1.0 / (known + 1)))
    counters[TRADES_1S] += 1
    counters[SHARES_1S] += size
    counters[SIGNED_1S] += sign * size
    counters[SHARES_60S] += size
    values[TRADES_OF_1S] = in_octaves(counters[TRADES_1S])
    values[IMBALANCE_1S] = counters[SIGNED_1S] / counters[SHARES_1S]
    if counters[SECONDS] > 0:
        values[VOLUME_1S_Z] = _deviation(levels, SECOND_MEAN, in_octaves(counters[SHARES_1S]))
    if counters[MINUTES] > 0:
        values[VOLUME_60S_Z] = _deviation(levels, MINUTE_MEAN, in_octaves(counters[SHARES_60S]))
    values[SIDE_SIGN] = sign
    values[IS_ROUND] = size % ROUND_LOT == 0
