"""How odd a trade is for its own venue.

A severity s of 2 or more says that 1 in 10^s trades of the symbol is as odd. Among one venue's
trades it may be more or fewer: what is reported off exchange comes late and far off, a dark pool
prints in blocks. So each venue has its own tail of price and size: exceedances over a threshold, as
in `tails`, that are exponential in severity, with a rate and a mean excess of the venue's own. Both
begin as those of all venues. A tape of one venue is judged as if there were none.
"""

from typing import Any

import numpy as np

from tape.codec.array_types import F64
from tape.codec.compiling import part_of_callers
from tape.detection.calibrated.state import (
    OF_VENUE,
    VENUE_FACTS,
    VENUES,
    VENUES_KNOWN,
    CalibratedState,
)
from tape.detection.calibrated.tails import LN_10, MOST, ODD

TRADES = 0
"""Columns of a venue's facts: its trades, then per feature the odd ones (severity 2 and more) and
their excess over 2, in all. Behind the last venue come those of all together."""
ODD_ONES = 1
EXCESS = 2
ALL = VENUES * VENUE_FACTS
FROM = 1.0
"""What is more common is so at every venue."""
WORTH = 30.0
"""Odd trades that the tail of all venues is worth against those of one."""
MOST_RATE = 10.0
MOST_SLOPE = 2.0
"""Rate and mean excess of a venue differ from those of all by these factors at most."""


@part_of_callers
def venue_of(state: CalibratedState, row: int, publisher: int) -> Any:
    """Return where the facts of the publisher's venue begin; a new one is taken in."""
    known = state.counters[row, VENUES_KNOWN]
    nth = 0
    while nth < known and state.venue[row, nth] != publisher:
        nth += 1
    if nth == known and known < VENUES:
        state.venue[row, nth] = publisher
        state.counters[row, VENUES_KNOWN] += 1
    return min(nth, VENUES - 1) * VENUE_FACTS


@part_of_callers
def note_trade(facts: F64, venue: int) -> None:
    """Count a trade."""
    facts[venue + TRADES] += 1.0
    facts[ALL + TRADES] += 1.0


@part_of_callers
def note_odd(facts: F64, venue: int, feature: int, severity: float) -> None:
    """Count an odd trade that is learnt from."""
    if feature < OF_VENUE:
        facts[venue + 2 * feature + ODD_ONES] += 1.0
        facts[venue + 2 * feature + EXCESS] += severity - ODD
        facts[ALL + 2 * feature + ODD_ONES] += 1.0
        facts[ALL + 2 * feature + EXCESS] += severity - ODD


@part_of_callers
def _bounded(ratio: float, most: float) -> Any:
    return min(max(ratio, 1.0 / most), most)


@part_of_callers
def _tail_of(facts: F64, venue: int, feature: int) -> Any:
    """Return what a severity of 2 is at the venue, and how much faster it rises there."""
    odd_ones = facts[venue + 2 * feature + ODD_ONES]
    odd_of_all = facts[ALL + 2 * feature + ODD_ONES]
    due = facts[venue + TRADES] * odd_of_all / facts[ALL + TRADES]
    rate = _bounded((odd_ones + WORTH) / (due + WORTH), MOST_RATE)
    mean_of_all = (facts[ALL + 2 * feature + EXCESS] + WORTH / LN_10) / (odd_of_all + WORTH)
    excess = facts[venue + 2 * feature + EXCESS]
    mean = (excess + WORTH * mean_of_all) / (odd_ones + WORTH)
    return ODD - np.log10(rate), _bounded(mean_of_all / mean, MOST_SLOPE)


@part_of_callers
def told_apart(facts: F64, venue: int, feature: int) -> Any:
    """Return whether the feature is judged by venue: not where all trades are of one."""
    return feature < OF_VENUE and facts[venue + TRADES] != facts[ALL + TRADES]


@part_of_callers
def severity_there(facts: F64, venue: int, feature: int, severity: float) -> Any:
    """Return the severity among the venue's own trades."""
    if severity <= FROM or not told_apart(facts, venue, feature):
        return severity
    begin, slope = _tail_of(facts, venue, feature)
    if severity < ODD:
        return FROM + (severity - FROM) * (begin - FROM) / (ODD - FROM)
    return min(begin + (severity - ODD) * slope, MOST)


@part_of_callers
def severity_everywhere(facts: F64, venue: int, feature: int, severity: float) -> Any:
    """Return the severity among all trades of what has `severity` at the venue, 2 at least."""
    if not told_apart(facts, venue, feature):
        return severity
    begin, slope = _tail_of(facts, venue, feature)
    return ODD + max(severity - begin, 0.0) / slope
