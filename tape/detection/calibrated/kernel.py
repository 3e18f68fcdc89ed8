"""The calibrated profile over a batch of trades of any symbols, in one compiled call."""

from typing import Any, NamedTuple

import numpy as np

from tape.detection.calibrated.context import CLOSING_AUCTION, OPENING_AUCTION
from tape.detection.calibrated.state import (
    BIPOWER,
    CHANCE,
    FEATURES,
    FITS,
    FITTED,
    FLOW,
    KEPT,
    LAST_PRICE,
    LAST_RETURN,
    LAST_SIDE,
    LAST_SIZE,
    LAST_TIME,
    LOCAL,
    RUN,
    SCALE,
    SHAPE,
    SPREAD,
    TAILS,
    THRESHOLD,
    CalibratedState,
)
from tape.detection.calibrated.tails import learn, severity
from tape.detection.classic_kernel import Columns
from tape.detection.classic_state import ACCEPTED
from tape.detection.detector import DUPLICATE
from tape.detection.duplicates import identity_hash, outcome_of
from tape.detection.inlining import part_of_callers, uncounted
from tape.detection.kernel_types import F64, I64, U8

MOST_TOLD = 8.0
"""Severities are told up to 1 in 100 million."""
FADE = 1.0 / 500.0
"""Weight of a new return or deviation in its level: some 500 trades."""
BELIEVED = 8.0
"""A return or deviation counts for its level with at most this many times the level."""
FLOW_NS = 10_000_000.0
FACTS = 3 * FEATURES + 2
"""Columns of `facts`: values, severities, whether fitted; the local mean; all calibrated."""


class Answers(NamedTuple):
    """Verdicts of a batch; `facts` has a row per flagged trade."""

    outcome: U8
    rules: U8
    flagged: I64
    scores: F64
    facts: F64


@uncounted
def _trimmed_mean(prices: F64, n: int, sorted_prices: F64) -> float:
    """Return the mean of the last n prices without the lowest and highest tenth."""
    for i in range(n):
        value = prices[i]
        j = i
        while j > 0 and sorted_prices[j - 1] > value:
            sorted_prices[j] = sorted_prices[j - 1]
            j -= 1
        sorted_prices[j] = value
    cut = n // 10
    total = 0.0
    for i in range(cut, n - cut):
        total += sorted_prices[i]
    return total / (n - 2 * cut)


@uncounted
def _features(
    row: int, i: int, t: Columns, state: CalibratedState, values: F64, scratch: F64
) -> Any:
    """Write the trade's six features, before its price counts; return the local mean.

    Deviation from a trimmed local mean: Brownlees & Gallo (2006). Jumps over 1 and 10 trades
    over bipower variation: Lee & Mykland (2008). Log-size, stuck run and flow in 10 ms.
    """
    counters = state.counters[row]
    levels = state.levels[row]
    n = counters[ACCEPTED] - 1
    price = t.price_nanos[i] / 1e9
    tick = 0.01 if price >= 1.0 else 0.0001
    known = min(n, LOCAL)
    mean = price
    values[:] = 0.0
    if known > 0:
        mean = _trimmed_mean(state.prices[row], known, scratch)
        apart = abs(price - mean)
        values[0] = apart / (levels[SPREAD] + tick)
        weight = max(FADE, 1.0 / known) if n < 500 else FADE
        believed = min(apart, BELIEVED * (levels[SPREAD] + tick))
        levels[SPREAD] += weight * (believed - levels[SPREAD])
        last = counters[LAST_PRICE] / 1e9
        least = 0.5 * tick / max(price, tick)
        spread = np.sqrt(levels[BIPOWER] * np.pi / 2.0) + least
        move = abs(np.log(max(price, 1e-9) / max(last, 1e-9)))
        values[1] = move / spread
        if n >= 10:
            before = state.prices[row, (n - 10) % LOCAL]
            values[2] = abs(np.log(max(price, 1e-9) / max(before, 1e-9))) / (spread * np.sqrt(10.0))
        believed = min(move, BELIEVED * spread)
        levels[BIPOWER] += weight * (believed * levels[LAST_RETURN] - levels[BIPOWER])
        levels[LAST_RETURN] = believed
    state.prices[row, n % LOCAL] = price
    values[3] = np.log1p(t.size[i])
    same = (
        n > 0
        and t.price_nanos[i] == counters[LAST_PRICE]
        and t.size[i] == counters[LAST_SIZE]
        and t.side[i] == counters[LAST_SIDE]
    )
    passed = max(t.ts_event_ns[i] - counters[LAST_TIME], 0) if n > 0 else 0
    if not same:
        counters[RUN] = 0
    elif passed > 0:
        counters[RUN] += 1
    values[4] = counters[RUN]
    direction = 1.0 if t.side[i] == 66 else (-1.0 if t.side[i] == 65 else 0.0)
    levels[FLOW] = levels[FLOW] * np.exp(-passed / FLOW_NS) + direction * t.size[i]
    values[5] = np.log1p(abs(levels[FLOW]))
    counters[LAST_PRICE] = t.price_nanos[i]
    counters[LAST_SIZE] = t.size[i]
    counters[LAST_SIDE] = t.side[i]
    counters[LAST_TIME] = max(t.ts_event_ns[i], counters[LAST_TIME])
    return mean


@part_of_callers
def _begin(fits: F64, defaults: F64) -> None:
    """Give a new symbol its conservative tails."""
    for feature in range(FEATURES):
        at = feature * FITS
        fits[at + THRESHOLD] = defaults[feature, 0]
        fits[at + CHANCE] = 0.005
        fits[at + SCALE] = defaults[feature, 1]
        fits[at + SHAPE] = defaults[feature, 2]


@uncounted
def detect_calibrated(
    t: Columns,
    context: U8,
    threshold: float,
    defaults: F64,
    state: CalibratedState,
    values: F64,
    severities: F64,
    scratch: F64,
    out: Answers,
) -> int:
    """Judge all trades of a batch; return how many are flagged."""
    found = 0
    for i in range(t.symbol.shape[0]):
        row = t.symbol[i]
        identity = identity_hash(t.ts_event_ns[i], t.price_nanos[i], t.size[i], t.side[i])
        outcome = outcome_of(
            state, row, t.publisher_id[i], t.ts_event_ns[i], t.sequence[i], identity
        )
        out.outcome[i] = outcome
        out.rules[i] = 0
        out.scores[i] = -1.0
        if outcome >= DUPLICATE:
            continue
        state.dirty[row, 0] = 1
        fits = state.fits[row]
        kept = state.kept[row]
        if state.counters[row, ACCEPTED] == 0:
            _begin(fits, defaults)
        state.counters[row, ACCEPTED] += 1
        out.scores[i] = 0.0
        if context[i] == OPENING_AUCTION or context[i] == CLOSING_AUCTION:
            continue
        mean = _features(row, i, t, state, values, scratch)
        if state.counters[row, ACCEPTED] <= LOCAL:
            continue
        largest = 0.0
        calibrated = 1.0
        for feature in range(FEATURES):
            own = fits[feature * FITS : (feature + 1) * FITS]
            severities[feature] = severity(own, values[feature])
            largest = max(largest, severities[feature])
            calibrated = min(calibrated, own[FITTED])
            learn(
                own,
                kept[feature * KEPT : (feature + 1) * KEPT],
                values[feature],
                severities[feature],
            )
        overall = fits[FEATURES * FITS : TAILS * FITS]
        told = max(largest - np.log10(6.0), 0.0)
        if overall[FITTED] == 1.0:
            told = severity(overall, largest)
        if calibrated == 1.0:
            learn(overall, kept[FEATURES * KEPT : TAILS * KEPT], largest, told)
        out.scores[i] = told
        if told >= threshold:
            out.rules[i] = 8
            out.flagged[found] = i
            for feature in range(FEATURES):
                out.facts[found, feature] = values[feature]
                out.facts[found, FEATURES + feature] = severities[feature]
                out.facts[found, 2 * FEATURES + feature] = fits[feature * FITS + FITTED]
            out.facts[found, 3 * FEATURES] = mean
            out.facts[found, 3 * FEATURES + 1] = calibrated * overall[FITTED]
            found += 1
    return found
