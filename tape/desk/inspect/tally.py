"""The counts of one file, grown as symbols come, and the auctions that were seen."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tape.archives import ColumnBatch
from tape.codec.row_fields import DAY_NS, PRICE, SIDE, SIZE, SYMBOL, TS_EVENT
from tape.codec.text import I64, UNKNOWN, empty_slots, find_slot
from tape.desk.inspect.counting_kernel import (
    DAYS,
    FEED_FACTS,
    FIRST_DAY,
    NOT_KNOWN,
    SECONDS,
    SYMBOL_FACTS,
    Tally,
    count_trades,
)
from tape.market.calendar import Sessions
from tape.market.day import AUCTION_SHARES, LARGE_SHARES, NEAR_NS, SLOW_NS

Bell = Literal["opening", "closing"]


@dataclass(frozen=True, slots=True)
class Print:
    """One trade: ns since 1970, 1e-9 dollars, shares."""

    ts_event_ns: int
    price_nanos: int
    size: int


class FileTally:
    """Counts the trades of one file; memory grows with symbols and publishers, not with trades."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.names: list[bytes] = []
        self.prints: dict[tuple[int, int, Bell], Print] = {}
        self.tally = Tally(
            symbols=np.zeros((16, SYMBOL_FACTS), np.int64),
            feeds=np.zeros((16, FEED_FACTS), np.int64),
            feed_slots=empty_slots(64),
            counts=np.zeros(1, np.int64),
            days=np.zeros((DAYS, 2), np.int64),
            hours=np.zeros((DAYS, 2), np.int64),
            offsets=np.full(DAYS, NOT_KNOWN, np.int64),
            second_of=np.zeros(SECONDS, np.int64),
            in_second=np.zeros(SECONDS, np.int64),
            peak=np.zeros(2, np.int64),
            sides=np.zeros(256, np.int64),
            flags=np.zeros(256, np.uint8),
        )

    def add(self, batch: ColumnBatch) -> None:
        """Count the trades of a batch."""
        self.names = batch.names
        values, done = batch.values, 0
        while len(self.names) > len(self.tally.symbols):
            symbols = self.tally.symbols
            self.tally = self.tally._replace(symbols=np.vstack([symbols, np.zeros_like(symbols)]))
        while True:
            done = count_trades(values, done, self.tally)
            if done == len(values):
                break
            day = int(values[done, TS_EVENT]) // DAY_NS
            if self.tally.offsets[day - FIRST_DAY] == NOT_KNOWN:
                self._learn_day(day)
            else:
                self._grow_feeds()
        self._note_prints(values)

    def feeds(self) -> dict[tuple[int, int], I64]:
        """Return what is known of each (symbol, publisher)."""
        slots = self.tally.feed_slots
        return {
            (int(slots.low[n]), int(slots.high[n])): self.tally.feeds[slots.number[n]]
            for n in np.flatnonzero(slots.number != UNKNOWN).tolist()
        }

    def _learn_day(self, day: int) -> None:
        """Put the clock of a UTC day, and the sessions it can belong to, into the tally."""
        self.tally.offsets[day - FIRST_DAY] = self._sessions.offset_ns(day)
        for local in (day - 1, day, day + 1):
            if 0 <= local - FIRST_DAY < DAYS:
                self.tally.hours[local - FIRST_DAY] = self._sessions.hours(local)

    def _grow_feeds(self) -> None:
        old, feeds = self.tally.feed_slots, self.tally.feeds
        slots = empty_slots(2 * len(old.number))
        for n in np.flatnonzero(old.number != UNKNOWN).tolist():
            slot = find_slot(slots, old.low[n], old.high[n])
            slots.low[slot], slots.high[slot] = old.low[n], old.high[n]
            slots.number[slot] = old.number[n]
        feeds = np.vstack([feeds, np.zeros_like(feeds)])
        self.tally = self.tally._replace(feed_slots=slots, feeds=feeds)

    def _note_prints(self, values: I64) -> None:
        """Keep the largest print without a side at each bell, per symbol and day."""
        large = (values[:, SIDE] == ord("N")) & (values[:, SIZE] >= AUCTION_SHARES)
        for row in values[large].tolist():
            ns, symbol = row[TS_EVENT], row[SYMBOL]
            day = (ns + int(self.tally.offsets[ns // DAY_NS - FIRST_DAY])) // DAY_NS
            opened, closed = self.tally.hours[day - FIRST_DAY].tolist()
            bells: tuple[tuple[Bell, int], ...] = (("opening", opened), ("closing", closed))
            near_ns = SLOW_NS if row[SIZE] >= LARGE_SHARES else NEAR_NS
            for bell, bell_ns in bells:
                if 0 <= ns - bell_ns < near_ns:
                    known = self.prints.get((symbol, day, bell))
                    if known is None or row[SIZE] > known.size:
                        self.prints[symbol, day, bell] = Print(ns, row[PRICE], row[SIZE])
