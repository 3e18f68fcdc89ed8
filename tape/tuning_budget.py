"""The calibrated profile's budget per symbol, from past days and a number of alerts a day.

The profile keeps its budget by itself, in alerts of 30 trades each. What a person reads are
episodes, of which there may be fewer or more: so the budget is moved until past days have about as
many episodes as asked for. The days are judged in order, each with a state that comes from those
before it, and the first one, on which the symbol is learnt, does not count.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tape.detection.parameters import Parameters, SymbolThresholds
from tape.evaluation.days import Day, calendar_days
from tape.symbol_thresholds import MOST_PER_DAY
from tape.tuning import LEAST_TRADES, count_alerts, judged_by_symbol

PASSES: Final = 3
"""Times that the days are judged with a better budget each; more would follow chance only."""
MOST_CHANGE: Final = 2.0
"""How many times as large or small a budget gets from one pass to the next.

So it ends between a quarter of what is asked for and four times that: past days full of anomalies
shall not silence the days to come.
"""
DIGITS: Final = 3

Counted = dict[str, list[int]]
"""Alerts by symbol: on the symbol's first day, its second, and so on."""


@dataclass(frozen=True, slots=True)
class TunedBudget:
    """A symbol's budget; alerts are means a day over the days after the symbol's first.

    Attributes:
        own: what to set as the symbol's `alerts_per_day`.
        before: alerts with the budget so far; None if there is one day only.
        after: alerts with `own`, on the days that it comes from; None if there is one day only.
        last_day: alerts on the last day with a budget from those before it; None for less than
            three days.
    """

    own: float
    before: float | None
    after: float | None
    last_day: float | None


def tune_budgets(
    days: Sequence[Day], alerts_per_day: float, parameters: Parameters, max_symbols: int
) -> dict[str, TunedBudget]:
    """Return budgets that give about so many alerts on a day; none for symbols hardly traded."""
    base = replace(parameters, profile="calibrated")
    before, trades = _counted(days, base, max_symbols)
    known = [symbol for symbol, count in trades.items() if count >= LEAST_TRADES]
    asked = dict.fromkeys(known, min(alerts_per_day, float(MOST_PER_DAY)))
    after = _Search(asked)
    forward = _Search(asked)  # as if the last day had not been seen
    several = any(len(counts) > 1 for counts in before.values())
    for _ in range(PASSES if several else 0):
        after.note(_counted(days, _with(base, after.next), max_symbols)[0])
        forward.note(_counted(days, _with(base, forward.next), max_symbols)[0], but_last=True)
    made = {}
    for symbol in known:
        count = len(before[symbol])
        made[symbol] = TunedBudget(
            own=after.best[symbol],
            before=_mean(before[symbol][1:]) if count > 1 else None,
            after=_mean(after.counts[symbol][1:]) if count > 1 else None,
            last_day=float(forward.counts[symbol][-1]) if count > 2 else None,
        )
    return made


class _Search:
    """Looks for the budgets whose alerts come nearest to those asked for.

    Attributes:
        next: budgets to be tried by symbol.
        best: those of all tried ones that came nearest.
        counts: alerts a day with the best.
    """

    def __init__(self, asked: Mapping[str, float]) -> None:
        self._asked = asked
        self.next = dict(asked)
        self.best = dict(asked)
        self.counts: Counted = {}
        self._missed = dict.fromkeys(asked, math.inf)

    def note(self, counted: Counted, *, but_last: bool = False) -> None:
        """Take up what the next budgets gave, and choose the next ones."""
        for symbol, tried in self.next.items():
            counts = counted[symbol]
            found = _mean(counts[1:-1] if but_last else counts[1:])
            asked = self._asked[symbol]
            missed = abs(math.log(found / asked)) if found > 0.0 else math.inf
            if missed < self._missed[symbol] or symbol not in self.counts:
                self._missed[symbol] = missed
                self.best[symbol], self.counts[symbol] = tried, counts
            factor = asked / found if found > 0.0 else 1.0
            factor = min(max(factor, 1.0 / MOST_CHANGE), MOST_CHANGE)
            self.next[symbol] = _rounded(min(tried * factor, float(MOST_PER_DAY)))


def _with(base: Parameters, budgets: Mapping[str, float]) -> Parameters:
    overrides = dict(base.overrides)
    for symbol, budget in budgets.items():
        overrides[symbol] = SymbolThresholds(alerts_per_day=budget)
    return replace(base, overrides=overrides)


def _counted(
    days: Sequence[Day], parameters: Parameters, max_symbols: int
) -> tuple[Counted, dict[str, int]]:
    """Return the alerts and, beside them, the number of trades by symbol."""
    counts: Counted = {}
    trades = {}
    for symbol, (ts, _, _, rules) in judged_by_symbol(days, parameters, max_symbols).items():
        day, flagged = calendar_days(ts), rules != 0
        counts[symbol] = [
            count_alerts(ts[day == one], flagged[day == one]) for one in np.unique(day)
        ]
        trades[symbol] = len(ts)
    return counts, trades


def _mean(counts: Sequence[int]) -> float:
    return sum(counts) / len(counts) if counts else 0.0


def _rounded(budget: float) -> float:
    """Return three digits, which is more than a few days can say."""
    return float(f"{budget:.{DIGITS}g}")
