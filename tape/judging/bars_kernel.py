"""Adds a batch of trades of any symbols to bars of one second, in one compiled call.

A symbol holds its last few seconds, so that a trade that comes a little late lands in its own. The
oldest makes room for a new one, and is done with: trades of its second, or of one before it, are
too late for a bar and counted. What is said depends on a symbol's own trades and their order, not
on how they are cut into batches.
"""

from typing import Final

import numpy as np

from tape.codec.array_types import F64, I32, I64, U8
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.protocol import DUPLICATE

SECOND_NS: Final = 1_000_000_000
HELD: Final = 4
"""Seconds with trades that a symbol holds: clocks of venues differ by less than one, and a single
wrong time far ahead takes one place and leaves three."""

SECOND: Final = 0
"""Columns of a bar. Since 1970."""
FIRST: Final = 1
"""Time of the first trade, ns; of the last one; of the last one that has a band."""
LAST: Final = 2
BAND: Final = 3
OPEN: Final = 4
"""Prices in 1e-9 dollars."""
HIGH: Final = 5
LOW: Final = 6
CLOSE: Final = 7
LOWER: Final = 8
UPPER: Final = 9
VOLUME: Final = 10
"""Shares."""
TRADES: Final = 11
"""0 of a place that is free."""
FLAGGED: Final = 12
NEW: Final = 13
"""1 if the bar has changed since it was told last."""
BAR_COLUMNS: Final = 14
DONE: Final = HELD * BAR_COLUMNS
"""Column of a symbol's row: the last second that is done with."""
COLUMNS: Final = DONE + 1
"""Of a symbol's row."""

NO_SECOND: Final = -(2**62)
"""Before any."""
NO_BAND: Final = -(2**63)
"""Stands for a time and for prices that there are none of."""
MICROS: Final = 1_000_000
"""Bands are told in millionths of a dollar: they are estimates."""

EMPTY: Final = np.zeros(COLUMNS, np.int64)
"""The row of a symbol that has not traded."""
EMPTY[DONE] = NO_SECOND


@part_of_callers
def _place(row: I64, second: int, finished: I64, made: int, symbol: int) -> tuple[int, int]:
    """Return where a second's bar stands, -1 if it is done with, and how many bars are finished."""
    free = -1
    oldest = -1
    for at in range(0, DONE, BAR_COLUMNS):
        if row[at + TRADES] == 0:
            free = at
        elif row[at + SECOND] == second:
            return at, made
        elif oldest < 0 or row[at + SECOND] < row[oldest + SECOND]:
            oldest = at
    if second <= row[DONE]:
        return -1, made
    if free < 0:
        if second < row[oldest + SECOND]:  # it would be the oldest itself, and done with at once
            return -1, made
        if row[oldest + NEW] == 1:
            for column in range(BAR_COLUMNS):
                finished[made, column] = row[oldest + column]
            finished[made, BAR_COLUMNS] = symbol
            made += 1
        row[DONE] = row[oldest + SECOND]
        free = oldest
    row[free + SECOND] = second
    row[free + TRADES] = 0
    return free, made


@uncounted
def add_to_bars(
    symbol: I32,
    ts_event_ns: I64,
    price_nanos: I64,
    size: I64,
    outcome: U8,
    rules: U8,
    lower: F64,
    upper: F64,
    rows: I64,
    finished: I64,
) -> tuple[int, int]:
    """Add all trades of a batch, but for duplicates; return bars finished, and trades too late.

    `finished` gets the bars that made room and have news, each with its symbol behind it.
    `lower` and `upper` are dollars, NaN where no band is known; or empty where none ever is.
    """
    made = 0
    too_late = 0
    has_bands = lower.shape[0] > 0
    for i in range(symbol.shape[0]):
        if outcome[i] >= DUPLICATE:
            continue
        row = rows[symbol[i]]
        time_ns = ts_event_ns[i]
        at, made = _place(row, time_ns // SECOND_NS, finished, made, symbol[i])
        if at < 0:
            too_late += 1
            continue
        price = price_nanos[i]
        if row[at + TRADES] == 0:
            row[at + FIRST] = time_ns
            row[at + LAST] = time_ns
            row[at + BAND] = NO_BAND
            row[at + OPEN] = price
            row[at + HIGH] = price
            row[at + LOW] = price
            row[at + CLOSE] = price
            row[at + LOWER] = NO_BAND
            row[at + UPPER] = NO_BAND
            row[at + VOLUME] = 0
            row[at + FLAGGED] = 0
        else:
            if time_ns < row[at + FIRST]:
                row[at + FIRST] = time_ns
                row[at + OPEN] = price
            if time_ns >= row[at + LAST]:
                row[at + LAST] = time_ns
                row[at + CLOSE] = price
            row[at + HIGH] = max(row[at + HIGH], price)
            row[at + LOW] = min(row[at + LOW], price)
        row[at + VOLUME] += size[i]
        row[at + TRADES] += 1
        row[at + NEW] = 1
        if rules[i] != 0:
            row[at + FLAGGED] += 1
        if has_bands and lower[i] == lower[i] and time_ns >= row[at + BAND]:
            row[at + BAND] = time_ns
            row[at + LOWER] = round(lower[i] * MICROS)
            row[at + UPPER] = round(upper[i] * MICROS)
    return made, too_late
