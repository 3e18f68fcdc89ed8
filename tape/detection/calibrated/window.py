"""The last prices of a symbol, also in order, for a trimmed mean that costs a few steps."""

from typing import Any

from tape.codec.array_types import F64, I64
from tape.codec.compiling import uncounted
from tape.detection.calibrated.state import (
    AWAY,
    HELD,
    LOCAL,
    OLD_LEFT,
    OLD_LEVEL,
    PLACE,
    CalibratedState,
)

SHIFTED = 8
"""Trades in a row far off on one side that make a new level."""
REMEMBERED = 250
"""Trades for which prices at the level before are ordinary too: most spikes end sooner."""


@uncounted
def trimmed_mean(in_order: F64, n: int) -> Any:
    """Return the mean of n prices, which are in order, without the lowest and highest tenth."""
    cut = n // 10
    last = n - cut
    first = second = third = fourth = 0.0
    i = cut
    while i + 3 < last:  # four sums, for four additions at a time
        first += in_order[i]
        second += in_order[i + 1]
        third += in_order[i + 2]
        fourth += in_order[i + 3]
        i += 4
    while i < last:
        first += in_order[i]
        i += 1
    return (first + second + third + fourth) / (n - 2 * cut)


@uncounted
def push(counters: I64, prices: F64, in_order: F64, price: float) -> None:
    """Add a price, in place of the oldest if the window is full."""
    n = counters[HELD]
    place = counters[PLACE]
    j = n
    if n == LOCAL:
        oldest = prices[place]
        j = 0
        while in_order[j] < oldest:
            j += 1
        while j < n - 1 and in_order[j + 1] < price:
            in_order[j] = in_order[j + 1]
            j += 1
    else:
        counters[HELD] = n + 1
    while j > 0 and in_order[j - 1] > price:
        in_order[j] = in_order[j - 1]
        j -= 1
    in_order[j] = price
    prices[place] = price
    counters[PLACE] = place + 1 if place + 1 < LOCAL else 0


@uncounted
def begin_new_level(state: CalibratedState, row: int, old_level: float) -> None:
    """Keep only the last prices, which agree with each other and not with those before."""
    counters = state.counters[row]
    prices = state.prices[row]
    first = counters[PLACE] - SHIFTED + LOCAL
    counters[HELD] = 0
    for n in range(SHIFTED):
        price = prices[(first + n) % LOCAL]
        j = counters[HELD]
        while j > 0 and state.in_order[row, j - 1] > price:
            state.in_order[row, j] = state.in_order[row, j - 1]
            j -= 1
        state.in_order[row, j] = price
        counters[HELD] += 1
    counters[AWAY] = 0
    counters[OLD_LEFT] = REMEMBERED
    state.levels[row, OLD_LEVEL] = old_level
