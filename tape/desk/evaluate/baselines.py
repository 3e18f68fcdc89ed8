"""What a few lines find: scores and flags to hold the profiles against.

Two of them score the price alone, and flag from the limit on that gives as many alarms on the
days of calibration as the budget of `calibrated` asks for. The third has the two classic rules
that a table of thresholds can say, with thresholds tuned on these days. A day without any other
gives its own limits, in favour of the baseline.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tape.codec.array_types import F64
from tape.desk.day import Day, rows_by_symbol
from tape.desk.evaluate.matching import Bools
from tape.desk.evaluate.metrics import BLOCK
from tape.desk.past_days import Verdict
from tape.detection.classic.reasons import thresholds_of
from tape.detection.classic.scores import DROPPED, changes
from tape.detection.parameters import Parameters
from tape.market.new_york import I64

RETURN: Final = "|return|"
NINE: Final = "median of nine"
RULES: Final = "two rules, tuned"
BASELINES: Final = (RETURN, NINE, RULES)
BEFORE: Final = 9
"""Trades whose median a price is held against."""
LEAST_TRADES: Final = 1_000
"""Of fewer trades nothing can be said about the rarest of them."""
PRICE, SIZE = np.uint8(1), np.uint8(2)


def tuned_on(day: Day, calibration: Sequence[Day]) -> list[Day]:
    """Return the days that limits for a day come from: without any of its symbols, it itself."""
    known = sum(int(_of_symbols(past, day).sum()) for past in calibration)
    return [*calibration] if known >= LEAST_TRADES else [day]


def baseline(
    name: str, day: Day, past: Sequence[Day], counted: Bools, parameters: Parameters
) -> Verdict:
    """Return what a baseline says of a day.

    Args:
        name: one of `BASELINES`.
        day: the day.
        past: the days that its limits come from, as `tuned_on` returns them.
        counted: the day's trades that count.
        parameters: have the budget; for `RULES` the thresholds.
    """
    if name == RULES:
        return _by_rules(day, counted, parameters)
    score = np.full(len(day.trades), DROPPED)
    score[counted] = _scores(name, day, counted)[counted]
    limit = _limit(
        name,
        [(one, counted if one is day else _of_symbols(one, day)) for one in past],
        parameters.alerts_per_10k,
    )
    flagged = score > limit
    return Verdict(counted, flagged, score, score, flagged * PRICE)


def distances(price_nanos: I64) -> F64:
    """Return how far each price of a symbol lies from the median of the nine before it, in parts.

    >>> distances(np.array([100] * 9 + [101, 100])).round(3).tolist()[8:]
    [0.0, 0.01, 0.0]
    """
    apart = np.zeros(len(price_nanos))
    if len(price_nanos) > BEFORE:
        windows = np.lib.stride_tricks.sliding_window_view(price_nanos, BEFORE)[:-1]
        median = np.median(windows, axis=1)
        known = median != 0
        moved = np.abs(price_nanos[BEFORE:] - median)
        apart[BEFORE:][known] = moved[known] / np.abs(median[known])
    return apart


def _scores(name: str, day: Day, counted: Bools) -> F64:
    score = np.zeros(len(day.trades))
    of = changes if name == RETURN else distances
    for rows in _counted_rows(day, counted):
        score[rows] = of(day.trades.price_nanos[rows])
    return score


def _limit(name: str, days: Sequence[tuple[Day, Bools]], alarms_per_10k: float) -> float:
    """Return the score above which the days have at most this many alarms per 10,000 trades."""
    highest, trades = [np.zeros(0)], 0
    for day, counted in days:
        score = _scores(name, day, counted)
        trades += int(counted.sum())
        for rows in _counted_rows(day, counted):
            starts = np.arange(0, len(rows), BLOCK)
            if len(starts):
                highest.append(np.maximum.reduceat(score[rows], starts))
    falling = np.sort(np.concatenate(highest))[::-1]
    allowed = int(alarms_per_10k * trades / 10_000)
    return float(falling[allowed]) if allowed < len(falling) else DROPPED


def _of_symbols(past: Day, day: Day) -> Bools:
    """Return which trades of a day are of symbols of another one."""
    own = np.array([name in day.symbols for name in past.symbols], np.bool_)
    found: Bools = own[past.trades.symbol]
    return found


def _by_rules(day: Day, counted: Bools, parameters: Parameters) -> Verdict:
    score, families = np.full(len(day.trades), DROPPED), np.zeros(len(day.trades), np.uint8)
    for rows in _counted_rows(day, counted):
        if not len(rows):
            continue
        symbol = day.symbols[day.trades.symbol[rows[0]]]
        shares, change = thresholds_of(parameters, symbol)
        by_size = day.trades.size[rows] / shares
        by_price = changes(day.trades.price_nanos[rows]) / change
        score[rows] = np.maximum(by_size, by_price)
        families[rows] = (by_price > 1) * PRICE | (by_size > 1) * SIZE
    return Verdict(counted, families != 0, score, score, families)


def _counted_rows(day: Day, counted: Bools) -> list[I64]:
    return [rows[counted[rows]] for rows in rows_by_symbol(day)]
