"""Follows the episodes of a batch of trades of any symbols, in one compiled call.

A symbol costs one row of integers; a trade that is not flagged, with no episode open, costs the
note of its price and of its time.
"""

from typing import Any, Final

import numpy as np

from tape.codec.array_types import I32, I64, U8, Bools
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.protocol import DUPLICATE
from tape.model.rules import MOST_RULES

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS

QUIET_NS: Final = 1_800 * SECOND_NS
"""Up to this time after the last flag the very next trade belongs to the episode: in a quiet stock
a misprint and its return are minutes apart. Half an hour is a stock of thirteen trades a day."""
GAP_NS: Final = 290 * SECOND_NS
"""A trading pause is five minutes at least (Limit Up-Limit Down plan)."""
GAP_SPACINGS: Final = 50
"""This many times the usual time between trades is a gap and no quiet hour, as in `calibrated`."""
NIGHT_NS: Final = 6 * 3_600 * SECOND_NS
"""Nights last eight hours at least, from 20:00 to 4:00 in New York."""
FIRST_NS: Final = 10 * SECOND_NS
"""First seconds: on days of NVDA and SPY `calibrated` flags 6 of 10,000 trades between one and ten
seconds after the bell (otherwise 4), the classic rules 380 (143), and both fewer than usual later.
"""
FIRST_TRADES: Final = 100
"""Of a symbol: what is usual for it is not known before."""
SPACING_SHIFT: Final = 7
SPACING_TRADES: Final = 1 << SPACING_SHIFT
"""The usual time between trades looks back about as many trades."""

NO_PRICE: Final = -(2**63)
"""Stands for a price that there is none of: zero and less are prices."""

ORDINARY: Final = 0
"""Columns of a symbol's row. Price of its last trade without a flag, in 1e-9 dollars."""
FLAGS: Final = 1
"""Flagged trades of the open episode; 0 while none is open, and then what follows `CLOSED_COLUMNS`
is old."""
TRADES: Final = 2
"""Trades so far."""
NEWEST: Final = 3
"""Time of the last trade; 0 before there was one."""
SPACING: Final = 4
"""Usual time between two trades, ns."""
BROKEN: Final = 5
"""JUST_AFTER_GAP or JUST_AFTER_NIGHT in the first seconds after one; else 0."""
SINCE: Final = 6
"""Time of the first trade after that; what it is else does not count."""
CLOSED_COLUMNS: Final = 7
"""As many are kept while no episode is open."""
FIRST_TIME: Final = 7
FIRST_SEQUENCE: Final = 8
FIRST_PRICE: Final = 9
FIRST_SIZE: Final = 10
FIRST_SIDE: Final = 11
LAST_TIME: Final = 12
LAST_SEQUENCE: Final = 13
BEFORE: Final = 14
"""Price of the last trade without a flag before the episode."""
EXTREME: Final = 15
"""Price of the flagged trade farthest from the price before."""
AFTER: Final = 16
"""Price of the last trade without a flag since the last flag."""
FIRST_PUBLISHER: Final = 17
FIRST_ORDINAL: Final = 18
FIRST_SHARED: Final = 19
"""1 where another trade has the first one's time and sequence."""
SINCE_FLAG: Final = 20
"""Trades since the last flag."""
AWAY: Final = 21
"""Trades at least half as far from the price before as the extreme was when they came. An extreme
more than twice as far begins the count again."""
BY_RULE: Final = 22
"""From here on: flagged trades by rule, a column for each bit of `Verdicts.rules`."""
RULE_BITS: Final = MOST_RULES
COLUMNS: Final = BY_RULE + RULE_BITS
"""Rules that have a column, and columns of a row."""

EMPTY: Final = np.zeros(COLUMNS, np.int64)
"""The row of a symbol that has not traded."""
EMPTY[[ORDINARY, BEFORE, AFTER]] = NO_PRICE

OPENED: Final = 0
EXTENDED: Final = 1
CLOSED: Final = 2
"""Kinds of steps, in the order of `tape.model.episode.STATES`."""

AMONG_FIRST: Final = 1
JUST_AFTER_GAP: Final = 2
JUST_AFTER_NIGHT: Final = 4
"""Bits of `circumstances`."""


@part_of_callers
def _written(made: int, i: int, kind: int, own: I64, steps: I64, copies: I64) -> int:
    steps[made, 0] = i
    steps[made, 1] = kind
    for column in range(COLUMNS):
        copies[made, column] = own[column]
    return made + 1


@part_of_callers
def _note_time(own: I64, time_ns: int) -> Any:
    """Take up a trade's time, and return in what circumstances it came."""
    trades = own[TRADES]
    newest = own[NEWEST]
    own[TRADES] = trades + 1
    own[NEWEST] = time_ns
    among_first = AMONG_FIRST if trades < FIRST_TRADES else 0
    if newest == 0:
        return among_first
    gap_ns = time_ns - newest
    most = GAP_SPACINGS * own[SPACING]
    if gap_ns >= GAP_NS and gap_ns >= most:
        own[BROKEN] = JUST_AFTER_NIGHT if gap_ns >= NIGHT_NS else JUST_AFTER_GAP
        own[SINCE] = time_ns
    elif own[BROKEN] != 0 and not 0 <= time_ns - own[SINCE] < FIRST_NS:
        own[BROKEN] = 0
    counted = min(max(gap_ns, 0), max(most, SECOND_NS), NIGHT_NS)
    if trades < SPACING_TRADES:
        own[SPACING] += (counted - own[SPACING]) // trades
    else:
        own[SPACING] += (counted - own[SPACING]) >> SPACING_SHIFT
    return own[BROKEN] | among_first


@part_of_callers
def _begin(
    own: I64,
    time_ns: int,
    price: int,
    size: int,
    side: int,
    publisher: int,
    sequence: int,
    ordinal: int,
    shared: bool,
) -> None:
    """Open an episode with its first trade."""
    own[FIRST_TIME] = time_ns
    own[FIRST_SEQUENCE] = sequence
    own[FIRST_PRICE] = price
    own[FIRST_SIZE] = size
    own[FIRST_SIDE] = side
    own[FIRST_PUBLISHER] = publisher
    own[FIRST_ORDINAL] = ordinal
    own[FIRST_SHARED] = shared
    own[BEFORE] = own[ORDINARY]
    own[EXTREME] = price
    own[AWAY] = 0
    for bit in range(RULE_BITS):
        own[BY_RULE + bit] = 0


@part_of_callers
def _note_price(own: I64, price: int, flagged: bool) -> None:
    """Take up a price of the open episode; the extreme is one of a flagged trade."""
    start = own[BEFORE] if own[BEFORE] != NO_PRICE else own[FIRST_PRICE]
    far = abs(price - start)
    farthest = abs(own[EXTREME] - start)
    if flagged and far > farthest:
        if far > 2 * farthest:
            own[AWAY] = 0
        own[EXTREME] = price
        farthest = far
    if farthest > 0 and 2 * far >= farthest:
        own[AWAY] += 1


@uncounted
def follow_batch(
    symbol: I32,
    publisher_id: I32,
    ts_event_ns: I64,
    price_nanos: I64,
    size: I64,
    side: U8,
    sequence: I64,
    ordinal: I32,
    outcome: U8,
    rules: U8,
    shared: Bools,
    gap_ns: int,
    rows: I64,
    steps: I64,
    copies: I64,
    circumstances: U8,
) -> int:
    """Follow all trades of a batch; return how many steps were written.

    A step is a trade's position in the batch and OPENED, EXTENDED or CLOSED; `copies` holds the
    symbol's row as it was then. A flagged trade makes one step, and one more if it comes so late
    that it closes an episode first. `circumstances` gets bits for each trade; 0 for a duplicate.
    """
    made = 0
    for i in range(symbol.shape[0]):
        circumstances[i] = 0
        if outcome[i] >= DUPLICATE:
            continue
        own = rows[symbol[i]]
        price = price_nanos[i]
        time_ns = ts_event_ns[i]
        circumstances[i] = _note_time(own, time_ns)
        flagged = rules[i] != 0
        if own[FLAGS] > 0:
            away_ns = abs(time_ns - own[LAST_TIME])
            if away_ns > gap_ns and not (own[SINCE_FLAG] == 0 and away_ns <= QUIET_NS):
                if own[AFTER] == NO_PRICE and time_ns // DAY_NS == own[LAST_TIME] // DAY_NS:
                    own[AFTER] = price
                made = _written(made, i, CLOSED, own, steps, copies)
                own[FLAGS] = 0
            else:
                own[SINCE_FLAG] += 1
                _note_price(own, price, flagged)
        if not flagged:
            own[ORDINARY] = price
            own[AFTER] = price
            continue
        if own[FLAGS] == 0:
            _begin(
                own,
                time_ns,
                price,
                size[i],
                side[i],
                publisher_id[i],
                sequence[i],
                ordinal[i],
                shared[i],
            )
            _note_price(own, price, flagged)
        own[FLAGS] += 1
        own[LAST_TIME] = time_ns
        own[LAST_SEQUENCE] = sequence[i]
        own[AFTER] = NO_PRICE
        own[SINCE_FLAG] = 0
        for bit in range(RULE_BITS):
            own[BY_RULE + bit] += (rules[i] >> bit) & 1
        kind = OPENED if own[FLAGS] == 1 else EXTENDED
        made = _written(made, i, kind, own, steps, copies)
    return made
