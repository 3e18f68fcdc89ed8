"""How much a flagged trade deserves to be looked at, by the classic rules.

The rules know thresholds and no rarity, so nothing of the day's other trades goes into it: a flag
begins at 3 and gains two for each ten times that the trade is beyond its threshold. That orders the
flags of all three rules in one list, and lies among the priorities of `calibrated`, where 3 is a
trade in a thousand at 10 bp from the market.
"""

from collections.abc import Sequence
from math import log10
from typing import Final

from tape.model.anomaly import Reason
from tape.model.rules import ISOLATION_FOREST

JUST_BEYOND: Final = 3.0
"""Priority of a value at its limit."""
PER_TENFOLD: Final = 2.0
"""And what is added for each tenfold of it, as in the calibrated profile."""
MOST: Final = 14.0
"""As much as the calibrated profile says at most."""
DIGITS: Final = 2
"""Decimals of a priority."""


def priority(reasons: Sequence[Reason]) -> float:
    """Return the priority of a flagged trade, the largest of its reasons'.

    Of the forest, whose threshold may be near 0, the standard deviations to the nearest normal
    price count, and one more.

    >>> priority([Reason("High Volume", 200_000, 20_000, "")])
    5.0
    >>> priority([Reason("Isolation Forest", -5.0, -4.0, "")])
    3.6
    """
    most = 1.0
    for reason in reasons:
        if reason.rule == ISOLATION_FOREST.name:
            times = 1.0 + abs(reason.value - reason.threshold)
        else:
            times = reason.value / reason.threshold
        most = max(most, times)
    return round(min(JUST_BEYOND + PER_TENFOLD * log10(most), MOST), DIGITS)
