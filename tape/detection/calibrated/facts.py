"""What explains a flag, and the band of prices that would have been normal."""

from tape.codec.array_types import F64
from tape.codec.compiling import uncounted
from tape.detection.calibrated.batch import Scratch
from tape.detection.calibrated.state import (
    DEVIATION,
    DISTANCE,
    FAMILIES,
    FEATURES,
    FITS,
    LIMIT,
    MEDIAN,
    SEEN,
    CalibratedState,
)
from tape.detection.calibrated.symbol_tails import SETTLED
from tape.detection.calibrated.tails import value_at
from tape.detection.calibrated.venues import ALL, ENOUGH_ODD, ODD_PRICES, TRADES, venue_of

FACTS = 4 * FEATURES + FAMILIES + 10
"""Columns of `facts`: values, severities, medians, 1-in-10,000 levels; severities of the families;
then what `OTHER_FACTS` says."""
OTHER_FACTS = 4 * FEATURES + FAMILIES
"""Local mean, usual size, whether calibrated, the flagged family and its limit, distance from the
last nine prices, share of the venue in trades and in odd prices, context, priority."""
BAND_LEVEL = 4.0
"""Severity at which the band of normal prices ends."""


@uncounted
def tell(
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


@uncounted
def write_band(fits: F64, mean: float, distance: float, band: F64) -> None:
    """Write from where to where a price was normal: as far from the mean as one in 10,000."""
    own = fits[DEVIATION * FITS : (DEVIATION + 1) * FITS]
    half = value_at(own, BAND_LEVEL) * distance
    band[0] = mean - half
    band[1] = mean + half
