"""The rolling window of prices: exact integers in, mean, spread and z out.

Prices are integers of 1e-4 dollars until the first price of the symbol that is none, and of 1e-9
from there on: nothing is rounded. Sums are taken around a reference price, and in fine units the
squares in 128 bits. What even that cannot hold is summed up again trade by trade.
"""

import numpy as np

from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.classic.state import (
    FAR,
    FINE,
    HIGH_SQUARES,
    REFERENCE,
    SUM,
    SUM_OF_SQUARES,
    ClassicState,
)
from tape.detection.classic.wide_integers import multiply, spread_of, wide_spread, widest_facts
from tape.detection.duplicates import ACCEPTED

UNIT_NANOS = 100_000
"""The coarse unit, 1e-4 dollars, in the fine one."""
COARSE_USD = 1e4
FINE_USD = 1e9
"""Units in a dollar."""


@part_of_callers
def _add(state: ClassicState, row: int, price: int, sign: int, near: int) -> None:
    """Add a price to the sums, or take it out; both wrap at 64 bits and so stay exact."""
    counters = state.counters[row]
    d = price - counters[REFERENCE]
    counters[SUM] += sign * d
    counters[SUM_OF_SQUARES] += sign * (d * d)
    if d > near or d < -near:
        counters[FAR] += sign


@uncounted
def _add_fine(state: ClassicState, row: int, price: int, sign: int, near: int) -> None:
    """Add a price in fine units to the sums, or take it out; the squares wrap at 128 bits."""
    counters = state.counters[row]
    d = price - counters[REFERENCE]
    counters[SUM] += sign * d
    high, low = multiply(np.uint64(abs(d)), np.uint64(abs(d)))
    before = np.uint64(counters[SUM_OF_SQUARES])
    if sign > 0:
        after = before + low
        counters[HIGH_SQUARES] += np.int64(high) + (1 if after < before else 0)
    else:
        after = before - low
        counters[HIGH_SQUARES] -= np.int64(high) + (1 if after > before else 0)
    counters[SUM_OF_SQUARES] = np.int64(after)
    if d > near or d < -near:
        counters[FAR] += sign


@part_of_callers
def _near(fine: int, length: int) -> int:
    """Return how far a price may be from the reference for the sums to hold it."""
    if fine:
        return (1 << 61) // length
    return (1 << 31) // length - 1


@uncounted
def _set_reference(state: ClassicState, row: int, m: int) -> None:
    """Take the median of three of the first m prices as the reference, and sum up again."""
    window = state.window[row]
    counters = state.counters[row]
    a = window[0]
    b = window[m // 2]
    c = window[m - 1]
    counters[REFERENCE] = max(min(a, b), min(max(a, b), c))
    counters[SUM] = 0
    counters[SUM_OF_SQUARES] = 0
    counters[HIGH_SQUARES] = 0
    counters[FAR] = 0
    near = _near(counters[FINE], window.shape[0])
    for i in range(m):
        if counters[FINE]:
            _add_fine(state, row, window[i], 1, near)
        else:
            _add(state, row, window[i], 1, near)


@uncounted
def _refine(state: ClassicState, row: int) -> None:
    """Turn the window to fine units; the price that needs them is not in it yet."""
    window = state.window[row]
    counters = state.counters[row]
    counters[FINE] = 1
    m = min(counters[ACCEPTED] - 1, window.shape[0])
    for i in range(m):
        window[i] *= UNIT_NANOS
    if m > 0:
        _set_reference(state, row, m)


@uncounted
def _push_fine(state: ClassicState, row: int, price: int) -> tuple[float, float, float, float]:
    """Do what `push_price` does for a window in fine units."""
    window = state.window[row]
    counters = state.counters[row]
    length = window.shape[0]
    near = _near(1, length)
    n = counters[ACCEPTED]
    at = (n - 1) % length
    if n == 1:
        counters[REFERENCE] = price
    if n > length:
        _add_fine(state, row, window[at], -1, near)
    window[at] = price
    _add_fine(state, row, price, 1, near)
    if at == length - 1:
        _set_reference(state, row, length)
    m = min(n, length)
    reference = counters[REFERENCE]
    if counters[FAR] > 0:
        ahead, spread, total = widest_facts(window, m, reference, price)
    else:
        total = np.float64(counters[SUM])
        ahead = np.float64(m * (price - reference) - counters[SUM])
        spread = spread_of(m, counters[SUM], counters[HIGH_SQUARES], counters[SUM_OF_SQUARES])
    return (reference + total / m) / FINE_USD, ahead, spread, 1.0 / m / FINE_USD


@part_of_callers
def push_price(
    state: ClassicState, row: int, price_nanos: int
) -> tuple[float, float, float, float]:
    """Append a price, the `ACCEPTED`-th of the symbol.

    Returns the mean in dollars, float(m·p - Σp), float(m·Σp² - (Σp)²), and what turns the root of
    the last into the standard deviation in dollars; z is the second divided by that root.
    """
    window = state.window[row]
    counters = state.counters[row]
    price = price_nanos // UNIT_NANOS
    if counters[FINE] == 0 and price * UNIT_NANOS != price_nanos:
        _refine(state, row)
    if counters[FINE]:
        return _push_fine(state, row, price_nanos)
    length = window.shape[0]
    near = _near(0, length)
    n = counters[ACCEPTED]
    at = (n - 1) % length
    if n == 1:
        counters[REFERENCE] = price
    if n > length:
        _add(state, row, window[at], -1, near)
    window[at] = price
    _add(state, row, price, 1, near)
    if at == length - 1:
        _set_reference(state, row, length)
    m = min(n, length)
    mean = (m * counters[REFERENCE] + counters[SUM]) / m / COARSE_USD
    ahead = np.float64(m * (price - counters[REFERENCE]) - counters[SUM])
    if counters[FAR] > 0:
        return mean, ahead, wide_spread(window, m, counters[REFERENCE]), 1.0 / m / COARSE_USD
    spread = np.float64(m * counters[SUM_OF_SQUARES] - counters[SUM] * counters[SUM])
    return mean, ahead, spread, 1.0 / m / COARSE_USD
