"""The features of a batch of trades of any symbols, in one compiled call.

Each value says what was known when the trade came: of the trades before it and of itself. What is
not known yet is no number, and so it is where a feed has no quotes.
"""

from typing import NamedTuple

import numpy as np

from tape.codec.array_types import F32, F64, I64, U8
from tape.codec.compiling import uncounted
from tape.detection.duplicates import ACCEPTED, outcome_of
from tape.detection.protocol import DUPLICATE, Columns
from tape.detection.supervised.columns import (
    AT_SAME_TIME,
    AUCTION,
    EQUAL,
    HOUR,
    OF_DIRECTION,
    OF_PRICE,
    OF_SIZE,
    SPACING_LOG10,
    SPACING_Z,
)
from tape.detection.supervised.price_features import write_prices, write_quotes
from tape.detection.supervised.state import (
    FADE,
    LAST_PRICE,
    LAST_SIDE,
    LAST_SIZE,
    LAST_TIME,
    MINUTE,
    PRICES,
    RUN_DIRECTION,
    RUN_EQUAL,
    RUN_PRICE,
    RUN_SIZE,
    SAME_TIME,
    SECOND,
    SPACING,
    FeatureState,
)
from tape.detection.supervised.volume_features import (
    end_minute,
    end_second,
    in_octaves,
    write_volumes,
)

SECOND_NS = 1_000_000_000
MINUTE_NS = 60_000_000_000
LONGEST_S = 60.0
"""A pause counts for the usual spacing with at most this: a night is none of the pauses between
two trades."""
MICROSECOND_S = 1e-6
SHORTEST_S = 1e-9
"""Added to both sides of a ratio of times, and the least that a logarithm is taken of: the time
between two trades may be none."""
BUY = 66
SELL = 65
"""ASCII codes of the sides B and A."""


class Around(NamedTuple):
    """What surrounds each trade of a batch.

    Attributes:
        hour: New York's clock, hours since midnight.
        auction: 1 for the print of an auction.
        bid_nanos, ask_nanos: quotes when it was made, 1e-9 dollars; 0 where there is none. Both
            are empty if the feed has none at all.
    """

    hour: F64
    auction: U8
    bid_nanos: I64
    ask_nanos: I64


class Answers(NamedTuple):
    """What is said of a batch; `values` has a row per trade, of which a duplicate's is unset."""

    outcome: U8
    behind_ns: I64
    shared: U8
    values: F32


@uncounted
def _write_times(counters: I64, levels: F64, time_ns: int, since_s: float, values: F32) -> None:
    """Write the features of the time since the trade before."""
    known = counters[ACCEPTED]
    at_once = known > 0 and counters[LAST_TIME] == time_ns
    counters[SAME_TIME] = counters[SAME_TIME] + 1 if at_once else 1
    values[AT_SAME_TIME] = in_octaves(counters[SAME_TIME] - 1)
    if known > 0:
        values[SPACING_LOG10] = np.log10(max(since_s, SHORTEST_S))
        usual = levels[SPACING] + MICROSECOND_S
        values[SPACING_Z] = np.log2((since_s + MICROSECOND_S) / usual)
        weight = max(FADE, 1.0 / known)
        levels[SPACING] += weight * (min(since_s, LONGEST_S) - levels[SPACING])


@uncounted
def _write_runs(counters: I64, price_nanos: int, size: int, side: int, values: F32) -> None:
    """Write how long the runs are that this trade continues; 1 for one that it begins."""
    known = counters[ACCEPTED] > 0
    of_price = known and counters[LAST_PRICE] == price_nanos
    of_size = known and counters[LAST_SIZE] == size
    equal = of_price and of_size and counters[LAST_SIDE] == side
    counters[RUN_PRICE] = counters[RUN_PRICE] + 1 if of_price else 1
    counters[RUN_SIZE] = counters[RUN_SIZE] + 1 if of_size else 1
    counters[RUN_EQUAL] = counters[RUN_EQUAL] + 1 if equal else 1
    if known and not of_price:
        sign = 1 if price_nanos > counters[LAST_PRICE] else -1
        run = counters[RUN_DIRECTION]
        counters[RUN_DIRECTION] = run + sign if run * sign > 0 else sign
    values[EQUAL] = in_octaves(counters[RUN_EQUAL])
    values[OF_PRICE] = in_octaves(counters[RUN_PRICE])
    values[OF_SIZE] = in_octaves(counters[RUN_SIZE])
    values[OF_DIRECTION] = in_octaves(abs(counters[RUN_DIRECTION]))


@uncounted
def compute_features(t: Columns, around: Around, state: FeatureState, out: Answers) -> None:
    """Write the features of all trades of a batch, and which of them are duplicates."""
    for i in range(t.symbol.shape[0]):
        row = t.symbol[i]
        time_ns = t.ts_event_ns[i]
        outcome, behind_ns, shared = outcome_of(state, t, i)
        out.outcome[i] = outcome
        out.behind_ns[i] = behind_ns
        out.shared[i] = shared
        values = out.values[i]
        for n in range(len(values)):
            values[n] = np.nan
        if outcome >= DUPLICATE:
            continue
        state.dirty[row, 0] = 1
        counters = state.counters[row]
        levels = state.levels[row]
        known = counters[ACCEPTED]
        price = t.price_nanos[i] / 1e9
        since_s = max(time_ns - counters[LAST_TIME], 0) / 1e9 if known > 0 else 0.0
        second = time_ns // SECOND_NS
        minute = time_ns // MINUTE_NS
        if known > 0 and counters[SECOND] != second:
            end_second(counters, levels)
        if known > 0 and counters[MINUTE] != minute:
            end_minute(counters, levels)
        counters[SECOND] = second
        counters[MINUTE] = minute
        side = t.side[i]
        sign = 0
        if side == BUY:
            sign = 1
        elif side == SELL:
            sign = -1
        write_prices(state, row, price, since_s, values)
        write_volumes(counters, levels, t.size[i], sign, values)
        _write_times(counters, levels, time_ns, since_s, values)
        _write_runs(counters, t.price_nanos[i], t.size[i], side, values)
        if around.bid_nanos.shape[0] > 0:
            write_quotes(price, around.bid_nanos[i] / 1e9, around.ask_nanos[i] / 1e9, values)
        values[HOUR] = around.hour[i]
        values[AUCTION] = around.auction[i]
        state.prices[row, known % PRICES] = price
        counters[LAST_PRICE] = t.price_nanos[i]
        counters[LAST_TIME] = time_ns
        counters[LAST_SIZE] = t.size[i]
        counters[LAST_SIDE] = side
        counters[ACCEPTED] += 1
