"""The three features of a trade's price, and what is usual of the price."""

from typing import Any

import numpy as np

from tape.codec.array_types import F64
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.calibrated.halts import SESSION
from tape.detection.calibrated.state import (
    ANCHOR,
    AWAY,
    BIPOWER,
    DEVIATION,
    DISTANCE,
    DOUBTED,
    DOUBTED_HELD,
    HELD,
    JUMP,
    LAST_PRICE,
    LAST_RETURN,
    LOCAL,
    MOVE,
    MOVED,
    OLD_LEFT,
    OLD_LEVEL,
    PLACE,
    SPREAD,
    TEN_TRADES,
    CalibratedState,
)
from tape.detection.calibrated.window import SHIFTED, begin_new_level, push, trimmed_mean
from tape.detection.duplicates import ACCEPTED

FADE = 1.0 / 500.0
"""Weight of a new return or deviation in its level: some 500 trades, a minute of NVDA."""
BELIEVED = 8.0
"""A return or deviation counts for its level with at most this many times the level, once there is
one, so that it moves the level by 1.4 % at most: the first trades, which are not judged, count as
they are."""
MOVE_FADE = 1.0 / 100.0
"""Weight of a new change in the mean change: some 100 trades that have one."""
COARSE = 0.25
"""A usual step is at least half a tick, or this share of the returns that are none of zero: some
symbols trade in far larger ticks than they could, with hardly two returns in a row."""
FAR = 6.0
"""This many usual distances or steps away is no part of the level, whatever the tail says: of a
normal distribution two values in a million are as far."""
NEAR_ZERO = 200.0
"""A return is the change over the price that it starts from. Nearer to zero than this many usual
distances it is the change over these, so in dollars: a price goes through zero, or lives around
it, without a return that is infinite. No stock above some dollars is ever so near."""
FINEST = 2.0
"""A tick is at most this many usual changes: currencies and rates have ticks far below a cent."""
NINE = 9
"""Prices in the median that distances for the priority start from; odd, so that it is one of
them."""
LEAST_HELD = 10
"""Fewer prices in the window make no mean: of ten the lowest and the highest do not count."""


@uncounted
def _median_of_three(a: float, b: float, c: float) -> Any:
    return max(min(a, b), min(max(a, b), c))


@uncounted
def _median_of_nine(prices: F64, place: int) -> Any:
    """Return the median of the nine prices before a place in the ring: three sorted threes."""
    low = -np.inf
    high = np.inf
    first = 0.0
    second = 0.0
    third = 0.0
    for n in range(3):
        at = place - 3 * n + LOCAL
        a = prices[(at - 1) % LOCAL]
        b = prices[(at - 2) % LOCAL]
        c = prices[(at - 3) % LOCAL]
        least = min(a, b)
        most = max(a, b)
        low = max(low, min(least, c))
        high = min(high, max(most, c))
        first, second, third = second, third, max(least, min(most, c))
    return _median_of_three(low, _median_of_three(first, second, third), high)


@part_of_callers
def _tick(price: float, moved: float) -> Any:
    """Return the least step of a price: New York's (Rule 612), or less where it moves by less.

    Under a dollar the rule allows a hundredth of a cent, which says little of what moves in cents
    around zero: there it is the usual change.
    """
    if moved == 0.0:
        return 0.01 if abs(price) >= 1.0 else 0.0001
    return min(0.01, FINEST * moved if abs(price) >= 1.0 else moved)


@part_of_callers
def usual_distance(levels: F64, price: float) -> Any:
    """Return the usual distance from the local mean, dollars: the unit of a deviation."""
    return levels[SPREAD] + _tick(price, levels[MOVED])


@part_of_callers
def _relative(price: float, base: float, least: float) -> Any:
    """Return how far a price is from a base, over its size or `least`."""
    return abs(price - base) / max(abs(base), least)


@part_of_callers
def _note_move(levels: F64, changed: float, believed: float, most: float, known: int) -> None:
    """Let the mean changes follow a trade that has one."""
    weight = max(MOVE_FADE, 1.0 / known)
    if believed > 0.0:
        levels[MOVE] += weight * (believed - levels[MOVE])
    if changed > 0.0:
        if levels[MOVED] > 0.0:
            changed = min(changed, most * levels[MOVED])
        levels[MOVED] += weight * (changed - levels[MOVED])


@part_of_callers
def write_price_features(state: CalibratedState, row: int, price: float, values: F64) -> Any:
    """Write the three features of the price, and how far it is from the last ones; return the mean.

    Deviation from a trimmed local mean: Brownlees & Gallo (2006). Jumps over one and over ten
    trades, over bipower variation: Lee & Mykland (2008). Each has a second reference. A price that
    comes back from a misprint is near the median of the last nine, so it has not jumped; a price
    that stays where the last nine are is no deviation, wherever the mean of sixty still is. A
    jump is also measured from the last price that was none; and a level that has held for some
    trades is the new one, while the old one stays ordinary for a while.
    """
    counters = state.counters[row]
    levels = state.levels[row]
    held = counters[HELD]
    tick = _tick(price, levels[MOVED])
    known = counters[ACCEPTED]
    weight = FADE if known > 500 else 1.0 / known
    most = BELIEVED if known > LOCAL else np.inf
    mean = trimmed_mean(state.in_order[row], held)
    apart = abs(price - mean)
    usual = levels[SPREAD] + tick
    shifted = False
    if apart > FAR * usual:
        side = 1 if price > mean else -1
        counters[AWAY] = counters[AWAY] + side if counters[AWAY] * side > 0 else side
        shifted = abs(counters[AWAY]) >= SHIFTED
    else:
        counters[AWAY] = 0
    moved_from = levels[ANCHOR]
    if counters[OLD_LEFT] > 0:
        counters[OLD_LEFT] -= 1
        apart = min(apart, abs(price - levels[OLD_LEVEL]))
    nearby = _median_of_nine(state.prices[row], counters[PLACE]) if held >= NINE else mean
    if held >= LEAST_HELD:
        values[DEVIATION] = min(apart, abs(price - nearby)) / usual
    levels[SPREAD] += weight * (min(apart, most * usual) - levels[SPREAD])

    near = NEAR_ZERO * usual
    least = max(0.5 * tick / max(abs(price), near), COARSE * levels[MOVE])
    step = np.sqrt(levels[BIPOWER] * (np.pi / 2.0)) + least
    last = counters[LAST_PRICE] / 1e9
    move = min(_relative(price, last, near), _relative(price, moved_from, near))
    far_of_mean = _relative(price, mean, near)
    values[DISTANCE] = _relative(price, nearby, near)
    values[JUMP] = min(move, values[DISTANCE], far_of_mean) / step
    if held >= 12:
        at = counters[PLACE] + LOCAL - 10
        before = _median_of_three(
            state.prices[row, (at - 1) % LOCAL],
            state.prices[row, at % LOCAL],
            state.prices[row, (at + 1) % LOCAL],
        )
        far = min(_relative(price, before, near), far_of_mean)
        if counters[OLD_LEFT] > 0:
            far = min(far, _relative(price, levels[OLD_LEVEL], near))
        values[TEN_TRADES] = far / (step * np.sqrt(10.0))
    believed = min(move, most * step)
    levels[BIPOWER] += weight * (believed * levels[LAST_RETURN] - levels[BIPOWER])
    levels[LAST_RETURN] = believed
    _note_move(levels, abs(price - last), believed, most, known)
    if move <= FAR * step:
        levels[ANCHOR] = price
    push(counters, state.prices[row], state.in_order[row], price)
    if shifted:
        begin_new_level(state, row, mean)
    return mean


@part_of_callers
def take_first_price(state: CalibratedState, row: int, price: float) -> None:
    """Take up a price that nothing is known to compare with: of a session's first trade.

    A trade that may begin a session has its place among the prices before it, too: if it was only
    stamped wrongly, it is one of them.
    """
    counters = state.counters[row]
    if counters[DOUBTED] == SESSION:
        counters[DOUBTED_HELD] = 1
    else:
        state.levels[row, ANCHOR] = price
    push(counters, state.prices[row], state.in_order[row], price)
