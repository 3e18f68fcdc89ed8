"""The calibrated profile over a batch of trades of any symbols, in one compiled call."""

from typing import Any, NamedTuple

import numpy as np

from tape.codec.array_types import F32, F64, I32, I64, U8
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.calibrated.budget import START, note_alert, note_passing
from tape.detection.calibrated.features import (
    DEVIATION,
    DISTANCE,
    JUMP,
    LEAST_HELD,
    SIGNED_VOLUME,
    SIZE,
    STUCK,
    TEN_TRADES,
    features,
    usual_distance,
)
from tape.detection.calibrated.halts import SESSION, note_time
from tape.detection.calibrated.prior import trust_in_prior
from tape.detection.calibrated.priority import priority_of
from tape.detection.calibrated.state import (
    BINS,
    CREDIT,
    DOUBTED,
    DOUBTED_TIME,
    FAMILIES,
    FEATURES,
    FITS,
    HELD,
    LIMIT,
    LOCAL,
    MEDIAN,
    REOPENED,
    SEEN,
    TAILS,
    USUAL_SIZE,
    VENUE_FACTS,
    CalibratedState,
)
from tape.detection.calibrated.stopwatch import note_since, now_ns
from tape.detection.calibrated.tails import (
    FIRST_CREDIT,
    MEMORY,
    believed,
    fit,
    octave_bin,
    severity,
    unit_bin,
    value_at,
)
from tape.detection.calibrated.venues import (
    ALL,
    ENOUGH_ODD,
    ODD_PRICES,
    TRADES,
    note_trade,
    venue_of,
)
from tape.detection.duplicates import ACCEPTED, outcome_of
from tape.detection.protocol import DUPLICATE, Columns
from tape.market.day import (
    AUCTION_SHARES,
    CLOSING_AUCTION,
    NO_SIDE,
    OPENING_AUCTION,
    REOPENING,
)
from tape.model.rules import CALIBRATED

CALIBRATED_BIT = CALIBRATED.bit
"""A plain integer, which is what compiled code can take."""
REFIT_EVERY = 1_000
"""Accepted trades of a symbol between two fits."""
KEEP = float(np.exp(-REFIT_EVERY / MEMORY))
SETTLED = 10_000
"""Trades of its own from which on a symbol counts as calibrated."""
FACTS = 4 * FEATURES + FAMILIES + 10
"""Columns of `facts`: values, severities, medians, 1-in-10,000 levels; severities of the families;
then what `OTHER_FACTS` says."""
OTHER_FACTS = 4 * FEATURES + FAMILIES
"""Local mean, usual size, whether calibrated, the flagged family and its limit, distance from the
last nine prices, share of the venue in trades and in odd prices, context, priority."""


BAND_LEVEL = 4.0
"""Severity at which the band of normal prices ends."""

OF_PRICE = 0
OF_SIZE = 1
OF_FEED = 2
"""Positions of the families in what is kept by family."""


class Setting(NamedTuple):
    """What does not change: see `tape.detection.calibrated.detector`.

    `budgets` has a row per family of each budget, and `budget_of` per symbol the first of those
    that are its own.
    """

    prior: F32
    edges: F64
    least_shape: F64
    budgets: F64
    budget_of: I32


class Scratch(NamedTuple):
    """Room for a trade's six values and two more, the same as bits, and its severities.

    `families` has the severity of each family; `counts` room for a tail's histogram, prior and
    all; `watch` is the refits' stopwatch.
    """

    values: F64
    bits: I64
    severities: F64
    families: F64
    counts: F64
    watch: I64


class Answers(NamedTuple):
    """Verdicts of a batch; `facts` has a row per flagged trade.

    `families` has the severity of each family per trade, `priorities` the priority. `bands` and
    `contexts` have no rows where nobody asks for them.
    """

    outcome: U8
    rules: U8
    flagged: I64
    scores: F64
    families: F64
    priorities: F64
    facts: F64
    behind_ns: I64
    shared: U8
    bands: F64
    contexts: U8


@uncounted
def _refit(row: int, state: CalibratedState, setting: Setting, counts: F64, keep: float) -> None:
    """Fit the tails to what was learnt and the prior; then let what was learnt fade to `keep`."""
    for tail in range(TAILS):
        trust = trust_in_prior(state.counters[row, ACCEPTED], tail)
        fits = state.fits[row, tail * FITS : (tail + 1) * FITS]
        bins = state.bins[row, tail * BINS : (tail + 1) * BINS]
        fits[SEEN] = 0.0
        for n in range(BINS):
            fits[SEEN] += bins[n]
            counts[n] = bins[n] + trust * setting.prior[tail, n]
            bins[n] *= np.float32(keep)
        edges = setting.edges[1 if tail in (SIZE, FEATURES) else 0]
        fit(fits, counts, edges, setting.least_shape[tail])
    for n in range(ALL + VENUE_FACTS):
        state.venue_facts[row, n] *= keep


@uncounted
def _begin(row: int, state: CalibratedState, setting: Setting, counts: F64) -> None:
    """Give a new symbol the tails that most symbols have, and its limits."""
    for tail in range(TAILS):
        for n in range(len(FIRST_CREDIT)):
            state.fits[row, tail * FITS + CREDIT + n] = FIRST_CREDIT[n]
    _refit(row, state, setting, counts, 1.0)
    for family in range(FAMILIES):
        state.levels[row, LIMIT + family] = setting.budgets[setting.budget_of[row] + family, START]


@uncounted
def _judged(row: int, publisher: int, state: CalibratedState, scratch: Scratch) -> Any:
    """Return how improbable the trade is, in all; what is ordinary of it is learnt."""
    fits = state.fits[row]
    bins = state.bins[row]
    severities = scratch.severities
    families = scratch.families
    for feature in range(FEATURES):
        value = scratch.values[feature]
        own = fits[feature * FITS : (feature + 1) * FITS]
        found = severity(own, value)
        severities[feature] = found
        scratch.values[FEATURES] = believed(own, value, found)
        if scratch.values[FEATURES] >= 0.0:
            place = (
                unit_bin(scratch.values[FEATURES])
                if feature == SIZE
                else octave_bin(scratch.bits[FEATURES])
            )
            bins[feature * BINS + place] += np.float32(1.0)
    families[OF_PRICE] = max(severities[DEVIATION], severities[JUMP], severities[TEN_TRADES])
    families[OF_SIZE] = severities[SIZE]
    families[OF_FEED] = max(severities[STUCK], severities[SIGNED_VOLUME])
    note_trade(state.venue_facts[row], venue_of(state, row, publisher), families[OF_PRICE])
    largest = max(families[OF_PRICE], families[OF_SIZE], families[OF_FEED])
    overall = fits[FEATURES * FITS : TAILS * FITS]
    told = severity(overall, largest)
    learnt = believed(overall, largest, told)
    if learnt >= 0.0:
        bins[FEATURES * BINS + unit_bin(learnt)] += np.float32(1.0)
    return told


@part_of_callers
def _answered(i: int, levels: F64, scratch: Scratch, out: Answers) -> Any:
    """Write what is said of every trade; return the family that goes farthest above its limit.

    -1 if none reaches it.
    """
    families = scratch.families
    out.priorities[i] = priority_of(
        families[OF_PRICE], families[OF_SIZE], families[OF_FEED], scratch.values[DISTANCE]
    )
    flagged = -1
    most = 0.0
    for family in range(FAMILIES):
        out.families[i, family] = families[family]
        above = families[family] - levels[LIMIT + family]
        if above >= most:
            flagged = family
            most = above
    return flagged


@uncounted
def _tell(
    row: int,
    publisher: int,
    state: CalibratedState,
    scratch: Scratch,
    facts: F64,
    family: int,
) -> None:
    """Write what explains a flag, but for what the caller knows."""
    for feature in range(FEATURES):
        own = state.fits[row, feature * FITS : (feature + 1) * FITS]
        facts[feature] = scratch.values[feature]
        facts[FEATURES + feature] = scratch.severities[feature]
        facts[2 * FEATURES + feature] = own[MEDIAN]
        facts[3 * FEATURES + feature] = value_at(own, 4.0)
    for n in range(FAMILIES):
        facts[4 * FEATURES + n] = scratch.families[n]
    of_venues = state.venue_facts[row]
    venue = venue_of(state, row, publisher)
    facts[OTHER_FACTS + 2] = state.fits[row, FEATURES * FITS + SEEN] >= SETTLED
    facts[OTHER_FACTS + 3] = family
    facts[OTHER_FACTS + 4] = state.levels[row, LIMIT + family]
    facts[OTHER_FACTS + 5] = scratch.values[DISTANCE]
    facts[OTHER_FACTS + 6] = of_venues[venue + TRADES] / of_venues[ALL + TRADES]
    odd = max(of_venues[ALL + ODD_PRICES], ENOUGH_ODD)
    facts[OTHER_FACTS + 7] = of_venues[venue + ODD_PRICES] / odd


@part_of_callers
def _can_compare(counters: I64) -> Any:
    """Return whether there are prices of this session that the next one can be held against."""
    return counters[HELD] >= LEAST_HELD and counters[DOUBTED] != SESSION


@uncounted
def _write_band(fits: F64, mean: float, distance: float, band: F64) -> None:
    """Write from where to where a price was normal: as far from the mean as one in 10,000."""
    own = fits[DEVIATION * FITS : (DEVIATION + 1) * FITS]
    half = value_at(own, BAND_LEVEL) * distance
    band[0] = mean - half
    band[1] = mean + half


@part_of_callers
def _is_auction(kind: int, i: int, t: Columns, counters: I64) -> bool:
    """Return whether a trade is the print of an auction, one that ends a halt among them."""
    if kind == REOPENING:
        first = t.ts_event_ns[i] in (counters[REOPENED], counters[DOUBTED_TIME])
        return first and t.side[i] == NO_SIDE and t.size[i] >= AUCTION_SHARES
    return kind in (OPENING_AUCTION, CLOSING_AUCTION)


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
    tells_each = out.bands.shape[0] > 0
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
        out.rules[i] = 0
        out.scores[i] = -1.0
        out.priorities[i] = -1.0
        for family in range(FAMILIES):
            out.families[i, family] = 0.0
        if outcome >= DUPLICATE:
            continue
        state.dirty[row, 0] = 1
        counters = state.counters[row]
        levels = state.levels[row]
        if counters[ACCEPTED] == 0:
            _begin(row, state, setting, scratch.counts)
        counters[ACCEPTED] += 1
        out.scores[i] = 0.0
        out.priorities[i] = 0.0
        kind, share, passed_ns = note_time(state, row, day[i], passed[i], time_ns, context[i])
        first = setting.budget_of[row]
        budgets = setting.budgets[first : first + FAMILIES]
        note_passing(levels, counters, share, budgets)
        if tells_each:
            out.contexts[i] = kind
        if not _is_auction(kind, i, t, counters):
            usual = levels[USUAL_SIZE]
            compared = tells_each and _can_compare(counters)
            distance = usual_distance(levels, t.price_nanos[i] / 1e9) if compared else 0.0
            mean = features(row, i, t, passed_ns, state, scratch.values)
            if counters[ACCEPTED] > LOCAL:
                out.scores[i] = _judged(row, t.publisher_id[i], state, scratch)
                flagged = _answered(i, levels, scratch, out)
                if compared:
                    _write_band(state.fits[row], mean, distance, out.bands[i])
                if flagged >= 0:
                    out.rules[i] = CALIBRATED_BIT
                    out.flagged[found] = i
                    facts = out.facts[found]
                    _tell(row, t.publisher_id[i], state, scratch, facts, flagged)
                    facts[OTHER_FACTS] = mean
                    facts[OTHER_FACTS + 1] = usual
                    facts[OTHER_FACTS + 8] = kind
                    facts[OTHER_FACTS + 9] = out.priorities[i]
                    found += 1
                    for family in range(FAMILIES):
                        told = scratch.families[family]
                        if told >= levels[LIMIT + family]:
                            note_alert(levels, counters, family, told, budgets[family])
        if counters[ACCEPTED] % REFIT_EVERY == 0:  # whatever this trade is, an auction too
            start_ns = now_ns(scratch.watch)
            _refit(row, state, setting, scratch.counts, KEEP)
            note_since(scratch.watch, start_ns)
    return found
