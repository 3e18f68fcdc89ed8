"""How often each of a symbol's venues trades, and how many of its prices there are odd.

What is reported off exchange comes late and far off, a dark pool prints in blocks. That is told
beside an alert and does not move its severity: a misprint is one wherever it is printed, and the
venue of most misprints would hide them.
"""

from typing import Any

from tape.codec.array_types import F64
from tape.codec.compiling import part_of_callers
from tape.detection.calibrated.state import VENUE_FACTS, VENUES, VENUES_KNOWN, CalibratedState

TRADES = 0
"""Columns of a venue's facts: its trades, and those with a price of severity 3 and more. Behind the
last venue come those of all together."""
ODD_PRICES = 1
ALL = VENUES * VENUE_FACTS
ODD = 3.0
"""Severity from which on a price counts as odd for its venue."""
ENOUGH_ODD = 20.0
"""Odd prices of all venues that say something of one; of fewer, its share is taken for less.
Counted up to 20 a share is right to a quarter or so."""


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
def note_trade(facts: F64, venue: int, of_price: float) -> None:
    """Count a trade, whose price has this severity."""
    facts[venue + TRADES] += 1.0
    facts[ALL + TRADES] += 1.0
    if of_price >= ODD:
        facts[venue + ODD_PRICES] += 1.0
        facts[ALL + ODD_PRICES] += 1.0
