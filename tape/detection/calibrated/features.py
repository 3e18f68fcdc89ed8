"""Six robust features of a trade, each against what is ordinary for its symbol right now."""

from typing import Any

import numpy as np

from tape.codec.array_types import F64
from tape.codec.compiling import part_of_callers
from tape.detection.calibrated.feed_features import note_repetition, signed_volume
from tape.detection.calibrated.halts import SESSION
from tape.detection.calibrated.price_features import take_first_price, write_price_features
from tape.detection.calibrated.state import (
    DIRECTION,
    DISTANCE,
    DOUBTED,
    FEATURES,
    HELD,
    LAST_PRICE,
    LAST_SIDE,
    LAST_SIZE,
    LAST_TIME,
    RUN,
    SIGNED_VOLUME,
    SIZE,
    STUCK,
    USUAL_SIZE,
    CalibratedState,
)
from tape.detection.duplicates import ACCEPTED
from tape.detection.protocol import Columns

LOT = 1.0
"""A time counts for the signed volume with at most this many usual sizes."""
SIZE_STEP = 0.0002
"""Share by which the running median of the size moves with a trade: 5,000 on one side move
it to e times as much, so that a burst of large orders does not."""
BUY = 66
SELL = 65
"""ASCII codes of the sides B and A."""


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
        take_first_price(state, row, price)
    else:
        mean = write_price_features(state, row, price, values)

    usual = levels[USUAL_SIZE]
    values[SIZE] = np.log2(1.0 + size / usual)
    step = 1.0 + max(SIZE_STEP, 1.0 / known)
    levels[USUAL_SIZE] = max(usual * step if size > usual else usual / step, 1.0)

    if counters[LAST_PRICE] != price_nanos:
        counters[DIRECTION] = 1 if price_nanos > counters[LAST_PRICE] else -1
    note_repetition(counters, levels, price_nanos, size, side, passed_ns)
    values[STUCK] = 0.0 if begins else levels[RUN]

    direction = counters[DIRECTION]
    if side == BUY:
        direction = 1
    elif side == SELL:
        direction = -1
    values[SIGNED_VOLUME] = signed_volume(
        state, row, counters[LAST_TIME], direction * size / (LOT * usual)
    )
    counters[LAST_PRICE] = price_nanos
    counters[LAST_SIZE] = size
    counters[LAST_SIDE] = side
    return mean
