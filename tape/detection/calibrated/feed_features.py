"""The two features of the feed: runs of equal trades, and the signed volume of 10 ms."""

from typing import Any

import numpy as np

from tape.codec.array_types import F64, I64
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.calibrated.state import (
    FLOW,
    FLOW_DOUBTED,
    FLOW_FIRST,
    FLOW_NEXT,
    FLOW_TIMES,
    LAST_PRICE,
    LAST_SIDE,
    LAST_SIZE,
    REPEATS,
    RUN,
    SPACING,
    CalibratedState,
)
from tape.detection.duplicates import ACCEPTED

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


@part_of_callers
def note_repetition(
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
def signed_volume(state: CalibratedState, row: int, time_ns: int, signed: float) -> Any:
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
