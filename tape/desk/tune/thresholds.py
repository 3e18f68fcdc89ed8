"""Thresholds per symbol for the classic rules, from past days and a number of alerts a day.

An alert is an episode: flagged trades of a symbol, each at most a second after the one before.
Volume and price change get half the alerts each, because they tell of different things; the
forest has no threshold of a symbol's own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64
from tape.desk.day import Day
from tape.desk.past_days import judged_columns
from tape.detection.classic.reasons import thresholds_of
from tape.detection.classic.scores import changes
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.detection.protocol import DUPLICATE
from tape.judging.judge import Judge
from tape.market.new_york import I64, calendar_days
from tape.model.counts import Counts
from tape.model.fields import NANOS, U32_MAX
from tape.model.rules import ISOLATION_FOREST

GAP_NS: Final = NANOS
"""A second without a flag ends an alert, as it ends an episode of a busy stock."""
TUNED: Final = "classic"
"""The detector that has thresholds."""
LEAST_TRADES: Final = 1_000
"""Of fewer trades nothing can be said about the rarest of them."""
DIGITS: Final = 3
"""Of a threshold; more would claim a precision that no past day gives."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Past:
    """The accepted trades of one symbol on past days, in order.

    Attributes:
        day: the trade's day, New York, counted from 1970.
        change: move from the trade before, as a share of its price.
        forest: whether the forest flags the trade.
    """

    symbol: str
    day: I64
    ts_event_ns: I64
    size: I64
    change: F64
    forest: Bools

    def on(self, days: Sequence[int]) -> "Past":
        """Return the trades of some of the days."""
        kept = np.isin(self.day, days)
        return Past(
            self.symbol,
            self.day[kept],
            self.ts_event_ns[kept],
            self.size[kept],
            self.change[kept],
            self.forest[kept],
        )

    def alerts(self, limits: tuple[float, float], *, forest: bool = False) -> int:
        """Return how many alerts volume and change thresholds give, with the forest's or not."""
        flagged = (self.size > limits[0]) | (self.change > limits[1])
        return count_alerts(self.ts_event_ns, flagged | self.forest if forest else flagged)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What tuning found for one symbol; alerts are means per day over the past days.

    Attributes:
        own: the thresholds to be used, None where the common one stays.
        why_not: in words, why a threshold, or both, could not be tuned.
        limits: volume and change thresholds that hold, tuned or common.
        before: alerts with the thresholds so far.
        after: alerts with `limits`, on the days that they come from.
        left_out: the same on each day with thresholds from the other days, None for one day.
        by_volume: alerts of the volume rule alone, after.
        by_change: alerts of the change rule alone, after.
        by_forest: alerts of the forest alone, which no threshold governs.
    """

    symbol: str
    trades: int
    days: int
    own: SymbolThresholds
    why_not: str
    limits: tuple[float, float]
    before: float
    after: float
    left_out: float | None
    by_volume: float
    by_change: float
    by_forest: float


def count_alerts(ts_event_ns: I64, flagged: Bools) -> int:
    """Return how many alerts the flagged trades of one symbol make."""
    times = ts_event_ns[flagged]
    return int((np.abs(np.diff(times)) > GAP_NS).sum()) + 1 if len(times) else 0


def threshold(values: F64, ts_event_ns: I64, most: float) -> float:
    """Return the least threshold, three digits long, above which lie at most `most` alerts."""
    steps = np.unique(values)
    low, high = -1, len(steps) - 1  # above the largest value there is never an alert
    while high - low > 1:
        middle = (low + high) // 2
        if count_alerts(ts_event_ns, values > steps[middle]) <= most:
            high = middle
        else:
            low = middle
    return rounded_up(float(steps[high]))


def rounded_up(value: float) -> float:
    """Return the value with three digits, not below it.

    >>> rounded_up(12_341.0), rounded_up(0.00123401), rounded_up(7.0)
    (12400.0, 0.00124, 7.0)
    """
    if value <= 0:
        return 0.0
    places = DIGITS - 1 - math.floor(math.log10(value))
    return round(math.ceil(round(value * 10.0**places, 6)) * 10.0**-places, max(places, 0))


def past_trades(days: Sequence[Day], parameters: Parameters, max_symbols: int) -> list[Past]:
    """Return the symbols' trades on the days, judged in order of time by the classic rules."""
    found, forest = judged_by_symbol(days, parameters, max_symbols), ISOLATION_FOREST.bit
    return [
        Past(symbol, calendar_days(ts), ts, size, changes(price), (rules & forest) != 0)
        for symbol, (ts, size, price, rules) in found.items()
    ]


def judged_by_symbol(
    days: Sequence[Day], parameters: Parameters, max_symbols: int
) -> dict[str, tuple[I64, I64, I64, npt.NDArray[np.uint8]]]:
    """Return time, size, price and rules of each symbol's accepted trades, symbols in order."""
    judge = Judge(parameters, max_symbols, Counts())
    parts: dict[int, list[tuple[npt.NDArray[Any], ...]]] = {}
    for day in sorted(days, key=lambda one: int(one.trades.ts_event_ns.min())):
        for trades, verdicts in judged_columns(judge, day, np.arange(len(day.trades))):
            accepted = verdicts.outcome < DUPLICATE
            for number in np.unique(trades.symbol[accepted]).tolist():
                own = accepted & (trades.symbol == number)
                columns = (trades.ts_event_ns, trades.size, trades.price_nanos, verdicts.rules)
                parts.setdefault(number, []).append(tuple(column[own] for column in columns))
    made = {}
    for number, own_parts in parts.items():
        ts, size, price, rules = (np.concatenate(column) for column in zip(*own_parts, strict=True))
        made[judge.symbols.names[number]] = (ts, size, price, rules)
    return dict(sorted(made.items()))


def tune(past: Past, alerts_per_day: float, parameters: Parameters) -> Tuned:
    """Return the thresholds that give a symbol about this many alerts on a day that it trades."""
    days: list[int] = np.unique(past.day).tolist()
    common = thresholds_of(parameters, past.symbol)
    own, why_not = _own(past, len(days), alerts_per_day)
    limits = _limits(own, common)
    left_out = None
    if len(days) > 1:
        total = 0
        for day in days:
            rest = [other for other in days if other != day]
            found, _ = _own(past.on(rest), len(rest), alerts_per_day)
            total += past.on([day]).alerts(_limits(found, common))
        left_out = total / len(days)
    never = (math.inf, math.inf)
    return Tuned(
        symbol=past.symbol,
        trades=len(past.day),
        days=len(days),
        own=own,
        why_not=why_not,
        limits=limits,
        before=past.alerts(common) / len(days),
        after=past.alerts(limits) / len(days),
        left_out=left_out,
        by_volume=past.alerts((limits[0], math.inf)) / len(days),
        by_change=past.alerts((math.inf, limits[1])) / len(days),
        by_forest=past.alerts(never, forest=True) / len(days),
    )


def tuned_thresholds(
    days: Sequence[Day], alerts_per_day: float, parameters: Parameters, max_symbols: int
) -> dict[str, SymbolThresholds]:
    """Return the thresholds of the symbols that the days know well enough."""
    found = [
        (past.symbol, _own(past, len(np.unique(past.day)), alerts_per_day)[0])
        for past in past_trades(days, parameters, max_symbols)
    ]
    return {symbol: own for symbol, own in found if own.volume_threshold is not None}


def learnt_parameters(
    days: Sequence[Day], parameters: Parameters, max_symbols: int, alerts_per_day: float = 20
) -> Parameters:
    """Return the parameters with thresholds of symbols that aim at `alerts_per_day`."""
    alone = replace(parameters, profile=TUNED)
    tuned = tuned_thresholds(days, alerts_per_day, alone, max_symbols)
    return replace(parameters, overrides={**parameters.overrides, **tuned})


def _own(past: Past, days: int, alerts_per_day: float) -> tuple[SymbolThresholds, str]:
    """Return thresholds of the symbol's own, and why there are none, where there are none."""
    if len(past.day) < LEAST_TRADES:
        return SymbolThresholds(), f"{len(past.day):,} trades, fewer than {LEAST_TRADES:,}"
    most = alerts_per_day * days / 2
    shares = int(threshold(past.size.astype(np.float64), past.ts_event_ns, most))
    volume = min(shares, U32_MAX)  # no trade is larger, and no threshold may be
    change = threshold(past.change, past.ts_event_ns, most)
    if change == 0.0:
        return SymbolThresholds(volume, None), "the price hardly ever moves"
    return SymbolThresholds(volume, change), ""


def _limits(own: SymbolThresholds, common: tuple[float, float]) -> tuple[float, float]:
    return (
        common[0] if own.volume_threshold is None else own.volume_threshold,
        common[1] if own.change_threshold is None else own.change_threshold,
    )
