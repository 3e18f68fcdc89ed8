"""Symbols by number: the numbers are rows in the detector's arrays."""

import numpy as np

from tape.rejected import Rejected
from tape.scan import UNKNOWN, Slots, find_slot, packed


class SymbolTable:
    """Gives each symbol the next number when it is first seen.

    Attributes:
        names: the symbols; a symbol's number is its position.
        capacity: most symbols that are taken; input is hostile and each one costs memory.
        slots: the same in the form in which compiled code looks names up.
    """

    def __init__(self, capacity: int = 50_000) -> None:
        self.names: list[str] = []
        self.capacity = capacity
        self.slots = _empty_slots(1_024)
        self._numbers: dict[str, int] = {}

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
        if 2 * len(self.names) > len(self.slots.number):  # at most half full keeps searches short
            self.slots = _empty_slots(4 * len(self.slots.number))
            for known, name in enumerate(self.names):
                self._put(name, known)
        else:
            self._put(symbol, number)
        return number

    def _put(self, symbol: str, number: int) -> None:
        name = np.frombuffer(symbol.encode(), np.uint8)
        low, high = packed(name, 0, len(name))
        slot = find_slot(self.slots, low, high)
        self.slots.low[slot], self.slots.high[slot] = low, high
        self.slots.number[slot] = number


def _empty_slots(size: int) -> Slots:
    return Slots(
        np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.full(size, UNKNOWN, np.int32)
    )
