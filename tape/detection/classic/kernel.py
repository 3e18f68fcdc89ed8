"""The classic rules over a batch of trades of any symbols, in one compiled call."""

from typing import NamedTuple

import numpy as np

from tape.codec.array_types import F32, F64, I64, U8
from tape.codec.compiling import part_of_callers, uncounted
from tape.codec.prefetch import prefetch
from tape.detection.classic.rolling_window import push_price
from tape.detection.classic.state import BELOW, BREAKS, LAST_PRICE, LEARNT, ClassicState
from tape.detection.classic.usual_history import JUDGED_FROM
from tape.detection.duplicates import ACCEPTED, RING, outcome_of
from tape.detection.protocol import DUPLICATE, Columns
from tape.model.rules import HIGH_VOLUME, ISOLATION_FOREST, RAPID_PRICE_CHANGE

VOLUME_BIT = HIGH_VOLUME.bit
CHANGE_BIT = RAPID_PRICE_CHANGE.bit
FOREST_BIT = ISOLATION_FOREST.bit
"""Plain integers, which is what compiled code can take."""
FAR_AHEAD = 16
NEAR_AHEAD = 8
"""How many trades ahead memory is asked for: with 10,000 symbols 9.8 million trades a second
beside 5.8 without, refits aside."""

FACTS = 7
"""Columns of `facts`: previous price, mean, standard deviation, z, normal from and to, norm z."""


class Limits(NamedTuple):
    """Thresholds, per row of the state where a symbol may have its own, and how a symbol begins.

    `rules` are the bits of those that flag. `usual` is the history of a new symbol and
    `first_breaks`, with `first_below`, its forest.
    """

    volume: I64
    change: F64
    rules: I64
    stride: int
    refit_every: int
    usual: F32
    first_below: int
    first_breaks: F32


class Answers(NamedTuple):
    """Verdicts of a batch; `facts` has a row per flagged trade.

    `carry` keeps a trade's previous price, mean, standard deviation and z while a forest is grown.
    """

    outcome: U8
    rules: U8
    flagged: I64
    facts: F64
    carry: F64
    behind_ns: I64
    shared: U8


@uncounted
def _begin(row: int, limits: Limits, state: ClassicState) -> None:
    """Give a new symbol the forest that all begin with."""
    for n in range(limits.first_breaks.shape[0]):
        state.breaks[row, n] = limits.first_breaks[n]
    state.counters[row, BELOW] = limits.first_below
    state.counters[row, BREAKS] = limits.first_breaks.shape[0]


@part_of_callers
def _judge(i: int, t: Columns, limits: Limits, state: ClassicState, out: Answers) -> bool:
    """Apply all but the forest to trade i; return whether it is processed and not dropped."""
    row = t.symbol[i]
    price_nanos = t.price_nanos[i]
    outcome, behind_ns, shared = outcome_of(state, t, i)
    out.outcome[i] = outcome
    out.behind_ns[i] = behind_ns
    out.shared[i] = shared
    out.rules[i] = 0
    if outcome >= DUPLICATE:
        return False
    counters = state.counters[row]
    state.dirty[row, 0] = 1
    if counters[ACCEPTED] == 0:
        _begin(row, limits, state)
    counters[ACCEPTED] += 1
    rules = 0
    if t.size[i] > limits.volume[row]:
        rules |= VOLUME_BIT
    previous = counters[LAST_PRICE] / 1e9
    price = price_nanos / 1e9
    if (
        counters[ACCEPTED] > 1
        and previous != 0.0
        and abs(price - previous) / abs(previous) > limits.change[row]
    ):
        rules |= CHANGE_BIT
    out.carry[0] = previous if counters[ACCEPTED] > 1 else np.nan
    counters[LAST_PRICE] = price_nanos
    out.rules[i] = rules

    mean, ahead, spread, scale = push_price(state, row, price_nanos)
    root = np.sqrt(spread)
    out.carry[1] = mean
    out.carry[2] = root * scale
    out.carry[3] = ahead / root if spread > 0.0 else np.nan
    if counters[ACCEPTED] % limits.stride == 0 and spread > 0.0:
        state.history[row, counters[LEARNT] % state.history.shape[1]] = out.carry[3]
        counters[LEARNT] += 1
    return True


@uncounted
def training_values(row: int, state: ClassicState, usual: F32, training: F32) -> None:
    """Write the training history of a row, oldest first.

    As far as a symbol has not learnt enough of its own yet, it is the usual one.
    """
    length = state.history.shape[1]
    learnt = state.counters[row, LEARNT]
    oldest = learnt % length
    for i in range(length):
        at = oldest + i if oldest + i < length else oldest + i - length
        training[i] = state.history[row, at] if at < learnt else usual[at]


@part_of_callers
def _interval(state: ClassicState, row: int, z: float) -> int:
    """Return how many breakpoints lie below z."""
    z32 = np.float32(z)
    breaks = state.breaks[row]
    low = 0
    high = state.counters[row, BREAKS]
    while low < high:
        middle = (low + high) >> 1
        if breaks[middle] < z32:
            low = middle + 1
        else:
            high = middle
    return low


@uncounted
def _explain(row: int, state: ClassicState, facts: F64, out: Answers) -> None:
    """Write the evidence of a flagged trade: what was carried and the nearest normal range."""
    for fact in range(4):
        facts[fact] = out.carry[fact]
    facts[4] = np.nan
    facts[5] = np.nan
    facts[6] = 0.0
    z = out.carry[3]
    breaks = state.breaks[row]
    size = state.counters[row, BREAKS]
    if state.counters[row, ACCEPTED] < JUDGED_FROM or np.isnan(z):
        return
    at = _interval(state, row, z)
    if (state.counters[row, BELOW] ^ (at & 1)) == 0:
        normal = at
        facts[6] = z
    elif at > 0 and (at == size or z - breaks[at - 1] <= breaks[at] - z):
        normal = at - 1
        facts[6] = breaks[at - 1]
    elif at < size:
        normal = at + 1
        facts[6] = breaks[at]
    else:
        return
    low = np.float64(breaks[normal - 1]) if normal > 0 else -np.inf
    high = np.float64(breaks[normal]) if normal < size else np.inf
    facts[4] = out.carry[1] + low * out.carry[2]
    facts[5] = out.carry[1] + high * out.carry[2]


@part_of_callers
def _fetch_ahead(i: int, t: Columns, state: ClassicState) -> None:
    """Ask for what the trades after i need: two steps, because the second reads the first's."""
    if i + FAR_AHEAD < t.symbol.shape[0]:
        row = t.symbol[i + FAR_AHEAD]
        prefetch(state.counters, row, 0)
        prefetch(state.counters, row, BREAKS)
        prefetch(state.newest, row, 0)
    if i + NEAR_AHEAD < t.symbol.shape[0]:
        row = t.symbol[i + NEAR_AHEAD]
        accepted = state.counters[row, ACCEPTED]
        prefetch(state.ring, row, 2 * (accepted % RING))
        prefetch(state.window, row, accepted % state.window.shape[1])
        prefetch(state.breaks, row, state.counters[row, BREAKS] >> 1)


@uncounted
def detect_batch(
    start: int,
    refitted: bool,
    found: int,
    t: Columns,
    limits: Limits,
    state: ClassicState,
    out: Answers,
) -> tuple[int, int]:
    """Judge trades from `start` on, of which `found` are flagged so far.

    Returns (position, found). A position before the end is a trade whose symbol is due for a new
    forest: call again from there with `refitted` when it is grown.
    """
    for i in range(start, t.symbol.shape[0]):
        _fetch_ahead(i, t, state)
        row = t.symbol[i]
        counters = state.counters[row]
        if not refitted:
            if not _judge(i, t, limits, state, out):
                continue
            if counters[ACCEPTED] % limits.refit_every == 0:
                return i, found
        refitted = False
        z = out.carry[3]
        if (
            counters[ACCEPTED] >= JUDGED_FROM
            and not np.isnan(z)
            and (counters[BELOW] ^ (_interval(state, row, z) & 1)) == 1
        ):
            out.rules[i] |= FOREST_BIT
        out.rules[i] &= limits.rules[row]
        if out.rules[i] != 0:
            out.flagged[found] = i
            _explain(row, state, out.facts[found], out)
            found += 1
    return t.symbol.shape[0], found
