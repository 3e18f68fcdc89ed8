"""A symbol's own tails: learnt trade by trade, and fitted again every thousand."""

from typing import Any

import numpy as np

from tape.codec.array_types import F64
from tape.codec.compiling import uncounted
from tape.detection.calibrated.batch import Scratch, Setting
from tape.detection.calibrated.budget import START
from tape.detection.calibrated.prior import trust_in_prior
from tape.detection.calibrated.state import (
    BINS,
    CREDIT,
    DEVIATION,
    FAMILIES,
    FEATURES,
    FITS,
    JUMP,
    LIMIT,
    OF_FEED,
    OF_PRICE,
    OF_SIZE,
    SEEN,
    SIGNED_VOLUME,
    SIZE,
    STUCK,
    TAILS,
    TEN_TRADES,
    VENUE_FACTS,
    CalibratedState,
)
from tape.detection.calibrated.tails import (
    FIRST_CREDIT,
    MEMORY,
    believed,
    fit,
    octave_bin,
    severity,
    unit_bin,
)
from tape.detection.calibrated.venues import ALL, note_trade, venue_of
from tape.detection.duplicates import ACCEPTED

REFIT_EVERY = 1_000
"""Accepted trades of a symbol between two fits: a four hundredth of what its tails remember, so
that more fits would hardly say anything else."""
KEEP = float(np.exp(-REFIT_EVERY / MEMORY))
SETTLED = 10_000
"""Trades of its own from which on a symbol counts as calibrated: as many as one of severity 4 is
rare among, and as the tail's 50 values are a half per cent of."""


@uncounted
def refit(row: int, state: CalibratedState, setting: Setting, counts: F64, keep: float) -> None:
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
def begin(row: int, state: CalibratedState, setting: Setting, counts: F64) -> None:
    """Give a new symbol the tails that most symbols have, and its limits."""
    for tail in range(TAILS):
        for n in range(len(FIRST_CREDIT)):
            state.fits[row, tail * FITS + CREDIT + n] = FIRST_CREDIT[n]
    refit(row, state, setting, counts, 1.0)
    for family in range(FAMILIES):
        state.levels[row, LIMIT + family] = setting.budgets[setting.budget_of[row] + family, START]


@uncounted
def judged(row: int, publisher: int, state: CalibratedState, scratch: Scratch) -> Any:
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
