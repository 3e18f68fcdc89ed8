"""Thresholds per symbol for the classic rules, from past days and a number of alerts a day.

An alert is an episode, counted as the judge makes them.
The alerts asked for are those of all rules that flag. The forest has no threshold of a symbol's
own: where it has more than its share of them, it is switched off. Volume and price change get half
of the rest each, because they tell of different things.
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
from tape.detection.classic.parameters import ClassicParameters
from tape.detection.classic.reasons import thresholds_of
from tape.detection.classic.scores import changes
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.detection.protocol import DUPLICATE
from tape.judging.episode_kernel import QUIET_NS
from tape.judging.judge import Judge
from tape.market.new_york import I64, calendar_days
from tape.model.counts import Counts
from tape.model.fields import NANOS, U32_MAX
from tape.model.rules import HIGH_VOLUME, ISOLATION_FOREST, RAPID_PRICE_CHANGE

GAP_NS: Final = NANOS
"""What EPISODE_GAP_S is unless it is set: a second."""
TUNED: Final = "classic"
"""The detector that has thresholds."""
FOREST_SHARE: Final = 1 / 3
"""Of the alerts asked for the forest may have this share, as each of three rules, or it is off.

It flags about `CONTAMINATION` of the trades whatever the symbol, up to hundreds of alerts a day.
"""
LEAST_TRADES: Final = 1_000
"""Of fewer trades nothing can be said about the rarest of them."""
DIGITS: Final = 3
"""Of a threshold; more would claim a precision that no past day gives."""

NEVER: Final = (math.inf, math.inf)
"""Thresholds that nothing exceeds."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Past:
    """The accepted trades of one symbol on past days, in order.

    Attributes:
        day: the trade's day, New York, counted from 1970.
        change: move from the trade before, as a share of its price.
        forest: whether the forest flags the trade.
        gap_ns: EPISODE_GAP_S, for all trades.
    """

    symbol: str
    day: I64
    ts_event_ns: I64
    size: I64
    change: F64
    forest: Bools
    gap_ns: int = GAP_NS

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
            self.gap_ns,
        )

    def alerts(self, limits: tuple[float, float], *, forest: bool) -> int:
        """Return how many alerts volume and change thresholds give, with the forest's or not."""
        flagged = (self.size > limits[0]) | (self.change > limits[1])
        flagged = flagged | self.forest if forest else flagged
        return count_alerts(self.ts_event_ns, flagged, self.gap_ns)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What tuning found for one symbol; alerts are means per day over the past days.

    Attributes:
        own: what is to be used, None where the common one stays.
        why_not: in words, why a threshold, or both, could not be tuned.
        limits: volume and change thresholds that hold, tuned or common.
        forest: whether the forest flags, after.
        before: alerts with the settings so far, of all rules that flag.
        after: alerts with `own`, on the days that it comes from.
        left_out: the same on each day with what the other days gave, None for one day.
        by_volume: alerts of the volume rule alone, after.
        by_change: alerts of the change rule alone, after.
        by_forest: alerts of the forest alone, as many as it has where it flags.
    """

    symbol: str
    trades: int
    days: int
    own: SymbolThresholds
    why_not: str
    limits: tuple[float, float]
    forest: bool
    before: float
    after: float
    left_out: float | None
    by_volume: float
    by_change: float
    by_forest: float


def count_alerts(ts_event_ns: I64, flagged: Bools, gap_ns: int = GAP_NS) -> int:
    """Return how many episodes the flagged ones of all trades of a symbol make.

    A flag belongs to the episode before it if it comes within the gap, or is the very next trade.
    """
    places = np.flatnonzero(flagged)
    if not len(places):
        return 0
    away_ns = np.abs(np.diff(ts_event_ns[places]))
    next_ones = (np.diff(places) == 1) & (away_ns <= QUIET_NS)
    return int(((away_ns > gap_ns) & ~next_ones).sum()) + 1


def threshold(values: F64, ts_event_ns: I64, most: float, gap_ns: int = GAP_NS) -> float:
    """Return the least threshold, three digits long, above which lie at most `most` alerts."""
    steps = np.unique(values)
    low, high = -1, len(steps) - 1  # above the largest value there is never an alert
    while high - low > 1:
        middle = (low + high) // 2
        if count_alerts(ts_event_ns, values > steps[middle], gap_ns) <= most:
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
    """Return the symbols' trades on the days, judged in order of time by the classic rules.

    The forest is asked for all of them, whether it flags or not.
    """
    overrides = {symbol: replace(own, forest=None) for symbol, own in parameters.overrides.items()}
    asked = replace(parameters, rules=(), overrides=overrides)
    found, forest = judged_by_symbol(days, asked, max_symbols), ISOLATION_FOREST.bit
    gap = gap_ns(parameters)
    return [
        Past(symbol, calendar_days(ts), ts, size, changes(price), (rules & forest) != 0, gap)
        for symbol, (ts, size, price, rules) in found.items()
    ]


def gap_ns(parameters: Parameters) -> int:
    """Return how long after a flag an episode ends."""
    return round(parameters.episode_gap_s * NANOS)


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
    """Return what gives a symbol about this many alerts on a day that it trades."""
    days: list[int] = np.unique(past.day).tolist()
    flags = _Flags.of(replace(parameters, overrides={}), past.symbol)
    before = _Flags.of(parameters, past.symbol)
    common = flags.limits(thresholds_of(parameters, past.symbol))
    own, why_not = _own(past, len(days), alerts_per_day, flags)
    limits, forest = _limits(own, common), flags.forest and own.forest is None
    left_out = None
    if len(days) > 1:
        total = 0
        for day in days:
            rest = [other for other in days if other != day]
            found, _ = _own(past.on(rest), len(rest), alerts_per_day, flags)
            kept = flags.forest and found.forest is None
            total += past.on([day]).alerts(_limits(found, common), forest=kept)
        left_out = total / len(days)
    return Tuned(
        symbol=past.symbol,
        trades=len(past.day),
        days=len(days),
        own=own,
        why_not=why_not,
        limits=limits,
        forest=forest,
        before=past.alerts(common, forest=before.forest) / len(days),
        after=past.alerts(limits, forest=forest) / len(days),
        left_out=left_out,
        by_volume=past.alerts((limits[0], math.inf), forest=False) / len(days),
        by_change=past.alerts((math.inf, limits[1]), forest=False) / len(days),
        by_forest=past.alerts(NEVER, forest=True) / len(days),
    )


def tuned_thresholds(
    days: Sequence[Day], alerts_per_day: float, parameters: Parameters, max_symbols: int
) -> dict[str, SymbolThresholds]:
    """Return thresholds alone, of the symbols that the days know well enough.

    Volume and price change share the alerts; the forest flags as it did.
    """
    both = _Flags(volume=True, change=True, forest=False)
    found = [
        (past.symbol, _own(past, len(np.unique(past.day)), alerts_per_day, both)[0])
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


@dataclass(frozen=True, slots=True)
class _Flags:
    """Which of the classic rules flag a symbol's trades."""

    volume: bool
    change: bool
    forest: bool

    @classmethod
    def of(cls, parameters: Parameters, symbol: str) -> "_Flags":
        bits = ClassicParameters.of(parameters).flagging(symbol)
        return cls(
            volume=bool(bits & HIGH_VOLUME.bit),
            change=bool(bits & RAPID_PRICE_CHANGE.bit),
            forest=bool(bits & ISOLATION_FOREST.bit),
        )

    def limits(self, thresholds: tuple[float, float]) -> tuple[float, float]:
        """Return thresholds above which a rule flags, which one that is off never does."""
        return (
            thresholds[0] if self.volume else math.inf,
            thresholds[1] if self.change else math.inf,
        )


def _own(
    past: Past, days: int, alerts_per_day: float, flags: _Flags
) -> tuple[SymbolThresholds, str]:
    """Return what a symbol has of its own, and why there are no thresholds where there are none."""
    most = alerts_per_day * days
    by_forest = past.alerts(NEVER, forest=True) if flags.forest else 0
    off = by_forest > most * FOREST_SHARE
    forest = False if off else None
    if len(past.day) < LEAST_TRADES:
        why_not = f"{len(past.day):,} trades, fewer than {LEAST_TRADES:,}"
        return SymbolThresholds(forest=forest), why_not
    rest = most if off else most - by_forest
    each = rest / max(flags.volume + flags.change, 1)
    volume = change = None
    if flags.volume:
        shares = int(threshold(past.size.astype(np.float64), past.ts_event_ns, each, past.gap_ns))
        volume = min(shares, U32_MAX)  # no trade is larger, and no threshold may be
    if flags.change:
        change = threshold(past.change, past.ts_event_ns, each, past.gap_ns)
    if change == 0.0:
        return SymbolThresholds(volume, None, forest=forest), "the price hardly ever moves"
    return SymbolThresholds(volume, change, forest=forest), ""


def _limits(own: SymbolThresholds, common: tuple[float, float]) -> tuple[float, float]:
    return (
        common[0] if own.volume_threshold is None else own.volume_threshold,
        common[1] if own.change_threshold is None else own.change_threshold,
    )
