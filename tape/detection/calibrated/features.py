"""Six robust features of a trade, each against what is ordinary for its symbol right now."""

from typing import Any

import numpy as np

from tape.codec.array_types import F64, I64
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.calibrated.halts import SESSION
from tape.detection.calibrated.state import (
    ANCHOR,
    AWAY,
    BIPOWER,
    DIRECTION,
    DOUBTED,
    DOUBTED_HELD,
    FEATURES,
    FLOW,
    FLOW_DOUBTED,
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
    MOVED,
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
from tape.detection.duplicates import ACCEPTED
from tape.detection.protocol import Columns

DEVIATION = 0
JUMP = 1
TEN_TRADES = 2
SIZE = 3
STUCK = 4
SIGNED_VOLUME = 5
DISTANCE = 7
"""Behind the features and one place for severities: how far the price is from the median of the
last nine, in parts of that."""

FADE = 1.0 / 500.0
"""Weight of a new return or deviation in its level: some 500 trades."""
BELIEVED = 8.0
"""A return or deviation counts for its level with at most this many times the level, once there is
one: the first trades, which are not judged, count as they are."""
MOVE_FADE = 1.0 / 100.0
"""Weight of a new change in the mean change: some 100 trades that have one."""
COARSE = 0.25
"""A usual step is at least half a tick, or this share of the returns that are none of zero: some
symbols trade in far larger ticks than they could, with hardly two returns in a row."""
FAR = 6.0
"""This many usual distances or steps away is no part of the level, whatever the tail says."""
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
"""Fewer prices in the window make no mean."""
FLOW_NS = 10_000_000
"""The signed volume is of the last 10 ms."""
STUCK_SPACINGS = 4.0
"""A repetition this many usual spacings later is a whole one; one of now is a twentieth: orders cut
in pieces repeat at once, a feed that is stuck at the market's own pace."""
STUCK_LEAST = 0.05
"""What a repetition at the very same time counts."""
REPEATS_FADE = 1.0 / 5_000.0
"""Weight of a new trade in the chance of a repetition: some 5,000 trades, for repetitions are
rare."""
RAREST_REPEAT = 0.01
"""No repetition is believed to be rarer than 1 in 100, so one adds a severity of 2 at most."""
ROUND_LOT = 100
"""Shares of most orders, so that one of them repeats another far more often than other sizes do;
smaller ones are odd lots."""
LOT = 1.0
"""A time counts for the signed volume with at most this many usual sizes."""
SIZE_STEP = 0.0002
"""Share by which the running median of the size moves with a trade."""
BUY = 66
SELL = 65
"""ASCII codes of the sides B and A."""


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
def _price_features(state: CalibratedState, row: int, price: float, values: F64) -> Any:
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
def _first_price(state: CalibratedState, row: int, price: float) -> None:
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


@part_of_callers
def _note_repetition(
    counters: I64, levels: F64, price_nanos: int, size: int, side: int, passed: int
) -> None:
    """Let the run of equal price, size and side grow, or end.

    A repetition adds -log of how often trades like the last one are repeated.
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


@part_of_callers
def _one_lot(lots: float) -> Any:
    return min(max(lots, -1.0), 1.0)


@uncounted
def _settle_flow(counters: I64, levels: F64, times: I64, lots: F64, time_ns: int) -> None:
    """Forget the times before the last one, which is far from them, or the last one itself.

    It had a wrong stamp if this trade's time is nearer to those before.
    """
    last = counters[FLOW_NEXT] - 1
    since_ns = abs(time_ns - times[last % FLOW_TIMES])
    if since_ns <= abs(time_ns - times[(last - 1) % FLOW_TIMES]):
        counters[FLOW_FIRST] = last
        levels[FLOW] = _one_lot(lots[last % FLOW_TIMES])
    else:
        counters[FLOW_NEXT] = last
    counters[FLOW_DOUBTED] = 0


@part_of_callers
def _signed_volume(state: CalibratedState, row: int, time_ns: int, signed: float) -> Any:
    """Return the volume of the last 10 ms on the trade's side, in usual lots; 0 within a time.

    Trades of one time are one order that met several others; they count together, and with at
    most a lot, so that one large order is left to the size and many small ones add up. Only the
    first of them says that more orders come. A time 10 ms away or more begins a new volume, but
    only the next time tells whether the one before is over.
    """
    counters = state.counters[row]
    levels = state.levels[row]
    times = state.flow_time[row]
    lots = state.flow_lots[row]
    if counters[FLOW_NEXT] > counters[FLOW_FIRST]:
        at = (counters[FLOW_NEXT] - 1) % FLOW_TIMES
        if times[at] == time_ns:
            if counters[FLOW_DOUBTED] == 0:
                levels[FLOW] += _one_lot(lots[at] + signed) - _one_lot(lots[at])
            lots[at] += signed
            return 0.0
        if counters[FLOW_DOUBTED] == 1:
            _settle_flow(counters, levels, times, lots, time_ns)
    first = counters[FLOW_FIRST]
    after = counters[FLOW_NEXT]
    if first < after and abs(time_ns - times[(after - 1) % FLOW_TIMES]) >= FLOW_NS:
        if after - first >= FLOW_TIMES:
            levels[FLOW] -= _one_lot(lots[first % FLOW_TIMES])
            counters[FLOW_FIRST] = first + 1
        times[after % FLOW_TIMES] = time_ns
        lots[after % FLOW_TIMES] = signed
        counters[FLOW_NEXT] = after + 1
        counters[FLOW_DOUBTED] = 1
        return abs(_one_lot(signed))
    while first < after and (
        abs(time_ns - times[first % FLOW_TIMES]) >= FLOW_NS or after - first >= FLOW_TIMES
    ):
        levels[FLOW] -= _one_lot(lots[first % FLOW_TIMES])
        first += 1
    if first == after:
        levels[FLOW] = 0.0
        first = 0
        after = 0
    times[after % FLOW_TIMES] = time_ns
    lots[after % FLOW_TIMES] = signed
    levels[FLOW] += _one_lot(signed)
    counters[FLOW_FIRST] = first
    counters[FLOW_NEXT] = after + 1
    return max(levels[FLOW] if signed > 0.0 else -levels[FLOW], 0.0)


@part_of_callers
def features(
    row: int, i: int, t: Columns, passed_ns: int, state: CalibratedState, values: F64
) -> Any:
    """Write the trade's six features before it counts; return the local mean in dollars.

    `passed_ns` is the time since the trade before, and the clock stands at this trade.
    Behind the price's come the size in octaves of the usual one; how unlikely the run of
    equal price, size and side is; and the signed volume of 10 ms.
    """
    counters = state.counters[row]
    levels = state.levels[row]
    price_nanos = t.price_nanos[i]
    size = t.size[i]
    side = t.side[i]
    for feature in range(FEATURES):
        values[feature] = 0.0
    values[DISTANCE] = 0.0
    known = counters[ACCEPTED]
    if levels[USUAL_SIZE] == 0.0:
        levels[USUAL_SIZE] = max(size, 1.0)
    price = price_nanos / 1e9
    mean = price
    begins = counters[HELD] == 0 or counters[DOUBTED] == SESSION
    if begins:
        _first_price(state, row, price)
    else:
        mean = _price_features(state, row, price, values)

    usual = levels[USUAL_SIZE]
    values[SIZE] = np.log2(1.0 + size / usual)
    step = 1.0 + max(SIZE_STEP, 1.0 / known)
    levels[USUAL_SIZE] = max(usual * step if size > usual else usual / step, 1.0)

    if counters[LAST_PRICE] != price_nanos:
        counters[DIRECTION] = 1 if price_nanos > counters[LAST_PRICE] else -1
    _note_repetition(counters, levels, price_nanos, size, side, passed_ns)
    values[STUCK] = 0.0 if begins else levels[RUN]

    direction = counters[DIRECTION]
    if side == BUY:
        direction = 1
    elif side == SELL:
        direction = -1
    values[SIGNED_VOLUME] = _signed_volume(
        state, row, counters[LAST_TIME], direction * size / (LOT * usual)
    )
    counters[LAST_PRICE] = price_nanos
    counters[LAST_SIZE] = size
    counters[LAST_SIDE] = side
    return mean
