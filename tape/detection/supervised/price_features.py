"""The features of a trade's price, and of the quotes around it."""

from typing import Any

import numpy as np

from tape.codec.array_types import F32, F64
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.duplicates import ACCEPTED
from tape.detection.supervised.columns import (
    BEFORE_Z,
    FROM_LEVEL,
    FROM_LEVEL_Z,
    MEDIAN_9,
    MEDIAN_9_Z,
    OUTSIDE,
    RETURN_1,
    RETURN_1_Z,
    RETURN_1S,
    RETURN_5,
    RETURN_20,
    RETURN_60S,
    RETURN_100,
    SPREAD,
    USUAL_STEP,
)
from tape.detection.supervised.state import (
    BEFORE,
    BELIEVED,
    DISTANCE,
    FADE,
    FIRST,
    LAST_PRICE,
    LEVEL,
    LEVEL_DISTANCE,
    MINUTE_PRICE,
    MINUTES,
    PRICES,
    SECOND_PRICE,
    SECONDS,
    STEP,
    FeatureState,
)

BPS = 10_000.0
NEARLY = 0.05
"""Share of its distance by which the level follows a price, and at most half a usual distance:
20 trades at a new price bring it two thirds of the way."""
PAUSE_S = 1_800.0
"""After such a pause the level begins again: most halts are shorter, a night is longer."""
LEAST_STEPS = 100.0
"""A price counts as no nearer to zero than this many ticks when distances are taken as a share."""
NINE = 9
"""Prices in the median that distances start from; odd, so that it is one of them."""


@part_of_callers
def _share(price: float, base: float, tick: float) -> Any:
    """Return how far a price is from a base, in basis points of that."""
    return BPS * abs(price - base) / max(abs(base), LEAST_STEPS * tick)


@uncounted
def _median_of_nine(prices: F64, count: int) -> Any:
    """Return the median of the last nine prices of `count`: the fifth when they are in order."""
    kept = 0.0
    for n in range(NINE):
        one = prices[(count - 1 - n) % PRICES]
        below = 0
        equal = 0
        for m in range(NINE):
            other = prices[(count - 1 - m) % PRICES]
            below += other < one
            equal += other == one
        if below <= NINE // 2 < below + equal:
            kept = one
    return kept


@uncounted
def write_prices(state: FeatureState, row: int, price: float, since_s: float, values: F32) -> None:
    """Write the features of the price; then let what is usual follow it."""
    counters = state.counters[row]
    levels = state.levels[row]
    prices = state.prices[row]
    known = counters[ACCEPTED]
    tick = 0.01 if abs(price) >= 1.0 else 0.0001
    if known > 0:
        last = counters[LAST_PRICE] / 1e9
        move = _share(price, last, tick)
        half_tick = BPS * 0.5 * tick / max(abs(last), LEAST_STEPS * tick)
        values[RETURN_1] = move
        if known >= 5:
            values[RETURN_5] = _share(price, prices[(known - 5) % PRICES], tick)
        if known >= 20:
            values[RETURN_20] = _share(price, prices[(known - 20) % PRICES], tick)
        if known >= 100:
            values[RETURN_100] = _share(price, prices[(known - 100) % PRICES], tick)
        values[RETURN_1_Z] = move / (levels[STEP] + half_tick)
        values[USUAL_STEP] = levels[STEP]
        most = BELIEVED * (levels[STEP] + half_tick) if known > FIRST else np.inf
        levels[STEP] += max(FADE, 1.0 / known) * (min(move, most) - levels[STEP])
    if counters[SECONDS] > 0:
        values[RETURN_1S] = _share(price, levels[SECOND_PRICE], tick)
    if counters[MINUTES] > 0:
        values[RETURN_60S] = _share(price, levels[MINUTE_PRICE], tick)
    if known >= NINE:
        median = _median_of_nine(prices, known)
        apart = abs(price - median)
        usual = levels[DISTANCE] + tick
        values[MEDIAN_9] = _share(price, median, tick)
        values[MEDIAN_9_Z] = apart / usual
        values[BEFORE_Z] = levels[BEFORE]
        most = BELIEVED * usual if known > FIRST else np.inf
        levels[DISTANCE] += max(FADE, 1.0 / known) * (min(apart, most) - levels[DISTANCE])
        levels[BEFORE] = apart / usual
    if known == 0 or since_s >= PAUSE_S:
        levels[LEVEL] = price
    usual = levels[LEVEL_DISTANCE] + tick
    apart = price - levels[LEVEL]
    if known > 0:
        values[FROM_LEVEL] = _share(price, levels[LEVEL], tick)
        values[FROM_LEVEL_Z] = abs(apart) / usual
        most = BELIEVED * usual if known > FIRST else np.inf
        weight = max(FADE, 1.0 / known)
        levels[LEVEL_DISTANCE] += weight * (min(abs(apart), most) - levels[LEVEL_DISTANCE])
    levels[LEVEL] += min(max(NEARLY * apart, -0.5 * usual), 0.5 * usual)


@uncounted
def write_quotes(price: float, bid: float, ask: float, values: F32) -> None:
    """Write the features of the quotes; a crossed or locked market has no spread."""
    middle = 0.5 * (bid + ask)
    if bid <= 0.0 or ask <= bid:
        return
    values[SPREAD] = BPS * (ask - bid) / middle
    values[OUTSIDE] = BPS * max(bid - price, price - ask, 0.0) / middle
