"""Tails over a high quantile: generalised Pareto, by probability-weighted moments.

Peaks over threshold as in Coles (2001), chapter 4; the estimator is Hosking & Wallis (1987).
"""

from typing import Any

import numpy as np

from tape.detection.calibrated.state import (
    CHANCE,
    COUNT,
    FITTED,
    FLOOR,
    FRESH,
    KEPT,
    QUIET,
    SCALE,
    SEEN,
    SHAPE,
    THRESHOLD,
)
from tape.detection.inlining import uncounted
from tape.detection.kernel_types import F64

TARGET = 0.005
"""Share of ordinary trades beyond the threshold once a tail is calibrated."""
MOST = 16.0
"""A single tail's severity is capped here; what is told is capped at 8."""
CERTAIN = 0.05
"""A fit to more common values than this says nothing of rare ones and is not used."""
ANOMALY = 4.0
"""From this severity on a value teaches at most this much, and then nothing for a while."""
QUIET_TRADES = 100
STEEPEST = 0.6
"""Shape of the heaviest tail that is believed."""


@uncounted
def _sorted(values: F64, n: int) -> None:
    """Sort the first n values in place."""
    for i in range(1, n):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


@uncounted
def _fit(fits: F64, values: F64) -> None:
    """Fit the tail to the excesses, which are sorted."""
    n = int(fits[COUNT])
    floor = fits[FLOOR]
    first = 0.0
    second = 0.0
    for j in range(n):
        excess = values[j] - floor
        first += excess
        second += excess * (1.0 - (j + 0.65) / n)
    first /= n
    second /= n
    shape = 0.0
    if first - 2.0 * second > 0.0:
        shape = min(max(2.0 - first / (first - 2.0 * second), 0.0), STEEPEST)
    fits[FRESH] = 0.0
    if n / fits[SEEN] > CERTAIN:
        return
    fits[FITTED] = 1.0
    fits[THRESHOLD] = floor
    fits[CHANCE] = n / fits[SEEN]
    fits[SCALE] = max(first * (1.0 - shape), 1e-9)
    fits[SHAPE] = shape


@uncounted
def severity(fits: F64, value: float) -> Any:
    """Return -log10 of the chance that an ordinary value is at least this large, 0 to 8."""
    if fits[SCALE] == 0.0 or value <= fits[THRESHOLD]:
        return 0.0
    beyond = (value - fits[THRESHOLD]) / fits[SCALE]
    decay = np.log1p(fits[SHAPE] * beyond) / fits[SHAPE] if fits[SHAPE] > 1e-06 else beyond
    return min(max((decay - np.log(fits[CHANCE])) / np.log(10.0), 0.0), MOST)


@uncounted
def _value_at(fits: F64, level: float) -> Any:
    """Return the value whose severity is `level`."""
    decay = level * np.log(10.0) + np.log(fits[CHANCE])
    if fits[SHAPE] > 1e-6:
        decay = np.expm1(fits[SHAPE] * decay) / fits[SHAPE]
    return fits[THRESHOLD] + fits[SCALE] * max(decay, 0.0)


@uncounted
def learn(fits: F64, values: F64, value: float, its_severity: float) -> None:
    """Let a trade's value teach its tail, unless an anomaly was just seen."""
    if fits[QUIET] > 0.0:
        fits[QUIET] -= 1.0
        return
    if its_severity >= ANOMALY:
        fits[QUIET] = QUIET_TRADES
        value = min(value, _value_at(fits, ANOMALY))
    fits[SEEN] += 1.0
    if fits[SEEN] > 1.0 and value <= fits[FLOOR]:
        return
    if fits[SEEN] == 1.0 and fits[FITTED] == 0.0:
        fits[FLOOR] = -1.0
    n = int(fits[COUNT])
    values[n] = value
    fits[COUNT] = n + 1
    if n + 1 == KEPT:
        _thin(fits, values)


@uncounted
def _thin(fits: F64, values: F64) -> None:
    """Fit, then make room: raise the floor while it is too low, else forget every second."""
    _sorted(values, KEPT)
    if fits[COUNT] / fits[SEEN] > TARGET:
        floor = values[KEPT // 2]
        if floor >= values[KEPT - 1]:
            floor = values[KEPT - 1]
        above = 0
        for j in range(KEPT):
            if values[j] > floor:
                values[above] = values[j]
                above += 1
        fits[FLOOR] = floor
        fits[COUNT] = above
        if above >= 20:
            _fit(fits, values)
        return
    _fit(fits, values)
    for j in range(KEPT // 2):
        values[j] = values[2 * j + 1]
    fits[COUNT] = KEPT // 2
    fits[SEEN] /= 2.0
