"""Who holds a place among the symbols that are judged, and who has to give it up.

Input is hostile and each symbol costs memory, so only a limited number is judged at a time. Whose
place a new symbol takes depends on the records of its partition alone, one after the other: not
on how they are batched, not on when the detector was started.

1. While a place is free, a new symbol takes it.
2. Else it takes the place of the symbol that has been silent the longest among those that are not
   established, if that is at least `silent_records`; else of the one among the established ones,
   if that is at least `gone_records`.
3. Else its record is rejected.

This is a segmented LRU (R. Karedla, J. S. Love, B. G. Wherry, "Caching strategies to improve disk
system performance", IEEE Computer 27(3), 1994) with times in records. A flood of names takes the
places of one another: a symbol that has traded is safe from it. Whoever makes many symbols trade
often enough to be established loses their places a day after.
"""

from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tape.codec.compiling import compiled
from tape.codec.text import I64

ESTABLISHED_TRADES: Final = 100
"""Trades from which on a symbol is established: few names of a flood come that often."""
SILENT_RECORDS: Final = 1_000
"""At most REJECTED_RUN_MAX by default: before the breaker trips over a flood, places are free."""
GONE_RECORDS: Final = 10_000_000
"""About a trading day of a quarter of the US market, so of one of four partitions."""

LAST: Final = 0
"""Columns of a symbol's row: number of its last record in the partition, from 1 on."""
SEEN: Final = 1
"""Its trades so far, duplicates too."""
KEPT_BYTES: Final = 2
"""Length of its state in the store; 0 if it has none there."""
ASLEEP: Final = 3
"""1 while its state lies in the store and was not taken up since the start."""
COLUMNS: Final = 4
"""Of a row, all of the above."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on a symbol is established, and how long it must be silent to lose its place."""

    established_trades: int = ESTABLISHED_TRADES
    silent_records: int = SILENT_RECORDS
    gone_records: int = GONE_RECORDS

    def __post_init__(self) -> None:
        assert 0 < self.silent_records <= self.gone_records  # noqa: S101


LIMITS: Final = Limits()
"""Those of the apps; tests take smaller ones."""


class Place(NamedTuple):
    """A symbol that holds a place, as it is kept: last record, trades seen, bytes of its state."""

    symbol: str
    last_record: int
    trades_seen: int
    kept_bytes: int


@compiled
def touch(
    rows: I64, symbol: npt.NDArray[np.int32], clock: int, start: int, end: int, woken: I64
) -> int:
    """Note records of a batch, whose first is the one after `clock`, with their symbols.

    A negative number is no symbol. Returns how many symbols that were asleep are in `woken`.
    """
    count = 0
    for n in range(start, end):
        number = symbol[n]
        if number < 0:
            continue
        rows[number, LAST] = clock + n + 1
        rows[number, SEEN] += 1
        if rows[number, ASLEEP]:
            rows[number, ASLEEP] = 0
            woken[count] = number
            count += 1
    return count


class Queue:
    """The symbols in the order in which they lose their places, once all places are taken.

    Two heaps by last record. An entry may be older than what is known by now; it is brought up
    to date when it comes to the top, so that all of it costs no more than the records themselves.
    Only symbols of a state from before there were places share a last record, 0: of these the
    first by name goes first.
    """

    def __init__(self, limits: Limits, names: dict[str, int], rows: I64) -> None:
        self._limits = limits
        self._new: list[tuple[int, str, int]] = []
        self._established: list[tuple[int, str, int]] = []
        for name, number in names.items():
            entry = (int(rows[number, LAST]), name, number)
            established = rows[number, SEEN] >= limits.established_trades
            (self._established if established else self._new).append(entry)
        heapify(self._new)
        heapify(self._established)

    def add(self, record: int, name: str, number: int) -> None:
        """Take in a symbol that has just come."""
        heappush(self._new, (record, name, number))

    def may_give(self, record: int) -> bool:
        """Return whether a place may be free for this record: without a look at the rows."""
        limits = self._limits
        return any(
            queue and record - queue[0][0] >= silent
            for queue, silent in (
                (self._new, limits.silent_records),
                (self._established, limits.gone_records),
            )
        )

    def take(self, record: int, rows: I64) -> tuple[str, int] | None:
        """Return and remove the symbol that gives its place to this record's, if one does.

        `rows` must say what all the records before this one have changed.
        """
        limits = self._limits
        new, established = self._new, self._established
        while new and record - new[0][0] >= limits.silent_records:
            last, name, number = new[0]
            now = int(rows[number, LAST])
            if rows[number, SEEN] >= limits.established_trades:
                heappop(new)
                heappush(established, (now, name, number))
            elif now != last:
                heapreplace(new, (now, name, number))
            else:
                heappop(new)
                return name, number
        while established and record - established[0][0] >= limits.gone_records:
            last, name, number = established[0]
            now = int(rows[number, LAST])
            if now == last:
                heappop(established)
                return name, number
            heapreplace(established, (now, name, number))
        return None
