"""Keeps to a budget of alerts by moving the severities from which on trades are flagged.

Price, size and feed have a limit and a budget each, so that what is common of one does not hide
what is rare of another; their budgets add up to what was asked for.
Each trade, or each part of a trading day, lowers the limit a little; each alert raises it. In the
long run alerts come at the rate at which both balance, whatever the trades are like: the online
quantile of adaptive conformal inference (Gibbs & Candès 2021).
"""

from collections.abc import Sequence
from math import log10

from tape.codec.array_types import F64, I64
from tape.codec.compiling import part_of_callers
from tape.detection.calibrated.state import (
    ALERT_LEFT,
    CHARGED,
    EVENT,
    EVENT_LEFT,
    FAMILIES,
    FIND_FROM,
    LIMIT,
    STRONG,
)

START = 0
LEAST = 1
MOST = 2
PER_TRADE = 3
PER_DAY = 4
FIND_BEYOND = 5
RISE = 6
SINK = 7
"""Columns of a budget: limit of a new symbol, then its bounds, alerts due, how far above the limit
an event is a find, and how far an alert raises the limit and one that is due lowers it."""

TRADES_AN_ALERT = (2.0, 1.5, 1.0)
"""Trades of a severity for each alert from that severity on, of price, size and feed: odd prices
come together, and have three features of which the largest counts."""
BELOW = 0.7
ABOVE = (2.0, 0.3, 0.3)
"""Bounds of the limit around the one that the severity says, if the budget is one of trades. Real
prices have odd ones of their own far out, on some days many; sizes and runs have few between the
limit and the largest there are."""
DAY_START = 4.0
LOWEST = 1.5
HIGHEST = 7.0
"""Limit of a new symbol and its bounds, if the budget is one of days."""
BLOCK = 30
"""Trades from the first flagged one that are one alert, as in docs/evaluation.md."""
CHAIN = 60
"""A flag at most this many trades after another belongs to the same event: so long
an odd price stays in the local mean."""
FAR = (2.0, 0.5, 0.5)
"""An event that goes so far above the limit is a find, and counts only on credit: what its alerts
have raised the limit by is taken back."""
NEVER = 99.0
"""No severity is so large. As what makes a find it lets all alerts count: a day's budget is what
can be read, finds or not."""
FINDS_SHARE = 0.3
"""Credit for finds, as a share of the budget; by chance 10^-0.5 of alerts go so far."""
MOST_CREDIT = 3.0
"""Finds that count at most, however long there was none."""
SINKS = (0.1, 0.05, 0.05)
"""How far the limit sinks for an alert that is due, by family: a limit of prices has the longer
way."""
COUNTS = (1.0, 1.3, 1.3)
"""An alert counts this much, for the ordinary ones that count no more once credit is used up.
Prices have hardly any finds, so far out do they begin."""
DAY_SINKS = 0.1
"""Of a family with all of the alerts of a day; one with fewer moves by as much more for each, so
that all limits find their place in the same time."""
OPEN = 0
COUNTED = 1
FOUND = 2
"""States of an event: not yet a find; a find that counts; a find beyond the credit, which does
not."""


def budget_rows(per_10k: float, per_day: float, shares: Sequence[float]) -> list[tuple[float, ...]]:
    """Return the budget of each family with the columns above, from its share of the whole.

    Alerts a day go before alerts per 10,000 trades. A family without a share has no alerts.
    """
    return [
        _row(family, share, per_10k, per_day)
        if share > 0.0
        else (NEVER, NEVER, NEVER, 0.0, 0.0, NEVER, 0.0, 0.0)
        for family, share in enumerate(shares)
    ]


def _row(family: int, share: float, per_10k: float, per_day: float) -> tuple[float, ...]:
    if per_day > 0.0:
        sinks = DAY_SINKS / share
        return DAY_START, LOWEST, HIGHEST, 0.0, share * per_day, NEVER, sinks, sinks
    due = share * per_10k / 10_000
    limit = max(-log10(TRADES_AN_ALERT[family] * due), 0.5)
    least, most, sinks = max(limit - BELOW, 0.5), limit + ABOVE[family], SINKS[family]
    return limit, least, most, due, 0.0, FAR[family], sinks * COUNTS[family], sinks


@part_of_callers
def note_passing(levels: F64, counters: I64, share: float, budgets: F64) -> None:
    """Let the limits sink by what is due: alerts due, one budget row per family, since last time.

    `share` of a day has passed: less than nothing when time came back, and what was due too early
    is taken back.
    """
    for family in range(FAMILIES):
        budget = budgets[family]
        due = budget[PER_TRADE] + budget[PER_DAY] * share
        counters[ALERT_LEFT + family] = max(counters[ALERT_LEFT + family] - 1, 0)
        counters[EVENT_LEFT + family] = max(counters[EVENT_LEFT + family] - 1, 0)
        limit = min(levels[LIMIT + family], budget[MOST])  # may have been kept under another one
        limit = max(limit - budget[SINK] * due, budget[LEAST])
        levels[LIMIT + family] = min(limit, budget[MOST])
        strong = max(levels[STRONG + family] + FINDS_SHARE * due, 0.0)
        levels[STRONG + family] = min(strong, MOST_CREDIT)


@part_of_callers
def note_alert(levels: F64, counters: I64, family: int, told: float, budget: F64) -> None:
    """Let a family's limit rise when a flag opens an alert, and sink again if it is a find."""
    if counters[EVENT_LEFT + family] == 0:
        counters[EVENT + family] = OPEN
        levels[CHARGED + family] = 0.0
        levels[FIND_FROM + family] = levels[LIMIT + family] + budget[FIND_BEYOND]
    counters[EVENT_LEFT + family] = CHAIN
    if counters[EVENT + family] == OPEN and told >= levels[FIND_FROM + family]:
        if levels[STRONG + family] >= 1.0:
            counters[EVENT + family] = COUNTED
            levels[STRONG + family] -= 1.0
        else:
            counters[EVENT + family] = FOUND
            levels[LIMIT + family] -= levels[CHARGED + family]
    if counters[ALERT_LEFT + family] > 0:
        return
    counters[ALERT_LEFT + family] = BLOCK
    if counters[EVENT + family] != FOUND:
        before = levels[LIMIT + family]
        levels[LIMIT + family] = min(before + budget[RISE], budget[MOST])
        levels[CHARGED + family] += levels[LIMIT + family] - before
