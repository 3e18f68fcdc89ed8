"""Keeps to a budget of alerts by moving the severity from which on trades are flagged.

Each trade, or each part of a trading day, lowers the limit a little; each alert raises it. In the
long run alerts come at the rate at which both balance, whatever the trades are like: the online
quantile of adaptive conformal inference (Gibbs & Candès 2021).
"""

from tape.detection.calibrated.state import ALERT_LEFT, LIMIT, STRONG
from tape.detection.inlining import part_of_callers
from tape.detection.kernel_types import F64, I64

STEP = 0.1
"""How far one alert moves the limit, in powers of ten."""
BLOCK = 30
"""Trades from the first flagged one that are one alert."""
STRONG_FROM = 1.0
"""An alert so far above the limit is a find, and counts only on credit."""
STRONG_SHARE = 0.15
"""Credit for such alerts, as a share of the budget; by chance 0.1 of alerts are so strong."""
ALWAYS = 10.0
"""The same where all alerts are to be counted: a day's budget is what can be read, finds or not."""
MOST_STRONG = 3.0


@part_of_callers
def note_passing(levels: F64, counters: I64, due: float, lowest: float, strong: float) -> None:
    """Let the limit sink by what is due: alerts of the budget since the last trade."""
    counters[ALERT_LEFT] = max(counters[ALERT_LEFT] - 1, 0)
    levels[LIMIT] = max(levels[LIMIT] - STEP * due, lowest)
    levels[STRONG] = min(levels[STRONG] + strong * due, MOST_STRONG)


@part_of_callers
def note_alert(levels: F64, counters: I64, told: float, highest: float) -> None:
    """Let the limit rise when a flag opens an alert."""
    if counters[ALERT_LEFT] > 0:
        return
    counters[ALERT_LEFT] = BLOCK
    if told >= levels[LIMIT] + STRONG_FROM:
        if levels[STRONG] < 1.0:
            return
        levels[STRONG] -= 1.0
    levels[LIMIT] = min(levels[LIMIT] + STEP, highest)
