"""Tails over a high quantile: generalised Pareto, fitted to a fading histogram.

Peaks over threshold as in Coles (2001), chapter 4; the estimator is that of probability-weighted
moments (Hosking & Wallis 1987), which stays sound with few and heavy-tailed values.
"""

from typing import Any

import numpy as np

from tape.codec.array_types import F64
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.calibrated.state import (
    BINS,
    CREDIT,
    LEVEL,
    MEDIAN,
    SCALE,
    SHAPE,
    THRESHOLD,
)

TARGET = 0.005
"""Share of ordinary trades beyond the threshold."""
LEAST_BEYOND = 50.0
"""Values beyond the threshold, at least, even if their share is larger then: the shape of
a tail of 50 has a standard error of some 0.14."""
CERTAIN = 0.05
"""More common values than this are not the tail, however few remain above them."""
MOST = 16.0
"""A single tail's severity is capped here; what a message says is capped at 8."""
MEMORY = 400_000.0
"""Values after which an old one counts 1/e: some days of an active symbol."""
ODD = 2.0
RARE = 4.0
"""From the first on a value is learnt only on credit, which values of severity 2, of 3, and of 4
and more have each of their own."""
SLACK = 1.3
"""Credit over what is due: a fit must be able to move, and stand against floods."""
FIRST_CREDIT = (30.0, 10.0, 2.0)
"""Credit of a new tail for values of severity 2, 3, and 4 and more: what chance brings in
some 3,000, 10,000 and 20,000 trades."""
MOST_CREDIT = (200.0, 50.0, 10.0)
"""Credit that can be saved up, of the same: of some 20,000, 50,000 and 100,000 trades."""
STEEPEST = 0.6
"""Shape of the heaviest tail that is believed: from one half on probability-weighted moments say
little (Hosking & Wallis 1987), and from one on there is no mean."""
LN_10 = 2.302585092994046
"""Natural logarithm of 10."""
LOG_OF_HALF = 0.3010299956639812
"""-log10(1/2): the severity of the median."""


def bin_edges() -> F64:
    """Return the lower edges of the classes, and the upper one of the last: octaves, units.

    The first row begins at 0 and continues in eighths of octaves from 1/64 to 1,024; the second
    goes from 0 to 16 in eighths.
    """
    octaves = np.array([2.0 ** (n // 8 - 6) * (1 + n % 8 / 8) for n in range(BINS + 1)])
    octaves[0] = 0.0
    return np.stack([octaves, np.arange(BINS + 1) / 8.0])


@part_of_callers
def octave_bin(bits: Any) -> Any:
    """Return the class of a value that is not negative, from its 64 bits as a double."""
    return min(max((bits >> 49) - (1_017 << 3), 0), BINS - 1)


@part_of_callers
def unit_bin(value: float) -> Any:
    """Return the class of a value that is not negative."""
    return min(int(value * 8.0), BINS - 1)


@part_of_callers
def severity(fits: F64, value: float) -> Any:
    """Return -log10 of the chance that an ordinary value is at least this large, 0 to 16."""
    threshold = fits[THRESHOLD]
    if value <= threshold:
        median = fits[MEDIAN]
        if value <= median:
            return 0.0
        part = (value - median) / (threshold - median)
        return LOG_OF_HALF + (fits[LEVEL] - LOG_OF_HALF) * part
    beyond = (value - threshold) / fits[SCALE]
    decay = np.log1p(fits[SHAPE] * beyond) / fits[SHAPE] if fits[SHAPE] > 1e-6 else beyond
    return min(fits[LEVEL] + decay / LN_10, MOST)


@uncounted
def value_at(fits: F64, level: float) -> Any:
    """Return the value whose severity is `level`, or the threshold if that is rarer."""
    decay = max((level - fits[LEVEL]) * LN_10, 0.0)
    if fits[SHAPE] > 1e-6:
        decay = np.expm1(fits[SHAPE] * decay) / fits[SHAPE]
    return fits[THRESHOLD] + fits[SCALE] * decay


@part_of_callers
def believed(fits: F64, value: float, its_severity: float) -> Any:
    """Return the value as it may be learnt, or -1; call it once for each value.

    An ordinary value is learnt as it is, an odd one only as far as there is credit, and none as
    more than one ten times rarer than `RARE`.
    """
    fits[CREDIT] = min(fits[CREDIT] + SLACK * 1e-2, MOST_CREDIT[0])
    fits[CREDIT + 1] = min(fits[CREDIT + 1] + SLACK * 1e-3, MOST_CREDIT[1])
    fits[CREDIT + 2] = min(fits[CREDIT + 2] + SLACK * 1e-4, MOST_CREDIT[2])
    if its_severity >= ODD:
        credit = CREDIT + int(min(its_severity, RARE) - ODD)
        if fits[credit] < 1.0:
            return -1.0
        fits[credit] -= 1.0
    return value if value <= fits[THRESHOLD] else min(value, value_at(fits, RARE + 1.0))


@uncounted
def _fit_median(fits: F64, counts: F64, edges: F64, total: float) -> None:
    below = 0.0
    b = 0
    while b < BINS - 1 and below + counts[b] < 0.5 * total:
        below += counts[b]
        b += 1
    inside = (0.5 * total - below) / max(counts[b], 1e-9)
    fits[MEDIAN] = edges[b] + (edges[b + 1] - edges[b]) * min(max(inside, 0.0), 1.0)


@uncounted
def fit(fits: F64, counts: F64, edges: F64, least_shape: float) -> None:
    """Fit the tail to the counts of a histogram."""
    total = 0.0
    for b in range(BINS):
        total += counts[b]
    b = BINS
    above = 0.0
    while b > 1 and above < max(TARGET * total, LEAST_BEYOND):
        b -= 1
        above += counts[b]
    if above > CERTAIN * total:
        above -= counts[b]
        b += 1
    threshold = edges[b]
    first = 0.0
    second = 0.0
    higher = 0.0
    for j in range(BINS - 1, b - 1, -1):
        weighed = counts[j] * (0.5 * (edges[j] + edges[j + 1]) - threshold)
        first += weighed
        second += weighed * (higher + 0.5 * counts[j]) / max(above, 1.0)
        higher += counts[j]
    _fit_median(fits, counts, edges, total)
    fits[MEDIAN] = min(fits[MEDIAN], threshold * 0.999)
    fits[THRESHOLD] = threshold
    fits[LEVEL] = -np.log10((above + 0.5) / (total + 1.0))
    fits[SHAPE] = least_shape
    fits[SCALE] = 0.25 * threshold
    if above >= LEAST_BEYOND / 2.0:
        first /= above
        second /= above
        if first - 2.0 * second > 0.0:
            fits[SHAPE] = min(max(2.0 - first / (first - 2.0 * second), least_shape), STEEPEST)
        fits[SCALE] = max(first * (1.0 - fits[SHAPE]), 0.5 * (edges[b + 1] - edges[b]))
