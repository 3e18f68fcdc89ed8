"""Follows the episodes of a batch of trades of any symbols, in one compiled call.

A symbol costs one row of integers; a trade that is not flagged, with no episode open, costs the
note of its price.
"""

from typing import Final

import numpy as np

from tape.codec.array_types import I32, I64, U8, Bools
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.protocol import DUPLICATE
from tape.model.rules import MOST_RULES

DAY_NS: Final = 86_400_000_000_000

NO_PRICE: Final = -(2**63)
"""Stands for a price that there is none of: zero and less are prices."""

ORDINARY: Final = 0
"""Columns of a symbol's row. Price of its last trade without a flag, in 1e-9 dollars."""
FLAGS: Final = 1
"""Flagged trades of the open episode; 0 while none is open, and then what follows is old."""
FIRST_TIME: Final = 2
FIRST_SEQUENCE: Final = 3
FIRST_PRICE: Final = 4
FIRST_SIZE: Final = 5
FIRST_SIDE: Final = 6
LAST_TIME: Final = 7
LAST_SEQUENCE: Final = 8
BEFORE: Final = 9
"""Price of the last trade without a flag before the episode."""
EXTREME: Final = 10
"""Price of the flagged trade farthest from the price before."""
AFTER: Final = 11
"""Price of the last trade without a flag since the last flag."""
FIRST_PUBLISHER: Final = 12
FIRST_ORDINAL: Final = 13
FIRST_SHARED: Final = 14
"""1 where another trade has the first one's time and sequence."""
BY_RULE: Final = 15
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


@part_of_callers
def _written(made: int, i: int, kind: int, own: I64, steps: I64, copies: I64) -> int:
    steps[made, 0] = i
    steps[made, 1] = kind
    for column in range(COLUMNS):
        copies[made, column] = own[column]
    return made + 1


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
) -> int:
    """Follow all trades of a batch; return how many steps were written.

    A step is a trade's position in the batch and OPENED, EXTENDED or CLOSED; `copies` holds the
    symbol's row as it was then. A flagged trade makes one step, and one more if it comes so late
    that it closes an episode first.
    """
    made = 0
    for i in range(symbol.shape[0]):
        if outcome[i] >= DUPLICATE:
            continue
        own = rows[symbol[i]]
        price = price_nanos[i]
        if own[FLAGS] > 0 and abs(ts_event_ns[i] - own[LAST_TIME]) > gap_ns:
            if own[AFTER] == NO_PRICE and ts_event_ns[i] // DAY_NS == own[LAST_TIME] // DAY_NS:
                own[AFTER] = price
            made = _written(made, i, CLOSED, own, steps, copies)
            own[FLAGS] = 0
        if rules[i] == 0:
            own[ORDINARY] = price
            own[AFTER] = price
            continue
        if own[FLAGS] == 0:
            own[FIRST_TIME] = ts_event_ns[i]
            own[FIRST_SEQUENCE] = sequence[i]
            own[FIRST_PRICE] = price
            own[FIRST_SIZE] = size[i]
            own[FIRST_SIDE] = side[i]
            own[FIRST_PUBLISHER] = publisher_id[i]
            own[FIRST_ORDINAL] = ordinal[i]
            own[FIRST_SHARED] = shared[i]
            own[BEFORE] = own[ORDINARY]
            own[EXTREME] = price
            for bit in range(RULE_BITS):
                own[BY_RULE + bit] = 0
        start = own[BEFORE] if own[BEFORE] != NO_PRICE else own[FIRST_PRICE]
        if abs(price - start) > abs(own[EXTREME] - start):
            own[EXTREME] = price
        own[FLAGS] += 1
        own[LAST_TIME] = ts_event_ns[i]
        own[LAST_SEQUENCE] = sequence[i]
        own[AFTER] = NO_PRICE
        for bit in range(RULE_BITS):
            own[BY_RULE + bit] += (rules[i] >> bit) & 1
        kind = OPENED if own[FLAGS] == 1 else EXTENDED
        made = _written(made, i, kind, own, steps, copies)
    return made
