"""Compiled: what a file's trades amount to, one pass, a fixed amount of memory a symbol."""

from typing import NamedTuple

import numpy as np

from tape.codec.compiling import compiled, uncounted
from tape.codec.row_fields import (
    DAY_NS,
    FLAGS,
    PRICE,
    PUBLISHER,
    SEQUENCE,
    SIDE,
    SIZE,
    SYMBOL,
    TS_EVENT,
)
from tape.codec.text import I64, U8, UNKNOWN, Slots, find_slot
from tape.model.fields import NANOS

TRADES, SHARES, LOW, HIGH, SMALLEST, LARGEST, FIRST_NS, LAST_NS = 0, 1, 2, 3, 4, 5, 6, 7
TIME_BACK, TIME_BACK_MOST, TIME_BACK_FIRST, PAUSE_NS, PAUSE_FROM = 8, 9, 10, 11, 12
SYMBOL_FACTS = 13
"""What is kept of each symbol; prices in 1e-9 dollars, times and spans in ns.

`TIME_BACK` counts the trades behind a later one of the symbol, `TIME_BACK_MOST` by how much at
most, `TIME_BACK_FIRST` when first; a pause is between two trades of one session.
"""

LAST_SEQUENCE, SEEN_NS, BACK, BACK_FIRST, REPEATS, GAPS, LEFT_OUT, WIDEST, RESTARTS = range(9)
FEED_FACTS = 9
"""What is kept of the sequence of each symbol and publisher.

`BACK` counts steps backward, `REPEATS` steps of nothing, `GAPS` those of more than one, `LEFT_OUT`
the numbers in them, `WIDEST` the most in one; a step backward after an hour is a new day's start.
"""

FIRST_DAY, DAYS = 10_956, 36_527
"""1999-12-31 to 2100-01-01, in days since 1970: no trade lies outside, wherever the exchange."""

SECONDS = 86_400
"""Seconds of a day: trades are counted by each."""
RESTART_NS = 3_600 * NANOS
"""A sequence that steps back after an hour without a record begins a new day."""
NOT_KNOWN = -1
"""Stands for an offset of New York's clock that was not asked for yet."""


class Tally(NamedTuple):
    """A file's counts.

    `symbols` and `feeds` have a row each, `feed_slots` finds a feed by (symbol, publisher),
    `counts` has how many feeds there are. `days` counts trades by the exchange's day, and those in
    its session; `hours` has the session of each, `offsets` by UTC day how far the exchange's clock
    is ahead of UTC, NOT_KNOWN until it is asked for. `second_of` says for which second a place of
    `in_second` counts, `peak` the highest count and its second.
    """

    symbols: I64
    feeds: I64
    feed_slots: Slots
    counts: I64
    days: I64
    hours: I64
    offsets: I64
    second_of: I64
    in_second: I64
    peak: I64
    sides: I64
    flags: U8


@compiled
def _feed_of(tally: Tally, symbol: int, publisher: int) -> int:
    """Return the row of a feed, a new one if needed, or UNKNOWN if there is no room for it."""
    slots = tally.feed_slots
    slot = find_slot(slots, np.uint64(symbol), np.uint64(publisher))
    number = slots.number[slot]
    if number == UNKNOWN:
        number = tally.counts[0]
        if number == len(tally.feeds):
            return UNKNOWN
        slots.low[slot], slots.high[slot] = np.uint64(symbol), np.uint64(publisher)
        slots.number[slot] = number
        tally.counts[0] += 1
        tally.feeds[number, LAST_SEQUENCE] = -1
    return int(number)


@uncounted
def _count_step(feeds: I64, n: int, sequence: int, ns: int) -> None:
    last = feeds[n, LAST_SEQUENCE]
    step = sequence - last
    if last >= 0:
        if step < 0 and ns - feeds[n, SEEN_NS] >= RESTART_NS:
            feeds[n, RESTARTS] += 1
        elif step < 0:
            if feeds[n, BACK] == 0:
                feeds[n, BACK_FIRST] = ns
            feeds[n, BACK] += 1
        elif step == 0:
            feeds[n, REPEATS] += 1
        elif step > 1:
            feeds[n, GAPS] += 1
            feeds[n, LEFT_OUT] += step - 1
            feeds[n, WIDEST] = max(feeds[n, WIDEST], step - 1)
    feeds[n, LAST_SEQUENCE], feeds[n, SEEN_NS] = sequence, ns


@uncounted
def _count_symbol(
    facts: I64, n: int, price: int, size: int, ns: int, opened: int, closed: int
) -> None:
    if facts[n, TRADES] == 0:
        facts[n, LOW], facts[n, HIGH] = price, price
        facts[n, SMALLEST], facts[n, LARGEST] = size, size
        facts[n, FIRST_NS], facts[n, LAST_NS] = ns, ns
    facts[n, TRADES] += 1
    facts[n, SHARES] += size
    facts[n, LOW], facts[n, HIGH] = min(facts[n, LOW], price), max(facts[n, HIGH], price)
    facts[n, SMALLEST] = min(facts[n, SMALLEST], size)
    facts[n, LARGEST] = max(facts[n, LARGEST], size)
    facts[n, FIRST_NS] = min(facts[n, FIRST_NS], ns)
    previous = facts[n, LAST_NS]
    if ns < previous:
        if facts[n, TIME_BACK] == 0:
            facts[n, TIME_BACK_FIRST] = ns
        facts[n, TIME_BACK] += 1
        facts[n, TIME_BACK_MOST] = max(facts[n, TIME_BACK_MOST], previous - ns)
        return
    facts[n, LAST_NS] = ns
    if opened <= previous and ns <= closed and ns - previous > facts[n, PAUSE_NS]:
        facts[n, PAUSE_NS], facts[n, PAUSE_FROM] = ns - previous, previous


@compiled
def count_trades(values: I64, start: int, tally: Tally) -> int:
    """Count trades from row `start` on; returns where it stopped.

    It stops behind the last row, at a day whose session is not known, and where there is no room
    for another feed. Every symbol must have its row in `tally.symbols`.
    """
    symbols, feeds, days = tally.symbols, tally.feeds, tally.days
    hours, offsets = tally.hours, tally.offsets
    sides, flags, peak = tally.sides, tally.flags, tally.peak
    second_of, in_second = tally.second_of, tally.in_second
    feed, feed_symbol, feed_publisher = UNKNOWN, UNKNOWN, UNKNOWN
    for n in range(start, len(values)):
        ns, symbol, publisher = values[n, TS_EVENT], values[n, SYMBOL], values[n, PUBLISHER]
        offset = offsets[ns // DAY_NS - FIRST_DAY]
        if offset == NOT_KNOWN:
            return n
        day = (ns + offset) // DAY_NS - FIRST_DAY
        opened, closed = hours[day, 0], hours[day, 1]
        if symbol != feed_symbol or publisher != feed_publisher:
            feed, feed_symbol, feed_publisher = (
                _feed_of(tally, symbol, publisher),
                symbol,
                publisher,
            )
            if feed == UNKNOWN:
                return n
        _count_step(feeds, feed, values[n, SEQUENCE], ns)
        _count_symbol(symbols, symbol, values[n, PRICE], values[n, SIZE], ns, opened, closed)
        days[day, 0] += 1
        days[day, 1] += 1 if opened <= ns <= closed else 0
        sides[values[n, SIDE]] += 1
        flags[values[n, FLAGS]] = 1
        second = ns // NANOS
        place = second % SECONDS
        if second_of[place] != second:
            second_of[place], in_second[place] = second, 0
        in_second[place] += 1
        if in_second[place] > peak[0]:
            peak[0], peak[1] = in_second[place], second
    return len(values)
