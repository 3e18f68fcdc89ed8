"""Keeps to a budget of alerts by moving the severity from which on trades are flagged.

Each trade, or each part of a trading day, lowers the limit a little; each alert raises it. In the
long run alerts come at the rate at which both balance, whatever the trades are like: the online
quantile of adaptive conformal inference (Gibbs & Candès 2021).
"""

from math import log10

from tape.codec.array_types import F64, I64
from tape.codec.compiling import part_of_callers
from tape.detection.calibrated.state import (
    ALERT_LEFT,
    CHARGED,
    EVENT,
    EVENT_LEFT,
    FIND_FROM,
    LIMIT,
    STRONG,
)

START = 0
"""Columns of a budget: limit of a new symbol, then its bounds, alerts due, how far above the limit
an event is a find, and how far an alert raises the limit and one that is due lowers it."""
LEAST = 1
MOST = 2
PER_TRADE = 3
PER_DAY = 4
FIND_BEYOND = 5
RISE = 6
SINK = 7

TRADES_AN_ALERT = 3.0
"""Trades of a severity for each alert from that severity on: odd trades come together."""
BELOW = 0.7
ABOVE = 0.3
"""Bounds of the limit around the one that the severity says, if the budget is one of trades."""
LOWEST = 1.5
HIGHEST = 7.0
"""Bounds of the limit if the budget is one of days."""
BLOCK = 30
"""Trades from the first flagged one that are one alert."""
CHAIN = 60
"""A flag at most so many trades after another belongs to the same event."""
FAR = 0.5
"""An event that goes so far above the limit is a find, and counts only on credit: what its alerts
have raised the limit by is taken back."""
NEVER = 99.0
"""Where all alerts are to be counted: a day's budget is what can be read, finds or not."""
FINDS_SHARE = 0.3
"""Credit for finds, as a share of the budget; by chance 10^-0.5 of alerts go so far."""
MOST_CREDIT = 3.0
SINKS = 0.05
COUNTS = 1.3
"""An alert counts so much, for the ordinary ones that count no more once credit is used up."""
OPEN = 0
COUNTED = 1
FOUND = 2


def budget_row(per_10k: float, per_day: float) -> tuple[float, ...]:
    """Return a budget with the columns above; alerts a day go before alerts per 10,000 trades."""
    if per_day > 0.0:
        return 4.0, LOWEST, HIGHEST, 0.0, per_day, NEVER, 0.1, 0.1
    due = per_10k / 10_000
    limit = max(-log10(TRADES_AN_ALERT * due), 0.5)
    return limit, max(limit - BELOW, 0.5), limit + ABOVE, due, 0.0, FAR, SINKS * COUNTS, SINKS


@part_of_callers
def note_passing(levels: F64, counters: I64, due: float, budget: F64) -> None:
    """Let the limit sink by what is due: alerts of the budget since the last trade.

    Less than nothing is due when time came back: what was due too early is taken back.
    """
    counters[ALERT_LEFT] = max(counters[ALERT_LEFT] - 1, 0)
    counters[EVENT_LEFT] = max(counters[EVENT_LEFT] - 1, 0)
    limit = min(levels[LIMIT], budget[MOST])  # it may have been kept under another budget
    levels[LIMIT] = min(max(limit - budget[SINK] * due, budget[LEAST]), budget[MOST])
    levels[STRONG] = min(max(levels[STRONG] + FINDS_SHARE * due, 0.0), MOST_CREDIT)


@part_of_callers
def note_alert(levels: F64, counters: I64, told: float, budget: F64) -> None:
    """Let the limit rise when a flag opens an alert, and sink again when the event is a find."""
    if counters[EVENT_LEFT] == 0:
        counters[EVENT] = OPEN
        levels[CHARGED] = 0.0
        levels[FIND_FROM] = levels[LIMIT] + budget[FIND_BEYOND]
    counters[EVENT_LEFT] = CHAIN
    if counters[EVENT] == OPEN and told >= levels[FIND_FROM]:
        if levels[STRONG] >= 1.0:
            counters[EVENT] = COUNTED
            levels[STRONG] -= 1.0
        else:
            counters[EVENT] = FOUND
            levels[LIMIT] -= levels[CHARGED]
    if counters[ALERT_LEFT] > 0:
        return
    counters[ALERT_LEFT] = BLOCK
    if counters[EVENT] != FOUND:
        before = levels[LIMIT]
        levels[LIMIT] = min(before + budget[RISE], budget[MOST])
        levels[CHARGED] += levels[LIMIT] - before
