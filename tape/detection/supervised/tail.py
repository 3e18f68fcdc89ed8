"""From a margin to a severity: how many of the ordinary trades that it was tried on reach it.

Up to a high quantile that is counted; beyond it a generalised Pareto is fitted by probability-
weighted moments (Hosking & Wallis 1987), as the calibrated profile does it with its features.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64

TARGET: Final = 0.0005
"""Share of ordinary trades beyond the threshold, from where on the tail is fitted."""
LEAST_BEYOND: Final = 50
LEAST: Final = 1_000
"""Ordinary trades, without which there is no tail."""
STEEPEST: Final = 0.6
"""Shape of the heaviest tail that is believed."""
SHORTEST: Final = -1.0
"""And of the shortest: a sum of leaves cannot grow for ever, so margins have an end."""
MOST: Final = 16.0
"""No severity is larger; what a message says is capped at 8."""
BEYOND_THE_END: Final = 1e-300
"""What is left of a short tail behind its end, so that the severity there is `MOST`."""
LN_10: Final = math.log(10)
SHARES: Final = (0.5, 0.3, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Of ordinary trades, that have at least the margin of a knot; the threshold is the last knot."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The tail of ordinary trades.

    Attributes:
        margins: of the knots, not falling.
        severities: at them, rising: -log10 of the share of ordinary trades.
        scale: of the generalised Pareto beyond the last knot.
        shape: its shape.
    """

    margins: tuple[float, ...]
    severities: tuple[float, ...]
    scale: float
    shape: float

    def __post_init__(self) -> None:
        numbers = (*self.margins, *self.severities, self.scale, self.shape)
        if not (
            len(self.margins) == len(self.severities) > 1
            and all(map(math.isfinite, numbers))
            and all(np.diff(self.margins) >= 0)
            and all(np.diff(self.severities) > 0)
            and self.severities[0] >= 0
            and self.scale > 0
            and SHORTEST <= self.shape <= STEEPEST
        ):
            raise ValueError("no tail")

    def severity(self, margins: npt.NDArray[Any]) -> F64:
        """Return -log10 of the share of ordinary trades with at least each margin, 0 to 16."""
        values = margins.astype(np.float64)
        found: F64 = np.interp(values, self.margins, self.severities, left=0.0)
        beyond = np.maximum(values - self.margins[-1], 0.0) / self.scale
        if self.shape:
            left = np.maximum(1.0 + self.shape * beyond, BEYOND_THE_END)
            beyond = np.log(left) / self.shape
        return np.minimum(found + beyond / LN_10, MOST)


def fit_tail(margins: npt.NDArray[Any]) -> Tail:
    """Return the tail of the margins of ordinary trades, of `LEAST` at least."""
    rising = np.sort(margins.astype(np.float64))
    n = len(rising)
    share = max(TARGET, LEAST_BEYOND / n)
    shares = [*(one for one in SHARES if one > share), share]
    knots = np.array([rising[n - max(round(one * n), 1)] for one in shares])
    excess = rising[rising > knots[-1]] - knots[-1]
    scale, shape = _pareto(excess)
    return Tail(tuple(knots.tolist()), tuple(-math.log10(one) for one in shares), scale, shape)


def _pareto(excess: F64) -> tuple[float, float]:
    """Return scale and shape by probability-weighted moments; `excess` is rising."""
    n = len(excess)
    if n < 2:
        return 1.0, 0.0
    first = float(excess.mean())
    second = float((excess * np.arange(n - 1, -1, -1)).mean() / (n - 1))
    shape = STEEPEST
    if first > 2.0 * second:
        shape = min(max(2.0 - first / (first - 2.0 * second), SHORTEST), STEEPEST)
    return max(first * (1.0 - shape), 1e-3), shape
