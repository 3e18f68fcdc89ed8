"""Six robust features of a trade, each against what is ordinary for its symbol right now."""

from typing import Any

import numpy as np

from tape.detection.calibrated.state import (
    ANCHOR,
    AWAY,
    BIPOWER,
    DIRECTION,
    FEATURES,
    FLOW,
    FLOW_FIRST,
    FLOW_NEXT,
    FLOW_TIMES,
    HELD,
    LAST_PRICE,
    LAST_RETURN,
    LAST_SIDE,
    LAST_SIZE,
    LAST_TIME,
    LOCAL,
    MOVE,
    OLD_LEFT,
    OLD_LEVEL,
    PLACE,
    REPEATS,
    RUN,
    SPACING,
    SPREAD,
    USUAL_SIZE,
    CalibratedState,
)
from tape.detection.calibrated.window import SHIFTED, begin_new_level, push, trimmed_mean
from tape.detection.classic_kernel import Columns
from tape.detection.classic_state import ACCEPTED
from tape.detection.inlining import uncounted
from tape.detection.kernel_types import F64, I64

DEVIATION = 0
JUMP = 1
TEN_TRADES = 2
SIZE = 3
STUCK = 4
SIGNED_VOLUME = 5

FADE = 1.0 / 500.0
"""Weight of a new return or deviation in its level: some 500 trades."""
BELIEVED = 8.0
"""A return or deviation counts for its level with at most this many times the level, once there is
one: the first trades, which are not judged, count as they are."""
MOVE_FADE = 1.0 / 100.0
COARSE = 0.25
"""A usual step is at least half a tick, or this share of the returns that are none of zero: some
symbols trade in far larger ticks than they could, with hardly two returns in a row."""
FAR = 6.0
"""This many usual distances or steps away is no part of the level, whatever the tail says."""
LEAST_HELD = 10
"""Fewer prices in the window make no mean."""
FLOW_NS = 10_000_000
STUCK_SPACINGS = 4.0
"""A repetition so many usual spacings later is a whole one; one of now is a twentieth: orders cut
in pieces repeat at once, a feed that is stuck at the market's own pace."""
STUCK_LEAST = 0.05
REPEATS_FADE = 1.0 / 5_000.0
RAREST_REPEAT = 0.01
ROUND_LOT = 100
"""Shares of most orders, so that one of them repeats another far more often than other sizes do;
smaller ones are odd lots."""
LOT = 1.0
"""A time counts for the signed volume with at most so many usual sizes."""
SIZE_STEP = 0.0002
"""Share by which the running median of the size moves with a trade."""
BUY = 66
SELL = 65


@uncounted
def _median_of_three(a: float, b: float, c: float) -> Any:
    return max(min(a, b), min(max(a, b), c))


@uncounted
def _price_features(state: CalibratedState, row: int, price: float, values: F64) -> Any:
    """Write the three features of the price; return the local mean.

    Deviation from a trimmed local mean: Brownlees & Gallo (2006). Jumps over one and over ten
    trades, over bipower variation: Lee & Mykland (2008). A price that comes back from a misprint
    has not jumped, so a jump is also measured from the last price that was none; and a level
    that has held for some trades is the new one, while the old one stays ordinary for a while.
    """
    counters = state.counters[row]
    levels = state.levels[row]
    held = counters[HELD]
    mean = price
    shifted = False
    if held > 0:
        tick = 0.01 if price >= 1.0 else 0.0001
        known = counters[ACCEPTED]
        weight = FADE if known > 500 else 1.0 / known
        most = BELIEVED if known > LOCAL else np.inf
        mean = trimmed_mean(state.in_order[row], held)
        apart = abs(price - mean)
        usual = levels[SPREAD] + tick
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
        if held >= LEAST_HELD:
            values[DEVIATION] = apart / usual
        levels[SPREAD] += weight * (min(apart, most * usual) - levels[SPREAD])

        least = max(0.5 * tick / max(price, tick), COARSE * levels[MOVE])
        step = np.sqrt(levels[BIPOWER] * (np.pi / 2.0)) + least
        last = counters[LAST_PRICE] / 1e9
        move = min(abs(price - last) / last, abs(price - moved_from) / moved_from)
        values[JUMP] = move / step
        if held >= 12:
            at = counters[PLACE] + LOCAL - 10
            before = _median_of_three(
                state.prices[row, (at - 1) % LOCAL],
                state.prices[row, at % LOCAL],
                state.prices[row, (at + 1) % LOCAL],
            )
            far = abs(price - before) / before
            if counters[OLD_LEFT] > 0:
                far = min(far, abs(price - levels[OLD_LEVEL]) / levels[OLD_LEVEL])
            values[TEN_TRADES] = far / (step * np.sqrt(10.0))
        believed = min(move, most * step)
        levels[BIPOWER] += weight * (believed * levels[LAST_RETURN] - levels[BIPOWER])
        levels[LAST_RETURN] = believed
        if believed > 0.0:
            levels[MOVE] += max(MOVE_FADE, 1.0 / known) * (believed - levels[MOVE])
        if move <= FAR * step:
            levels[ANCHOR] = price
    else:
        levels[ANCHOR] = price
    push(state, row, price)
    if shifted:
        begin_new_level(state, row, mean)
    return mean


@uncounted
def _note_repetition(
    counters: I64, levels: F64, price_nanos: int, size: int, side: int, passed: int
) -> None:
    """Let the run of equal price, size and side grow, or end.

    A repetition adds its surprise, -log of how often trades like the last one are repeated.
    """
    again = (
        counters[LAST_PRICE] == price_nanos
        and counters[LAST_SIZE] == size
        and counters[LAST_SIDE] == side
    )
    if not again:
        levels[RUN] = 0.0
    if passed <= 0:
        return
    of_size = REPEATS + (1 if counters[LAST_SIZE] == ROUND_LOT else 0)
    if again:
        counted = min(passed / max(STUCK_SPACINGS * levels[SPACING], 1.0), 1.0)
        surprise = -np.log(max(levels[of_size], RAREST_REPEAT))
        levels[RUN] += (STUCK_LEAST + (1.0 - STUCK_LEAST) * counted) * surprise
    weight = max(REPEATS_FADE, 1.0 / counters[ACCEPTED])
    levels[of_size] += weight * ((1.0 if again else 0.0) - levels[of_size])


@uncounted
def _signed_volume(state: CalibratedState, row: int, time_ns: int, signed: float) -> Any:
    """Return the volume of the last 10 ms on the trade's side, in usual lots; 0 within a time.

    Trades of one time are one order that met several others; they count together, and with at
    most a lot, so that one large order is left to the size and many small ones add up. Only the
    first of them says that the orders go on.
    """
    counters = state.counters[row]
    levels = state.levels[row]
    times = state.flow_time[row]
    lots = state.flow_lots[row]
    first = counters[FLOW_FIRST]
    after = counters[FLOW_NEXT]
    if after > first and times[(after - 1) % FLOW_TIMES] == time_ns:
        at = (after - 1) % FLOW_TIMES
        before = min(max(lots[at], -1.0), 1.0)
        lots[at] += signed
        levels[FLOW] += min(max(lots[at], -1.0), 1.0) - before
        return 0.0
    while first < after and (
        time_ns - times[first % FLOW_TIMES] >= FLOW_NS or after - first >= FLOW_TIMES
    ):
        levels[FLOW] -= min(max(lots[first % FLOW_TIMES], -1.0), 1.0)
        first += 1
    if first == after:
        levels[FLOW] = 0.0
        first = 0
        after = 0
    times[after % FLOW_TIMES] = time_ns
    lots[after % FLOW_TIMES] = signed
    levels[FLOW] += min(max(signed, -1.0), 1.0)
    counters[FLOW_FIRST] = first
    counters[FLOW_NEXT] = after + 1
    return max(levels[FLOW] if signed > 0.0 else -levels[FLOW], 0.0)


@uncounted
def features(row: int, i: int, t: Columns, state: CalibratedState, values: F64) -> Any:
    """Write the trade's six features before it counts; return the local mean in dollars.

    Behind the price's come the size in octaves of the usual one; the surprise of the run of equal
    price, size and side; and the signed volume of 10 ms.
    """
    counters = state.counters[row]
    levels = state.levels[row]
    price_nanos = t.price_nanos[i]
    size = t.size[i]
    side = t.side[i]
    for feature in range(FEATURES):
        values[feature] = 0.0
    known = counters[ACCEPTED]
    if levels[USUAL_SIZE] == 0.0:
        levels[USUAL_SIZE] = max(size, 1.0)
    passed = max(t.ts_event_ns[i] - counters[LAST_TIME], 0)
    time_ns = counters[LAST_TIME] + passed
    mean = _price_features(state, row, max(price_nanos, 1) / 1e9, values)

    usual = levels[USUAL_SIZE]
    values[SIZE] = np.log2(1.0 + size / usual)
    step = 1.0 + max(SIZE_STEP, 1.0 / known)
    levels[USUAL_SIZE] = max(usual * step if size > usual else usual / step, 1.0)

    if counters[LAST_PRICE] != price_nanos:
        counters[DIRECTION] = 1 if price_nanos > counters[LAST_PRICE] else -1
    _note_repetition(counters, levels, price_nanos, size, side, passed)
    values[STUCK] = levels[RUN]

    direction = counters[DIRECTION]
    if side == BUY:
        direction = 1
    elif side == SELL:
        direction = -1
    values[SIGNED_VOLUME] = _signed_volume(state, row, time_ns, direction * size / (LOT * usual))
    counters[LAST_PRICE] = price_nanos
    counters[LAST_SIZE] = size
    counters[LAST_SIDE] = side
    counters[LAST_TIME] = time_ns
    return mean
