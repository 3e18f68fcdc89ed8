"""Symbols by number: the numbers are rows in the detector's arrays."""

import numpy as np

from tape.name_slots import SHORT, NameSlots, empty_slots, find_long, long_hash, two_words
from tape.rejected import Rejected
from tape.scan import Slots, find_slot
from tape.words import PADDING


class SymbolTable:
    """Gives each symbol the next number when it is first seen.

    Attributes:
        names: the symbols; a symbol's number is its position.
        capacity: most symbols that are taken; input is hostile and each one costs memory.
        found: the same in the form in which compiled code looks names up.
    """

    def __init__(self, capacity: int = 50_000) -> None:
        self.names: list[str] = []
        self.capacity = capacity
        self.found = NameSlots(
            empty_slots(1_024),
            empty_slots(16),
            np.zeros(1_024 + PADDING, np.uint8),
            np.zeros(129, np.int64),
        )
        self._numbers: dict[str, int] = {}
        self._long = 0

    def number(self, symbol: str) -> int | Rejected:
        """Return the number of `symbol`, a new one if there is room for it."""
        number = self._numbers.get(symbol)
        if number is not None:
            return number
        if len(self.names) >= self.capacity:
            return Rejected("symbol_unknown", f"more than {self.capacity} symbols (MAX_SYMBOLS)")
        number = len(self.names)
        self._numbers[symbol] = number
        self.names.append(symbol)
        self._write(symbol.encode(), number)
        self._put(number)
        return number

    def _write(self, name: bytes, number: int) -> None:
        """Append a name to the text of all."""
        found = self.found
        start = int(found.start[number])
        end = start + len(name)
        if end + PADDING > len(found.text):
            more = np.zeros(max(len(found.text), len(name)), np.uint8)
            found = found._replace(text=np.concatenate([found.text, more]))
        if number + 2 > len(found.start):
            more_starts = np.zeros(len(found.start), np.int64)
            found = found._replace(start=np.concatenate([found.start, more_starts]))
        found.text[start:end] = np.frombuffer(name, np.uint8)
        found.start[number + 1] = end
        self.found = found

    def _put(self, number: int) -> None:
        """Make a name findable that is written."""
        start, end = self.found.start[number : number + 2].tolist()
        self._long += end - start > SHORT
        short = len(self.names) - self._long
        if 2 * short > len(self.found.short.number):  # at most half full keeps searches short
            self.found = self.found._replace(short=_larger(self.found.short))
        if 2 * self._long > len(self.found.long.number):
            self.found = self.found._replace(long=_larger_by_hash(self.found.long))
        found = self.found
        if end - start <= SHORT:
            low, high = map(np.uint64, two_words(found.text, start, end - start))
            slots, slot = found.short, find_slot(found.short, low, high)
        else:
            low = np.uint64(long_hash(found.text, start, end - start))
            high = np.uint64(end - start)
            slots, slot = found.long, find_long(found, found.text, start, end - start)
        slots.low[slot], slots.high[slot], slots.number[slot] = low, high, number


def _larger(old: Slots) -> Slots:
    """Return a table of four times the size with what the old one has."""
    slots = empty_slots(4 * len(old.number))
    for n in np.flatnonzero(old.number >= 0).tolist():
        slot = find_slot(slots, old.low[n], old.high[n])
        slots.low[slot], slots.high[slot] = old.low[n], old.high[n]
        slots.number[slot] = old.number[n]
    return slots


def _larger_by_hash(old: Slots) -> Slots:
    """Return a larger table of long names: all in the old one are different."""
    slots = empty_slots(4 * len(old.number))
    mask = len(slots.number) - 1
    for n in np.flatnonzero(old.number >= 0).tolist():
        slot = int(old.low[n]) >> 32 & mask
        while slots.number[slot] >= 0:
            slot = (slot + 1) & mask
        slots.low[slot], slots.high[slot] = old.low[n], old.high[n]
        slots.number[slot] = old.number[n]
    return slots
