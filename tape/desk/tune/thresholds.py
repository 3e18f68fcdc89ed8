"""Thresholds per symbol for the classic rules, from past days and a number of alerts a day.

The alerts asked for are those of all rules that flag. The forest has no threshold of a symbol's
own: where it has more than its share of them, it is switched off. Volume and price change get half
of the rest each, because they tell of different things.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tape.codec.array_types import F64
from tape.desk.day import Day
from tape.desk.tune.past import GAP_NS, Past, count_alerts, past_trades
from tape.detection.classic.parameters import ClassicParameters
from tape.detection.classic.reasons import thresholds_of
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.market.new_york import I64
from tape.model.fields import U32_MAX
from tape.model.rules import HIGH_VOLUME, ISOLATION_FOREST, RAPID_PRICE_CHANGE

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
