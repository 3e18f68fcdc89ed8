"""The calibrated profile's memory: one array per field with a row per symbol."""

from typing import Final, NamedTuple

import numpy as np

from tape.codec.array_types import F32, F64, I32, I64, U8, U16, U64
from tape.detection.duplicates import ACCEPTED, no_rings

VERSION: Final = 8
"""Version of this layout in a blob's header; the one before had one limit, and tails by venue."""
FEATURES: Final = 6
"""What a trade is measured by: `tape.detection.calibrated.features`."""
PRICES: Final = 3
"""The first of them are of the price, the next one is the size, the last two are of the feed."""
DEVIATION: Final = 0
"""Places of the features in whatever has one place each."""
JUMP: Final = 1
TEN_TRADES: Final = 2
SIZE: Final = 3
STUCK: Final = 4
SIGNED_VOLUME: Final = 5
DISTANCE: Final = FEATURES + 1
"""Behind the features and one place for severities: how far the price is from the median of the
last nine, in parts of that."""
FAMILIES: Final = 3
"""Kinds of what is odd, each with a limit of its own: price, size, feed."""
OF_PRICE: Final = 0
"""Places of the families in what is kept by family."""
OF_SIZE: Final = 1
OF_FEED: Final = 2
TAILS: Final = 7
"""One tail per feature, and one for the largest of the six severities, whose own tail is longer."""
BINS: Final = 128
"""Classes of a tail's histogram: an eighth of an octave each, or an eighth of a unit."""
LOCAL: Final = 60
"""Prices of the trimmed local mean (Brownlees & Gallo 2006, who recommend 40 to 80)."""
FLOW_TIMES: Final = 256
"""Distinct times that the signed volume of 10 ms looks back over, at most."""

VENUES: Final = 24
"""Venues of a symbol that are told apart; all further ones share the last place."""
VENUE_FACTS: Final = 2
"""What is known of a venue: `tape.detection.calibrated.venues`."""

DAY: Final = 11
"""Columns of `counters` beyond those of the duplicates: day in New York since 1970."""
LAST_TIME: Final = 12
"""The symbol's clock: time of the last trade that is not doubted."""
LAST_SIZE: Final = 13
LAST_SIDE: Final = 14
LAST_PRICE: Final = 15
HELD: Final = 16
"""Prices in the local window."""
PLACE: Final = 17
"""Where the next price goes in `prices`."""
AWAY: Final = 18
"""Trades in a row far above (positive) or below (negative) the local mean."""
OLD_LEFT: Final = 19
"""Trades for which the level before the last shift is still ordinary."""
FLOW_FIRST: Final = 20
FLOW_NEXT: Final = 21
DIRECTION: Final = 22
"""Sign of the last change of price, for trades without a side (Lee & Ready 1991)."""
REOPENED: Final = 23
"""Time of the first trade after a halt while its next ones come; else 0."""
VENUES_KNOWN: Final = 24
DOUBTED: Final = 25
"""What the last trade may begin, whose time is far from the clock; see `halts`."""
DOUBTED_TIME: Final = 26
DOUBTED_DAY: Final = 27
DOUBTED_HELD: Final = 28
"""1 if its price was taken up."""
FLOW_DOUBTED: Final = 29
"""1 while the last time of the signed volume is far from those before."""
ALERT_LEFT: Final = 30
"""Trades for which further flags belong to the alert that is open; a column a family, as of what
follows."""
EVENT_LEFT: Final = ALERT_LEFT + FAMILIES
"""Trades for which further flags belong to the event that is open."""
EVENT: Final = EVENT_LEFT + FAMILIES
"""Whether that event counts for the limit."""
COUNTERS: Final = EVENT + FAMILIES
"""Columns of `counters`."""

BIPOWER: Final = 0
"""Columns of `levels`: mean product of neighbouring absolute returns; the others follow."""
LAST_RETURN: Final = 1
SPREAD: Final = 2
"""Mean absolute deviation from the trimmed mean, dollars."""
USUAL_SIZE: Final = 3
"""Running median of the size, shares."""
RUN: Final = 4
"""How unlikely the stuck run is so far: -log of its chance, in nats."""
FLOW: Final = 5
"""Signed volume of the last 10 ms, in usual lots."""
ANCHOR: Final = 6
"""Last price that was no jump, dollars."""
OLD_LEVEL: Final = 7
"""Local mean before the last shift, dollars."""
SPACING: Final = 8
"""Mean time between trades, ns."""
PROGRESS: Final = 9
"""Share of the trading day that had passed by the clock."""
MOVE: Final = 10
"""Mean absolute return of the trades that have one."""
REPEATS: Final = 11
"""Chance that a trade at a later time repeats the one before: of other sizes, and of 100 shares."""
DOUBTED_PROGRESS: Final = 13
"""Share of the trading day at the doubted trade's time."""
MOVED: Final = 14
"""Mean absolute change of the price over the trades that have one, dollars."""
LIMIT: Final = 15
"""Severity from which on a trade is flagged; a column a family, as of what follows."""
STRONG: Final = LIMIT + FAMILIES
"""How many far outliers may still count for the limit."""
CHARGED: Final = STRONG + FAMILIES
"""By how much the open event has raised the limit."""
FIND_FROM: Final = CHARGED + FAMILIES
"""Severity from which on the open event is a find."""
LEVELS: Final = FIND_FROM + FAMILIES
"""Columns of `levels`."""

THRESHOLD: Final = 0
"""Columns of `fits`, a tail: value beyond which the generalised Pareto begins; others follow."""
LEVEL: Final = 1
"""Severity of the threshold itself."""
SCALE: Final = 2
SHAPE: Final = 3
MEDIAN: Final = 4
SEEN: Final = 5
"""Values learnt, older ones counting less."""
CREDIT: Final = 6
"""How many values of severity 2, of 3, and of 4 or more may still be learnt; three columns."""
FITS: Final = 9
"""Columns of `fits`."""


class CalibratedState(NamedTuple):
    """State of all symbols."""

    counters: I64
    levels: F64
    prices: F64
    in_order: F64
    flow_time: I64
    flow_lots: F64
    fits: F64
    bins: F32
    venue: I32
    venue_facts: F64
    ring: U64
    newest: I64
    ring_head: U16
    ring_next: U16
    indexed: I64
    dirty: U8


def calibrated_state() -> CalibratedState:
    """Return the state of no symbols."""
    return CalibratedState(
        counters=np.zeros((0, COUNTERS), np.int64),
        levels=np.zeros((0, LEVELS), np.float64),
        prices=np.zeros((0, LOCAL), np.float64),
        in_order=np.zeros((0, LOCAL), np.float64),
        flow_time=np.zeros((0, FLOW_TIMES), np.int64),
        flow_lots=np.zeros((0, FLOW_TIMES), np.float64),
        fits=np.zeros((0, TAILS * FITS), np.float64),
        bins=np.zeros((0, TAILS * BINS), np.float32),
        venue=np.zeros((0, VENUES), np.int32),
        venue_facts=np.zeros((0, (VENUES + 1) * VENUE_FACTS), np.float64),
        dirty=np.zeros((0, 1), np.uint8),
        **no_rings(),
    )


def check(counters: I64) -> bool:
    """Return whether counters of a kept state may be those of a symbol."""
    return bool(
        counters[ACCEPTED] >= 0
        and 0 <= counters[HELD] <= LOCAL
        and 0 <= counters[PLACE] < LOCAL
        and 0 <= counters[VENUES_KNOWN] <= VENUES
    )
