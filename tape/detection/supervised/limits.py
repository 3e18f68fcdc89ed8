"""From which severity on trades are flagged: as many ordinary ones reach it as may be alerted."""

import math
from typing import Any, Final

LEAST: Final = 0.5
"""No limit is lower, whatever the budget."""
GATE: Final = 1.5
"""Severity of the calibrated profile from which on a trade is scored, where that judges before."""


def limit_of(per_10k: Any) -> float:
    """Return the severity that `per_10k` of 10,000 ordinary trades reach.

    >>> round(limit_of(1.0), 6), round(limit_of(1.5), 2)
    (4.0, 3.82)
    """
    return max(4.0 - math.log10(per_10k), LEAST)
