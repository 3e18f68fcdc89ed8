"""Symbols by number: the numbers are rows in the detector's arrays."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from tape.codec.eight_bytes import PADDING
from tape.codec.name_slots import (
    NAME_WIDTH,
    SHORT,
    NameSlots,
    find_long,
    long_hash,
    two_words,
    vacate,
)
from tape.codec.places import (
    ASLEEP,
    COLUMNS,
    KEPT_BYTES,
    LAST,
    LIMITS,
    SEEN,
    Limits,
    Place,
    Queue,
    touch,
)
from tape.codec.text import HALF, I64, UNKNOWN, Slots, empty_slots, find_slot
from tape.model.partitions import Partition
from tape.model.rejected import Rejected

ROOM: Final = 64
"""Symbols that a new table has room for."""


class SymbolTable:
    """Gives each symbol a number when it is first seen, for as long as it holds a place.

    The number of a symbol that lost its place goes to another one, but only after the batch: until
    then the trades before that record still mean the old symbol by it.

    Attributes:
        names: the symbols by number; of a number that nobody has, the one that had it last.
        capacity: most symbols at a time.
        found: the same in the form in which compiled code looks names up.
        clock: records of the batches so far.
        renewed: numbers that went from one symbol to another in the last batch.
        woken: numbers whose kept state is wanted for the first time in the last batch.
        forgotten: how many symbols have lost their places.
        of: the partition whose symbols these are; None takes those of any.
    """

    def __init__(
        self, capacity: int = 50_000, limits: Limits = LIMITS, of: Partition | None = None
    ) -> None:
        self.of = of
        self.names: list[str] = []
        self.capacity = capacity
        self.found = NameSlots(
            empty_slots(1_024),
            empty_slots(16),
            np.zeros(ROOM * NAME_WIDTH + PADDING, np.uint8),
            np.zeros(ROOM, np.int64),
        )
        self.clock = 0
        self.renewed: list[int] = []
        self.woken: list[int] = []
        self.forgotten = 0
        self._limits = limits
        self._numbers: dict[str, int] = {}
        self._long = 0
        self._rows: I64 = np.zeros((ROOM, COLUMNS), np.int64)
        self._queue: Queue | None = None
        self._free: list[int] = []
        self._given_up: list[int] = []
        self._noted = 0
        self._kept_clock = 0
        self._gone: set[str] = set()
        self._woken: I64 = np.zeros(0, np.int64)

    @property
    def held(self) -> int:
        """Return how many symbols hold a place."""
        return len(self._numbers)

    @property
    def kept_bytes(self) -> int:
        """Return the bytes of all their states in the store."""
        return int(self._rows[:, KEPT_BYTES].sum())

    def number(self, symbol: str) -> int | Rejected:
        """Return the number of `symbol`, a new one if a place is free."""
        number = self._numbers.get(symbol)
        if number is not None:
            return number
        if len(self._numbers) >= self.capacity:
            return Rejected(
                "symbol_unknown",
                f"more than {self.capacity} symbols at a time; raise MAX_SYMBOLS",
            )
        return self._take(symbol, self.clock)

    def known(self, symbol: str) -> int:
        """Return the number of a symbol that holds a place, else `UNKNOWN`."""
        return self._numbers.get(symbol, UNKNOWN)

    def begin(self) -> None:
        """Begin a batch: numbers that were given up in the one before may be used again."""
        self._free += self._given_up
        self._given_up.clear()
        self.renewed.clear()
        self.woken.clear()

    def replace(
        self, symbol: str, column: npt.NDArray[np.int32], row: int
    ) -> tuple[int, int] | None:
        """Return the number of a symbol that takes the place of another one, and the other's.

        `column` has the numbers of the batch's symbols, right up to `row`, where the new one
        stands. None if nobody gives up a place.
        """
        record = self.clock + row + 1
        if self._queue is None:
            self.note(column, row)
            self._queue = Queue(self._limits, self._numbers, self._rows)
        if not self._queue.may_give(record):
            return None
        self.note(column, row)
        found = self._queue.take(record, self._rows)
        if found is None:
            return None
        name, other = found
        self._give_up(name, other)
        number = self._take(symbol, record)
        self._queue.add(record, symbol, number)
        return number, other

    def note(self, column: npt.NDArray[np.int32], end: int) -> None:
        """Note the symbols of a batch's records, as far as `end`; negative ones are none."""
        count = touch(self._rows, column, self.clock, self._noted, end, self._woken)
        self._noted = end
        if count:
            self.woken += self._woken[:count].tolist()

    def end(self, column: npt.NDArray[np.int32]) -> None:
        """End a batch: note the rest of it, and how many records have come."""
        self.note(column, len(column))
        self.clock += len(column)
        self._noted = 0

    def resume(self, clock: int, places: Iterable[Place]) -> None:
        """Begin with the places and the clock of an earlier run."""
        for symbol, last, seen, size in places:
            if symbol not in self._numbers:
                number = self._take(symbol, last)
                self._rows[number] = last, seen, size, 1
                clock = max(clock, last)
        self.clock = self._kept_clock = clock
        self._woken = np.zeros(len(self._numbers), np.int64)

    def wake(self, number: int) -> None:
        """Note that a symbol's kept state has been taken up."""
        self._rows[number, ASLEEP] = 0

    def place_at(self, numbers: I64, last_record: I64, trades_seen: I64) -> None:
        """Note what came of symbols after their states were kept."""
        self._rows[numbers, LAST] = last_record
        self._rows[numbers, SEEN] = trades_seen

    def holds(self, number: int) -> bool:
        """Return whether the symbol that had a number last has it still."""
        return self._numbers.get(self.names[number]) == number

    def changed(self) -> list[int]:
        """Return the symbols with records since the last call."""
        numbers: list[int] = np.flatnonzero(self._rows[:, LAST] > self._kept_clock).tolist()
        self._kept_clock = self.clock
        return numbers

    def place(self, number: int) -> tuple[int, int]:
        """Return a symbol's last record and how many trades it had."""
        last, seen = self._rows[number, LAST : SEEN + 1].tolist()
        return last, seen

    def places(self, numbers: I64) -> tuple[I64, I64]:
        """Return of symbols their last records and how many trades they had."""
        return self._rows[numbers, LAST], self._rows[numbers, SEEN]

    def kept_bytes_of(self, numbers: I64) -> I64:
        """Return the bytes of symbols' states in the store, 0 of one that has none there."""
        found: I64 = self._rows[numbers, KEPT_BYTES]
        return found

    def note_kept(self, number: int, size: int) -> None:
        """Note that a symbol's state is in the store."""
        self._rows[number, KEPT_BYTES] = size

    def gone(self) -> list[str]:
        """Return the symbols that have state in the store and no place, since the last call."""
        gone = sorted(self._gone - self._numbers.keys())
        self._gone.clear()
        return gone

    def _take(self, symbol: str, last: int) -> int:
        """Give a symbol a number; one that was in use before if there is any."""
        if self._free:
            number = self._free.pop()
            self.names[number] = symbol
            self.renewed.append(number)
        else:
            number = len(self.names)
            self.names.append(symbol)
            if number == len(self._rows):
                self._grow()
        self._numbers[symbol] = number
        self._rows[number] = last, 0, 0, 0
        self._put(symbol.encode(), number)
        return number

    def _give_up(self, symbol: str, number: int) -> None:
        """Forget a symbol."""
        found, length = self.found, len(symbol)
        if length <= SHORT:
            low, high = map(np.uint64, two_words(found.text, NAME_WIDTH * number, length))
            vacate(found.short, find_slot(found.short, low, high), False)
        else:
            slot = find_long(found, found.text, NAME_WIDTH * number, length)
            vacate(found.long, slot, True)
            self._long -= 1
        del self._numbers[symbol]
        if self._rows[number, KEPT_BYTES]:
            self._gone.add(symbol)
        self._rows[number] = 0
        self._given_up.append(number)
        self.forgotten += 1

    def _grow(self) -> None:
        """Have room for twice as many symbols."""
        self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        more = np.zeros(len(self.found.text) - PADDING, np.uint8)
        self.found = self.found._replace(
            text=np.concatenate([self.found.text, more]),
            ends=np.concatenate([self.found.ends, np.zeros_like(self.found.ends)]),
        )

    def _put(self, name: bytes, number: int) -> None:
        """Make a name findable."""
        start, length = NAME_WIDTH * number, len(name)
        self.found.text[start : start + length] = np.frombuffer(name, np.uint8)
        self.found.ends[number] = start + length
        self._long += length > SHORT
        short = len(self._numbers) - self._long
        if 2 * short > len(self.found.short.number):  # at most half full keeps searches short
            self.found = self.found._replace(short=_larger(self.found.short))
        if 2 * self._long > len(self.found.long.number):
            self.found = self.found._replace(long=_larger_by_hash(self.found.long))
        found = self.found
        if length <= SHORT:
            low, high = map(np.uint64, two_words(found.text, start, length))
            slots, slot = found.short, find_slot(found.short, low, high)
        else:
            low = np.uint64(long_hash(found.long, found.text, start, length))
            high = np.uint64(length)
            slots, slot = found.long, find_long(found, found.text, start, length)
        slots.low[slot], slots.high[slot], slots.number[slot] = low, high, number


def _larger(old: Slots) -> Slots:
    """Return a table of four times the size with what the old one has."""
    slots = empty_slots(4 * len(old.number))._replace(keys=old.keys)
    for n in np.flatnonzero(old.number >= 0).tolist():
        slot = find_slot(slots, old.low[n], old.high[n])
        slots.low[slot], slots.high[slot] = old.low[n], old.high[n]
        slots.number[slot] = old.number[n]
    return slots


def _larger_by_hash(old: Slots) -> Slots:
    """Return a larger table of long names: all in the old one are different."""
    slots = empty_slots(4 * len(old.number))._replace(keys=old.keys)
    mask = len(slots.number) - 1
    for n in np.flatnonzero(old.number >= 0).tolist():
        slot = int(old.low[n]) >> int(HALF) & mask
        while slots.number[slot] >= 0:
            slot = (slot + 1) & mask
        slots.low[slot], slots.high[slot] = old.low[n], old.high[n]
        slots.number[slot] = old.number[n]
    return slots
