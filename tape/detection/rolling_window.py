"""The rolling window of prices: exact integers in, mean, spread and z out."""

import numpy as np

from tape.detection.classic_state import ACCEPTED, FAR, REFERENCE, SUM, SUM_OF_SQUARES, ClassicState
from tape.detection.inlining import part_of_callers, uncounted
from tape.detection.wide_integers import wide_spread

UNIT_NANOS = 100_000
"""Prices enter the window in units of 1e-4 dollars."""


@part_of_callers
def in_units(price_nanos: int) -> int:
    """Return the price in 1e-4 dollars, halves to the even neighbour."""
    unit = price_nanos // UNIT_NANOS
    rest = price_nanos - unit * UNIT_NANOS
    half = UNIT_NANOS // 2
    if rest > half or (rest == half and unit & 1):
        unit += 1
    return unit


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
def _set_reference(state: ClassicState, row: int, near: int) -> None:
    """Take the median of three prices of a full window as the reference."""
    window = state.window[row]
    m = window.shape[0]
    a = window[0]
    b = window[m // 2]
    c = window[m - 1]
    state.counters[row, REFERENCE] = max(min(a, b), min(max(a, b), c))
    state.counters[row, SUM] = 0
    state.counters[row, SUM_OF_SQUARES] = 0
    state.counters[row, FAR] = 0
    for i in range(m):
        _add(state, row, window[i], 1, near)


@part_of_callers
def push_price(state: ClassicState, row: int, price: int) -> tuple[int, int, float]:
    """Append a price, the `ACCEPTED`-th of the symbol.

    Returns how many prices are in the window, m·p - Σp, and float(m·Σp² - (Σp)²); z is the
    second divided by the root of the third.
    """
    window = state.window[row]
    counters = state.counters[row]
    length = window.shape[0]
    near = (1 << 31) // length - 1
    n = counters[ACCEPTED]
    at = (n - 1) % length
    if n == 1:
        counters[REFERENCE] = price
    if n > length:
        _add(state, row, window[at], -1, near)
    window[at] = price
    _add(state, row, price, 1, near)
    if at == length - 1:
        _set_reference(state, row, near)
    m = min(n, length)
    ahead = m * (price - counters[REFERENCE]) - counters[SUM]
    if counters[FAR] > 0:
        return m, ahead, wide_spread(window, m, counters[REFERENCE])
    return m, ahead, np.float64(m * counters[SUM_OF_SQUARES] - counters[SUM] * counters[SUM])
