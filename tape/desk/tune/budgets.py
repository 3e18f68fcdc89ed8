"""The calibrated profile's budget per symbol, from past days and a number of alerts a day.

The profile keeps its budget by itself, in alerts of 30 trades each. What a person reads are
episodes, of which a symbol may have more or fewer: so its budget is moved towards the one with
which past days have as many episodes as asked for, the further the more days say so. The days are
judged in order, each with a state that comes from those before it, and the first one, on which the
symbol is learnt, does not count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tape.desk.day import Day
from tape.desk.tune.past import count_alerts, gap_ns, judged_by_symbol
from tape.desk.tune.thresholds import LEAST_TRADES
from tape.detection.calibrated.symbol_tails import SETTLED
from tape.detection.parameters import MOST_PER_DAY, Parameters, SymbolThresholds
from tape.market.new_york import calendar_days

DOUBT: Final = 5.0
"""Days that weigh as much as the profile's own count.

Days differ by half their alerts for no lasting reason. With two days and no doubt, 7 of 12
budgets were kept within a factor of 1.5 on unseen NVDA days; untuned, and with these five, 9 were.
"""
MOST_CHANGE: Final = 4.0
"""Times that a budget may be as large or as small as asked for.

Past days full of anomalies must not silence the days to come.
"""
DIGITS: Final = 3
"""Digits of a budget that is found: past days do not tell it more exactly."""
BUDGETED: Final = "calibrated"
"""The detector that has budgets."""

Counted = dict[str, list[int]]
"""Alerts by symbol: on the symbol's first day, its second, and so on."""


@dataclass(frozen=True, slots=True)
class TunedBudget:
    """A symbol's budget; alerts are means per day over the days after the symbol's first.

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
    """Return budgets that give about this many alerts on a day; none for symbols hardly traded.

    Args:
        days: past days, in their order.
        alerts_per_day: of each symbol.
        parameters: settings of the detector, whose budgets are replaced.
        max_symbols: symbols whose state is kept at a time.

    Returns:
        By symbol. With one day alone the budgets are those that were asked for.
    """
    base = replace(parameters, profile=BUDGETED)
    before, trades = _counted(days, base, max_symbols)
    known = [symbol for symbol, count in trades.items() if count >= LEAST_TRADES]
    asked = min(alerts_per_day, float(MOST_PER_DAY))
    as_asked = dict.fromkeys(known, asked)
    if all(len(counts) == 1 for counts in before.values()):
        return {symbol: TunedBudget(asked, None, None, None) for symbol in known}
    plain, _ = _counted(days, _with(base, as_asked), max_symbols)
    own = {s: _moved(asked, plain[s][1:]) if trades[s] >= SETTLED else asked for s in known}
    # As if the last day had not been seen.
    earlier = {s: _moved(asked, plain[s][1:-1]) if trades[s] >= SETTLED else asked for s in known}
    after, _ = _counted(days, _with(base, own), max_symbols)
    ahead, _ = _counted(days, _with(base, earlier), max_symbols)
    made = {}
    for symbol in known:
        count = len(before[symbol])
        made[symbol] = TunedBudget(
            own=own[symbol],
            before=_mean(before[symbol][1:]) if count > 1 else None,
            after=_mean(after[symbol][1:]) if count > 1 else None,
            last_day=float(ahead[symbol][-1]) if count > 2 else None,
        )
    return made


def _moved(asked: float, counts: Sequence[int]) -> float:
    """Return the budget, three digits long, after days with this many alerts for the one asked for.

    >>> _moved(20, [40, 40, 40, 40, 40]), _moved(20, [20]), _moved(20, [])
    (14.1, 20.0, 20.0)
    """
    if not counts:
        return float(asked)
    found = max(
        _mean(counts), 0.5 / len(counts)
    )  # no alert is less than one, how much less is open
    change = (asked / found) ** (len(counts) / (len(counts) + DOUBT))
    moved = asked * min(max(change, 1.0 / MOST_CHANGE), MOST_CHANGE)
    return float(f"{min(moved, float(MOST_PER_DAY)):.{DIGITS}g}")


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
            count_alerts(ts[day == one], flagged[day == one], gap_ns(parameters))
            for one in np.unique(day)
        ]
        trades[symbol] = len(ts)
    return counts, trades


def _mean(counts: Sequence[int]) -> float:
    return sum(counts) / len(counts) if counts else 0.0
