"""The features of a batch of trades of any symbols, in one compiled call.

Each value says what was known when the trade came: of the trades before it and of itself. What is
not known yet is no number, and so it is where a feed has no quotes.
"""

from typing import Any, NamedTuple

import numpy as np

from tape.codec.array_types import F32, F64, I64, U8
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.duplicates import ACCEPTED, outcome_of
from tape.detection.protocol import DUPLICATE, Columns
from tape.detection.supervised.columns import NAMES
from tape.detection.supervised.state import (
    BEFORE,
    DISTANCE,
    LAST_PRICE,
    LAST_SIDE,
    LAST_SIZE,
    LAST_TIME,
    LEVEL,
    LEVEL_DISTANCE,
    MINUTE,
    MINUTE_MEAN,
    MINUTE_PRICE,
    MINUTES,
    PRICES,
    RUN_DIRECTION,
    RUN_EQUAL,
    RUN_PRICE,
    RUN_SIZE,
    SAME_TIME,
    SECOND,
    SECOND_MEAN,
    SECOND_PRICE,
    SECONDS,
    SHARES_1S,
    SHARES_60S,
    SIGNED_1S,
    SIZE_MEAN,
    SPACING,
    STEP,
    TRADES_1S,
    FeatureState,
)

BPS = 10_000.0
SECOND_NS = 1_000_000_000
MINUTE_NS = 60_000_000_000
FADE = 1.0 / 500.0
"""Weight of a new trade in what is usual: some 500 trades."""
SECONDS_FADE = 1.0 / 200.0
MINUTES_FADE = 1.0 / 60.0
BELIEVED = 8.0
"""A step or distance counts for the usual one with at most this many times that one, once there
are `FIRST` trades."""
FIRST = 60
NEARLY = 0.05
"""Share of its distance by which the level follows a price, and at most half a usual distance."""
PAUSE_S = 1_800.0
"""After such a pause the level begins again."""
LEAST_STEPS = 100.0
"""A price counts as no nearer to zero than this many ticks when distances are taken as a share."""
OF_DEVIATION = 1.25
"""Standard deviation of a normal in mean absolute deviations."""
LEAST_SPREAD = 0.25
"""Octaves that are added to a usual deviation: sizes may be all the same."""
LONGEST_S = 60.0
"""A pause counts for the usual spacing with at most this."""
MICROSECOND_S = 1e-6
SHORTEST_S = 1e-9
NINE = 9
"""Prices in the median that distances start from; odd, so that it is one of them."""
ROUND_LOT = 100
"""Shares of most orders."""
BUY = 66
SELL = 65
"""ASCII codes of the sides B and A."""

RETURN_1 = NAMES.index("return_1_bps")
RETURN_5 = NAMES.index("return_5_bps")
RETURN_20 = NAMES.index("return_20_bps")
RETURN_100 = NAMES.index("return_100_bps")
RETURN_1S = NAMES.index("return_1s_bps")
RETURN_60S = NAMES.index("return_60s_bps")
RETURN_1_Z = NAMES.index("return_1_z")
MEDIAN_9 = NAMES.index("median_9_bps")
MEDIAN_9_Z = NAMES.index("median_9_z")
FROM_LEVEL = NAMES.index("level_bps")
FROM_LEVEL_Z = NAMES.index("level_z")
BEFORE_Z = NAMES.index("before_z")
USUAL_STEP = NAMES.index("usual_step_bps")
SIZE_LOG2 = NAMES.index("size_log2")
SIZE_Z = NAMES.index("size_z")
VOLUME_1S_Z = NAMES.index("volume_1s_z")
VOLUME_60S_Z = NAMES.index("volume_60s_z")
TRADES_OF_1S = NAMES.index("trades_1s")
SPACING_LOG10 = NAMES.index("spacing_log10")
SPACING_Z = NAMES.index("spacing_z")
AT_SAME_TIME = NAMES.index("same_time")
EQUAL = NAMES.index("run_equal")
OF_PRICE = NAMES.index("run_price")
OF_SIZE = NAMES.index("run_size")
OF_DIRECTION = NAMES.index("run_direction")
SIDE_SIGN = NAMES.index("side_sign")
IMBALANCE_1S = NAMES.index("imbalance_1s")
IS_ROUND = NAMES.index("round_lot")
SPREAD = NAMES.index("spread_bps")
OUTSIDE = NAMES.index("outside_bps")
HOUR = NAMES.index("hour_new_york")
AUCTION = NAMES.index("auction")


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


@part_of_callers
def _share(price: float, base: float, tick: float) -> Any:
    """Return how far a price is from a base, in basis points of that."""
    return BPS * abs(price - base) / max(abs(base), LEAST_STEPS * tick)


@part_of_callers
def _octaves(count: int) -> Any:
    return np.log2(1.0 + count)


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


@part_of_callers
def _follow(levels: F64, at: int, value: float, weight: float) -> None:
    """Let a mean and, in the column behind it, the mean deviation from it follow a value."""
    levels[at + 1] += weight * (abs(value - levels[at]) - levels[at + 1])
    levels[at] += weight * (value - levels[at])


@part_of_callers
def _deviation(levels: F64, at: int, value: float) -> Any:
    return (value - levels[at]) / (OF_DEVIATION * levels[at + 1] + LEAST_SPREAD)


@uncounted
def _prices(state: FeatureState, row: int, price: float, since_s: float, values: F32) -> None:
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
def _end_second(counters: I64, levels: F64) -> None:
    """Learn from a second that is over."""
    shares = _octaves(counters[SHARES_1S])
    counters[SECONDS] += 1
    _follow(levels, SECOND_MEAN, shares, max(SECONDS_FADE, 1.0 / counters[SECONDS]))
    levels[SECOND_PRICE] = counters[LAST_PRICE] / 1e9
    counters[TRADES_1S] = 0
    counters[SHARES_1S] = 0
    counters[SIGNED_1S] = 0


@uncounted
def _end_minute(counters: I64, levels: F64) -> None:
    """Learn from a minute that is over."""
    shares = _octaves(counters[SHARES_60S])
    counters[MINUTES] += 1
    _follow(levels, MINUTE_MEAN, shares, max(MINUTES_FADE, 1.0 / counters[MINUTES]))
    levels[MINUTE_PRICE] = counters[LAST_PRICE] / 1e9
    counters[SHARES_60S] = 0


@uncounted
def _volumes(counters: I64, levels: F64, size: int, sign: int, values: F32) -> None:
    """Write the features of the size and of the second's and minute's volume."""
    known = counters[ACCEPTED]
    octaves = np.log2(1.0 * size)
    values[SIZE_LOG2] = octaves
    if known > 0:
        values[SIZE_Z] = _deviation(levels, SIZE_MEAN, octaves)
    _follow(levels, SIZE_MEAN, octaves, max(FADE, 1.0 / (known + 1)))
    counters[TRADES_1S] += 1
    counters[SHARES_1S] += size
    counters[SIGNED_1S] += sign * size
    counters[SHARES_60S] += size
    values[TRADES_OF_1S] = _octaves(counters[TRADES_1S])
    values[IMBALANCE_1S] = counters[SIGNED_1S] / counters[SHARES_1S]
    if counters[SECONDS] > 0:
        values[VOLUME_1S_Z] = _deviation(levels, SECOND_MEAN, _octaves(counters[SHARES_1S]))
    if counters[MINUTES] > 0:
        values[VOLUME_60S_Z] = _deviation(levels, MINUTE_MEAN, _octaves(counters[SHARES_60S]))
    values[SIDE_SIGN] = sign
    values[IS_ROUND] = size % ROUND_LOT == 0


@uncounted
def _times(counters: I64, levels: F64, time_ns: int, since_s: float, values: F32) -> None:
    """Write the features of the time since the trade before."""
    known = counters[ACCEPTED]
    at_once = known > 0 and counters[LAST_TIME] == time_ns
    counters[SAME_TIME] = counters[SAME_TIME] + 1 if at_once else 1
    values[AT_SAME_TIME] = _octaves(counters[SAME_TIME] - 1)
    if known > 0:
        values[SPACING_LOG10] = np.log10(max(since_s, SHORTEST_S))
        usual = levels[SPACING] + MICROSECOND_S
        values[SPACING_Z] = np.log2((since_s + MICROSECOND_S) / usual)
        weight = max(FADE, 1.0 / known)
        levels[SPACING] += weight * (min(since_s, LONGEST_S) - levels[SPACING])


@uncounted
def _runs(counters: I64, price_nanos: int, size: int, side: int, values: F32) -> None:
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
    values[EQUAL] = _octaves(counters[RUN_EQUAL])
    values[OF_PRICE] = _octaves(counters[RUN_PRICE])
    values[OF_SIZE] = _octaves(counters[RUN_SIZE])
    values[OF_DIRECTION] = _octaves(abs(counters[RUN_DIRECTION]))


@uncounted
def _quotes(price: float, bid: float, ask: float, values: F32) -> None:
    """Write the features of the quotes; a crossed or locked market has no spread."""
    middle = 0.5 * (bid + ask)
    if bid <= 0.0 or ask <= bid:
        return
    values[SPREAD] = BPS * (ask - bid) / middle
    values[OUTSIDE] = BPS * max(bid - price, price - ask, 0.0) / middle


@uncounted
def compute_features(t: Columns, around: Around, state: FeatureState, out: Answers) -> None:
    """Write the features of all trades of a batch, and which of them are duplicates."""
    for i in range(t.symbol.shape[0]):
        row = t.symbol[i]
        time_ns = t.ts_event_ns[i]
        outcome, behind_ns, shared = outcome_of(
            state,
            row,
            t.publisher_id[i],
            time_ns,
            t.sequence[i],
            t.ordinal[i],
            t.price_nanos[i],
            t.size[i],
            t.side[i],
        )
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
            _end_second(counters, levels)
        if known > 0 and counters[MINUTE] != minute:
            _end_minute(counters, levels)
        counters[SECOND] = second
        counters[MINUTE] = minute
        side = t.side[i]
        sign = 0
        if side == BUY:
            sign = 1
        elif side == SELL:
            sign = -1
        _prices(state, row, price, since_s, values)
        _volumes(counters, levels, t.size[i], sign, values)
        _times(counters, levels, time_ns, since_s, values)
        _runs(counters, t.price_nanos[i], t.size[i], side, values)
        if around.bid_nanos.shape[0] > 0:
            _quotes(price, around.bid_nanos[i] / 1e9, around.ask_nanos[i] / 1e9, values)
        values[HOUR] = around.hour[i]
        values[AUCTION] = around.auction[i]
        state.prices[row, known % PRICES] = price
        counters[LAST_PRICE] = t.price_nanos[i]
        counters[LAST_TIME] = time_ns
        counters[LAST_SIZE] = t.size[i]
        counters[LAST_SIDE] = side
        counters[ACCEPTED] += 1
