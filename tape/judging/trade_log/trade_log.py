"""What the log of a partition holds, what the next commit adds, and what is written whole.

A symbol is written whole when it is new in the store, when its trades since its whole state take
as much as that would, and otherwise in turn: with each record of the log so large a share of the
logged symbols, oldest first, as the record takes of all the trades that a log may hold. So no
trade stays in the log for longer than until that many have come after it.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final, NamedTuple

import numpy as np

from tape.codec.array_types import I64, U8, Bools
from tape.codec.symbols import SymbolTable
from tape.detection.composed import KEPT_BY_ALL, taken
from tape.detection.protocol import DUPLICATE
from tape.model.columns import TradeColumns, joined_columns

WHOLE_TRADES: Final = 1_000
"""Trades since its whole state from which on a symbol is written whole: as records of the log they
take 20 to 30 bytes each, so together about what a whole state takes, 32 KB."""
LOG_TRADES: Final = 4_000_000
"""Trades that the logs of all partitions of a topic may hold. Judging them again takes about as
many microseconds at most when all of it comes to one detector; usually half of them still count."""
OWN_LOG_TRADES: Final = 400_000
"""The same where a detector is not of this program, and may be ten times as slow."""
RECORD_TRADES: Final = 200
"""As many trades a record counts for at least: so the records of a log are bounded, too."""
ROOM_FACTOR: Final = 2
"""How many times as many symbols there is room for when there is too little."""

FREE_PLACES: Final = 16
"""Places that are kept to be used again, beyond as many as there are records that count."""


class Logged(NamedTuple):
    """A record in the store: its number, where it lies, and how many trades it counts for."""

    number: int
    place: int
    weight: int


@dataclass(frozen=True, slots=True)
class Fresh:
    """Trades since the last commit, and for each which detector dropped it, or `KEPT_BY_ALL`."""

    trades: TradeColumns
    dropped_by: U8


class TradeLog:
    """The log of one partition, as far as a judge has to know it.

    Attributes:
        number: of the newest record.
    """

    def __init__(self, symbols: SymbolTable, most_trades: int, number: int = 0) -> None:
        """Have no records yet; `most_trades` may be held."""
        self.number = number
        self._records: deque[Logged] = deque()
        """Those that may count, the oldest first."""
        self._free: list[int] = []
        """Places whose records count no more, the first of them on top."""
        self._next_place = 0
        self._held = 0
        """Sum of the weights of `_records`."""
        self._symbols, self._most = symbols, most_trades
        self._fresh: list[Fresh] = []
        self._since: I64 = np.zeros(0, np.int64)
        """Of each symbol its trades since its whole state."""
        self._first: I64 = np.zeros(0, np.int64)
        """Of each symbol the number of the oldest record that counts for it; 0 if none does."""
        self._is_due: Bools = np.zeros(0, np.bool_)
        """Of each symbol whether some detector has no whole state of it that can be continued."""
        self._credit = 0.0

    def make_room(self) -> None:
        """Have room for all symbols that there are."""
        rows, room = len(self._symbols.names), len(self._since)
        if rows > room:
            more = max(rows, ROOM_FACTOR * room) - room
            self._since, self._first, self._is_due = (
                np.concatenate([one, np.zeros(more, one.dtype)])
                for one in (self._since, self._first, self._is_due)
            )

    def note(self, trades: TradeColumns, outcome: U8, dropped_by: U8 | None) -> None:
        """Note what of a batch was accepted, by the first detector at least."""
        self.make_room()
        wanted = outcome < DUPLICATE if dropped_by is None else dropped_by > 0
        wanted = wanted & (self._since[trades.symbol] < WHOLE_TRADES)
        rows = np.flatnonzero(wanted)
        if not len(rows):
            return
        part = trades if len(rows) == len(trades) else taken(trades, rows)
        self._since += np.bincount(part.symbol, minlength=len(self._since))
        by = np.full(len(part), KEPT_BY_ALL, np.uint8) if dropped_by is None else dropped_by[rows]
        self._fresh.append(Fresh(part, by))

    def forget(self, number: int) -> None:
        """Forget a symbol whose number belongs to another one from now on."""
        self.make_room()
        self._since[number] = self._first[number] = 0
        self._is_due[number] = False

    def hold(self, records: Iterable[tuple[int, int, int]], places: int) -> None:
        """Note the records in the store that count: number, place and trades of each.

        There are as many `places` as are named; what lies at the others of them counts no more.
        """
        self._records = deque(sorted(Logged(n, at, max(t, RECORD_TRADES)) for n, at, t in records))
        self._held = sum(one.weight for one in self._records)
        counted = {one.place for one in self._records}
        self._next_place = places
        self._free = [place for place in range(places) if place not in counted]

    def count(self, numbers: I64, trades: I64, record: int) -> None:
        """Note that a record counts for symbols, with these numbers of trades of each."""
        self._since[numbers] += trades
        first = self._first[numbers]
        self._first[numbers] = np.where(first > 0, np.minimum(first, record), record)

    def set_due(self, number: int) -> None:
        """Have a symbol written whole when it trades next."""
        self._is_due[number] = True

    def whole(self, changed: I64) -> list[int]:
        """Return which symbols are to be written whole, of those changed and of all in turn."""
        self.make_room()
        kept_bytes = self._symbols.kept_bytes_of(changed)
        busy = self._since[changed] >= WHOLE_TRADES
        found = changed[busy | self._is_due[changed] | (kept_bytes == 0)]
        numbers: list[int] = np.union1d(found, self._in_turn(found)).tolist()
        return numbers

    def _in_turn(self, found: I64) -> I64:
        """Return the symbols whose turn it is beside those that were found already."""
        logged = self._first > 0
        logged[found] = False
        waiting = np.flatnonzero(logged)
        fresh = max(sum(len(one.trades) for one in self._fresh), RECORD_TRADES)
        self._credit += len(waiting) * fresh / self._most
        share, overdue = int(self._credit), self._overdue()
        self._credit -= share
        if not (share or overdue):
            return waiting[:0]
        oldest = waiting[np.argsort(self._first[waiting], kind="stable")]
        due = int(np.count_nonzero(self._first[oldest] <= overdue))
        chosen = oldest[: max(share, due)]
        held = np.array([self._symbols.holds(number) for number in chosen.tolist()], np.bool_)
        self._first[chosen[~held]] = 0  # gone, and its state with it
        return chosen[held]

    def _overdue(self) -> int:
        """Return the newest record with more trades behind it than a log may hold, or 0."""
        number, beyond = 0, self._held - self._most
        for one in self._records:
            if beyond <= 0:
                break
            number, beyond = one.number, beyond - one.weight
        return number

    def take(self, numbers: I64) -> Fresh:
        """Return the trades of these symbols since the last commit; all others are forgotten."""
        fresh, self._fresh = self._fresh, []
        wanted = np.zeros(len(self._since), np.bool_)
        wanted[numbers] = True
        rows = [wanted[one.trades.symbol] for one in fresh]
        parts = [
            taken(one.trades, np.flatnonzero(some)) for one, some in zip(fresh, rows, strict=True)
        ]
        by = [one.dropped_by[some] for one, some in zip(fresh, rows, strict=True)]
        return Fresh(joined_columns(parts), np.concatenate([np.zeros(0, np.uint8), *by]))

    def written_whole(self, numbers: list[int]) -> None:
        """Note that symbols have been written whole."""
        self._since[numbers] = self._first[numbers] = 0
        self._is_due[numbers] = False

    def add(self, numbers: I64, trades: int) -> int:
        """Note a new record, its symbols and trades; returns the place where it is to lie."""
        self.number += 1
        self._first[numbers[self._first[numbers] == 0]] = self.number
        self._release()
        if self._free:
            place = heappop(self._free)
        else:
            place, self._next_place = self._next_place, self._next_place + 1
        self._records.append(Logged(self.number, place, max(trades, RECORD_TRADES)))
        self._held += self._records[-1].weight
        return place

    def surplus(self) -> list[int]:
        """Return places to be deleted, where far more lie free than records count."""
        kept = FREE_PLACES + len(self._records)
        if len(self._free) <= kept:
            return []
        self._free.sort()  # a sorted list is a heap
        gone, self._free = self._free[kept:], self._free[:kept]
        return gone

    def _release(self) -> None:
        """Let go of records that count no more; of the newest of them others may count less."""
        first = self._first[self._first > 0]
        needed = int(first.min()) if len(first) else self.number + 1
        while self._records and self._records[0].number < needed:
            gone = self._records.popleft()
            self._held -= gone.weight
            heappush(self._free, gone.place)
