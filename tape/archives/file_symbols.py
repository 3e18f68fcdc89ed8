"""The symbols of one file, in the form in which compiled code looks them up."""

from typing import Final

import numpy as np

from tape.codec.row_fields import DAY_NS, Names
from tape.codec.symbols import SymbolTable
from tape.codec.text import empty_slots, find_slot
from tape.model.trade import Trade

NAMES_MAX: Final = 1_000_000
"""Symbols of one file at most; a file of trades has some 20,000."""


class FileNames:
    """Symbols by number, by name and by instrument and day.

    Attributes:
        keys: the symbols by number, as they stand in messages.
        by_instrument: the file's rows have no symbols of their own.
        compiled: the same for compiled code.
    """

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._table = SymbolTable(NAMES_MAX)
        self._instruments = 0
        self.keys: list[bytes] = []
        self.by_instrument = False
        self.compiled = Names(self._table.found, empty_slots(1_024), np.zeros(16, np.bool_))

    def learn(self, trade: Trade) -> int:
        """Make a trade's symbol, or its instrument of the day, known; returns its number."""
        number = self._table.number(trade.symbol)
        assert isinstance(number, int)  # noqa: S101 - the table is larger than any file's symbols
        if number == len(self.keys):
            self.keys.append(trade.symbol.encode())
            self._grow(number)
            self.compiled.wanted[number] = not self._wanted or trade.symbol in self._wanted
        if self.by_instrument:
            self._learn_instrument(trade, number)
        return number

    def is_wanted(self, number: int) -> bool:
        """Return whether trades of a symbol are to be sent."""
        return bool(self.compiled.wanted[number])

    def forget_instruments(self) -> None:
        """Let all instruments be looked up again: one of them has another symbol from here on."""
        slots = self.compiled.instruments
        self.compiled = self.compiled._replace(instruments=empty_slots(len(slots.number)))
        self._instruments = 0

    def _grow(self, number: int) -> None:
        names = self.compiled
        if number >= len(names.wanted):
            wanted = np.concatenate([names.wanted, np.zeros_like(names.wanted)])
            names = names._replace(wanted=wanted)
        self.compiled = names._replace(table=self._table.found)

    def _learn_instrument(self, trade: Trade, number: int) -> None:
        slots = self.compiled.instruments
        if 2 * self._instruments > len(slots.number):  # rare: days × instruments of one file
            slots = empty_slots(4 * len(slots.number))
            self.compiled = self.compiled._replace(instruments=slots)
            self._instruments = 0
        low, high = np.uint64(trade.instrument_id), np.uint64(trade.ts_event_ns // DAY_NS)
        slot = find_slot(slots, low, high)
        slots.low[slot], slots.high[slot], slots.number[slot] = low, high, number
        self._instruments += 1
