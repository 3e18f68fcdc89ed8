"""The calibrated profile over a batch of trades of any symbols, in one compiled call."""

from typing import Any, NamedTuple

import numpy as np

from tape.detection.calibrated.budget import PER_DAY, PER_TRADE, START, note_alert, note_passing
from tape.detection.calibrated.context import (
    AUCTION_SHARES,
    CLOSING_AUCTION,
    NO_SIDE,
    OPENING_AUCTION,
    REGULAR,
    REOPENING,
)
from tape.detection.calibrated.features import features
from tape.detection.calibrated.state import (
    AWAY,
    BINS,
    CREDIT,
    DAY,
    FEATURES,
    FITS,
    FLOW_FIRST,
    FLOW_NEXT,
    HELD,
    LAST_TIME,
    LIMIT,
    LOCAL,
    MEDIAN,
    OLD_LEFT,
    PLACE,
    PROGRESS,
    REOPENED,
    RUN,
    SEEN,
    SPACING,
    TAILS,
    USUAL_SIZE,
    CalibratedState,
)
from tape.detection.calibrated.tails import (
    BELIEVED_AS,
    FIRST_CREDIT,
    MEMORY,
    believed,
    fit,
    octave_bin,
    severity,
    unit_bin,
    value_at,
)
from tape.detection.classic_kernel import Columns
from tape.detection.classic_state import ACCEPTED
from tape.detection.detector import DUPLICATE
from tape.detection.duplicates import identity_hash, outcome_of
from tape.detection.inlining import uncounted
from tape.detection.kernel_types import F32, F64, I32, I64, U8

REFIT_EVERY = 1_000
"""Accepted trades of a symbol between two fits."""
KEEP = float(np.exp(-REFIT_EVERY / MEMORY))
SETTLED = 10_000
"""Trades of its own from which on a symbol counts as calibrated."""
HALT_NS = 290_000_000_000
"""A trading pause is five minutes at least (Limit Up-Limit Down plan)."""
HALT_SPACINGS = 50.0
"""So many times the usual spacing without a trade are a halt and no quiet hour."""
REOPENING_NS = 10_000_000_000
SPACING_FADE = 1.0 / 200.0
FACTS = 4 * FEATURES + 5
"""Columns of `facts`: values, severities, medians, 1-in-10,000 levels; then local mean, usual
size, whether calibrated, limit, context."""


class Setting(NamedTuple):
    """What does not change: see `tape.detection.calibrated.calibrated`.

    `budgets` has a row per budget, and `budget_of` per symbol the one that is its own.
    """

    prior: F32
    edges: F64
    least_shape: F64
    budgets: F64
    budget_of: I32


class Scratch(NamedTuple):
    """Room for one trade: its six values and one more, the same as bits, and severities."""

    values: F64
    bits: I64
    severities: F64


class Answers(NamedTuple):
    """Verdicts of a batch; `facts` has a row per flagged trade."""

    outcome: U8
    rules: U8
    flagged: I64
    scores: F64
    facts: F64


@uncounted
def _refit(row: int, state: CalibratedState, setting: Setting, keep: float) -> None:
    for tail in range(TAILS):
        fit(
            state.fits[row, tail * FITS : (tail + 1) * FITS],
            state.bins[row, tail * BINS : (tail + 1) * BINS],
            setting.edges[1 if tail == 3 or tail == FEATURES else 0],
            setting.least_shape[tail],
            keep,
        )


@uncounted
def _begin(row: int, state: CalibratedState, setting: Setting) -> None:
    """Give a new symbol the tails that most symbols have, and its limit."""
    for tail in range(TAILS):
        for n in range(len(FIRST_CREDIT)):
            state.fits[row, tail * FITS + CREDIT + n] = FIRST_CREDIT[n]
        for n in range(BINS):
            state.bins[row, tail * BINS + n] = setting.prior[tail, n]
    _refit(row, state, setting, 1.0)
    state.levels[row, LIMIT] = setting.budgets[setting.budget_of[row], START]


@uncounted
def _begin_session(counters: I64, levels: F64, time_ns: int) -> None:
    """Forget prices and runs of before a night or a halt, for the market has moved meanwhile."""
    counters[HELD] = 0
    counters[PLACE] = 0
    counters[AWAY] = 0
    counters[OLD_LEFT] = 0
    counters[FLOW_FIRST] = 0
    counters[FLOW_NEXT] = 0
    counters[LAST_TIME] = time_ns
    levels[RUN] = 0.0


@uncounted
def _note_time(counters: I64, levels: F64, day: int, passed: float, time_ns: int, kind: int) -> Any:
    """Take up a new day or a halt; return the trade's context and the share of a day passed."""
    if day != counters[DAY] or counters[ACCEPTED] == 1:
        counters[DAY] = day
        counters[REOPENED] = 0
        levels[PROGRESS] = passed
        _begin_session(counters, levels, time_ns)
        return kind, 0.0
    gap = max(time_ns - counters[LAST_TIME], 0)
    if kind == REGULAR and gap >= HALT_NS and gap >= HALT_SPACINGS * levels[SPACING]:
        counters[REOPENED] = time_ns
        _begin_session(counters, levels, time_ns)
    else:
        weight = max(SPACING_FADE, 1.0 / counters[ACCEPTED])
        levels[SPACING] += weight * (gap - levels[SPACING])
    if counters[REOPENED] > 0 and kind == REGULAR:
        if time_ns - counters[REOPENED] < REOPENING_NS:
            kind = REOPENING
        else:
            counters[REOPENED] = 0
    share = max(passed - levels[PROGRESS], 0.0)
    levels[PROGRESS] += share
    return kind, share


@uncounted
def _judged(row: int, state: CalibratedState, scratch: Scratch) -> Any:
    """Return how improbable the trade is, in all; what is ordinary of it is learnt."""
    fits = state.fits[row]
    bins = state.bins[row]
    largest = 0.0
    for feature in range(FEATURES):
        value = scratch.values[feature]
        own = fits[feature * FITS : (feature + 1) * FITS]
        found = severity(own, value)
        scratch.severities[feature] = found
        largest = max(largest, found)
        scratch.values[FEATURES] = believed(own, value, found)
        if scratch.values[FEATURES] >= 0.0:
            place = (
                unit_bin(scratch.values[FEATURES])
                if feature == 3
                else octave_bin(scratch.bits[FEATURES])
            )
            bins[feature * BINS + place] += np.float32(1.0)
    overall = fits[FEATURES * FITS : TAILS * FITS]
    told = severity(overall, largest)
    learnt = believed(overall, largest, told)
    if learnt >= 0.0:
        bins[FEATURES * BINS + unit_bin(learnt)] += np.float32(1.0)
    return told


@uncounted
def _tell(
    row: int, state: CalibratedState, scratch: Scratch, facts: F64, mean: float, usual: float
) -> None:
    """Write what explains a flag."""
    for feature in range(FEATURES):
        own = state.fits[row, feature * FITS : (feature + 1) * FITS]
        facts[feature] = scratch.values[feature]
        facts[FEATURES + feature] = scratch.severities[feature]
        facts[2 * FEATURES + feature] = own[MEDIAN]
        facts[3 * FEATURES + feature] = value_at(own, 4.0)
    facts[4 * FEATURES] = mean
    facts[4 * FEATURES + 1] = usual
    facts[4 * FEATURES + 2] = state.fits[row, FEATURES * FITS + SEEN] >= BELIEVED_AS + SETTLED
    facts[4 * FEATURES + 3] = state.levels[row, LIMIT]


@uncounted
def detect_calibrated(
    t: Columns,
    context: U8,
    day: I64,
    passed: F64,
    setting: Setting,
    state: CalibratedState,
    scratch: Scratch,
    out: Answers,
) -> int:
    """Judge all trades of a batch; return how many are flagged."""
    found = 0
    for i in range(t.symbol.shape[0]):
        row = t.symbol[i]
        time_ns = t.ts_event_ns[i]
        identity = identity_hash(time_ns, t.price_nanos[i], t.size[i], t.side[i])
        outcome = outcome_of(state, row, t.publisher_id[i], time_ns, t.sequence[i], identity)
        out.outcome[i] = outcome
        out.rules[i] = 0
        out.scores[i] = -1.0
        if outcome >= DUPLICATE:
            continue
        state.dirty[row, 0] = 1
        counters = state.counters[row]
        levels = state.levels[row]
        if counters[ACCEPTED] == 0:
            _begin(row, state, setting)
        counters[ACCEPTED] += 1
        out.scores[i] = 0.0
        kind, share = _note_time(counters, levels, day[i], passed[i], time_ns, context[i])
        budget = setting.budgets[setting.budget_of[row]]
        due = budget[PER_TRADE] + budget[PER_DAY] * share
        note_passing(levels, counters, due, budget)
        crossed = t.side[i] == NO_SIDE and t.size[i] >= AUCTION_SHARES
        if kind == REOPENING and crossed and counters[REOPENED] == time_ns:
            continue  # the auction that ends a halt
        if kind in (OPENING_AUCTION, CLOSING_AUCTION):
            continue
        usual = levels[USUAL_SIZE]
        mean = features(row, i, t, state, scratch.values)
        if counters[ACCEPTED] <= LOCAL:
            continue
        told = _judged(row, state, scratch)
        out.scores[i] = told
        if told >= levels[LIMIT]:
            out.rules[i] = 8
            out.flagged[found] = i
            facts = out.facts[found]
            _tell(row, state, scratch, facts, mean, usual)
            facts[4 * FEATURES + 4] = kind
            found += 1
            note_alert(levels, counters, told, budget)
        if counters[ACCEPTED] % REFIT_EVERY == 0:
            _refit(row, state, setting, KEEP)
    return found
