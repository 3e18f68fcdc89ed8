"""What a symbol's tails look like before a trade of it is known: as of most symbols, and wider."""

from typing import Any, Final

import numpy as np

from tape.codec.array_types import F32, F64
from tape.codec.compiling import part_of_callers
from tape.detection.calibrated.state import BINS, PRICES, TAILS
from tape.detection.calibrated.tails import TARGET, bin_edges

SHAPES: Final = np.array(
    [
        [0.5, 2.6, 0.5, 0.25],
        [0.5, 2.7, 0.85, 0.4],
        [0.4, 2.1, 0.7, 0.3],
        [1.0, 4.5, 0.9, 0.0],
        [0.2, 4.4, 1.4, 0.35],
        [0.5, 6.0, 3.0, 0.5],
        [0.89, 3.0, 0.4343, 0.0],
    ]
)
"""Per tail the median, the 99.5th percentile, and scale and shape of the generalised Pareto beyond.

The features are in units of what is usual for a symbol, so symbols differ little: these lie at or
somewhat above what four symbols of a consolidated tape, NVDA and synthetic symbols have. The last
row is the largest of six severities, as if five of them were independent and exact."""
WORTH: Final = np.array([20_000.0] * 5 + [5_000.0, 20_000.0])
"""Values that each row is worth at first: a thousand trades, some odd, move it little. Signed
volumes of symbols differ most."""
FADE_TRADES: Final = 4_000.0
LEAST_TRUST: Final = 0.05
LEAST_TRUST_PRICES: Final = 0.2
"""The prior's worth sinks to 1/e in this many trades of the symbol's own, and to such a share at
last: a few quiet days are not the whole truth, the less where prices take few ticks, so that the
three features of the price have few values and none between."""
LEAST_SHAPES: Final = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.4, 0.0])
"""Shape of the lightest tail that is believed. Signed volumes come in clusters: a few bursts make
the whole tail of a day, and the next day's are longer."""


@part_of_callers
def trust_in_prior(trades: int, tail: int) -> Any:
    """Return the share of its first worth that the prior still has after a symbol's trades."""
    least = LEAST_TRUST_PRICES if tail < PRICES else LEAST_TRUST
    return max(np.exp(-trades / FADE_TRADES), least)


def _survival(value: F64, median: float, threshold: float, scale: float, shape: float) -> F64:
    """Return the share of ordinary values that are larger."""
    beyond = np.maximum(value - threshold, 0.0) / scale
    tail = np.exp(-beyond) if shape == 0.0 else (1.0 + shape * beyond) ** (-1.0 / shape)
    part = np.clip((value - median) / (threshold - median), 0.0, 1.0)
    bulk = 0.5 * (2.0 * TARGET) ** part
    below = 1.0 - 0.5 * np.clip(value / median, 0.0, 1.0)
    share: F64 = np.where(value > threshold, TARGET * tail, np.where(value > median, bulk, below))
    return share


def prior_histograms() -> F32:
    """Return the classes' counts per tail, as if this many values had been seen."""
    octaves, units = bin_edges()
    counts = np.empty((TAILS, BINS))
    for tail in range(TAILS):
        edges = units if tail in (3, 6) else octaves
        share = _survival(edges, *SHAPES[tail])
        share[-1] = 0.0
        counts[tail] = WORTH[tail] * (share[:-1] - share[1:])
    return counts.astype(np.float32)
