"""The symbols of one file, in the form in which compiled code looks them up."""

from typing import Final

import numpy as np

from tape.archives.plain_fields import DAY_NS, Names
from tape.scan import UNKNOWN, Slots, find_slot
from tape.symbols import SymbolTable
from tape.trade import Trade

NAMES_MAX: Final = 1_000_000


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
        self.compiled = Names(
            self._table.slots,
            _slots(1_024),
            np.zeros(16 * 16, np.uint8),
            np.zeros(16, np.int32),
            np.zeros(16, np.bool_),
        )

    def learn(self, trade: Trade) -> int:
        """Make a trade's symbol, or its instrument of the day, known; returns its number."""
        number = self._table.number(trade.symbol)
        assert isinstance(number, int)  # noqa: S101 - the table is larger than any file's symbols
        if number == len(self.keys):
            self.keys.append(trade.symbol.encode())
            self._grow(number)
            name = np.frombuffer(self.keys[number], np.uint8)
            self.compiled.text[16 * number : 16 * number + len(name)] = name
            self.compiled.length[number] = len(name)
            self.compiled.wanted[number] = not self._wanted or trade.symbol in self._wanted
        if self.by_instrument:
            self._learn_instrument(trade, number)
        return number

    def is_wanted(self, number: int) -> bool:
        """Return whether trades of a symbol are to be sent."""
        return bool(self.compiled.wanted[number])

    def forget_instruments(self) -> None:
        """Let all instruments be looked up anew: one of them has another symbol from here on."""
        slots = self.compiled.instruments
        self.compiled = self.compiled._replace(instruments=_slots(len(slots.number)))
        self._instruments = 0

    def _grow(self, number: int) -> None:
        names = self.compiled
        if number >= len(names.wanted):
            names = names._replace(
                text=np.concatenate([names.text, np.zeros_like(names.text)]),
                length=np.concatenate([names.length, np.zeros_like(names.length)]),
                wanted=np.concatenate([names.wanted, np.zeros_like(names.wanted)]),
            )
        self.compiled = names._replace(slots=self._table.slots)

    def _learn_instrument(self, trade: Trade, number: int) -> None:
        slots = self.compiled.instruments
        if 2 * self._instruments > len(slots.number):  # rare: days × instruments of one file
            slots = _slots(4 * len(slots.number))
            self.compiled = self.compiled._replace(instruments=slots)
            self._instruments = 0
        low, high = np.uint64(trade.instrument_id), np.uint64(trade.ts_event_ns // DAY_NS)
        slot = find_slot(slots, low, high)
        slots.low[slot], slots.high[slot], slots.number[slot] = low, high, number
        self._instruments += 1


def _slots(size: int) -> Slots:
    return Slots(
        np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.full(size, UNKNOWN, np.int32)
    )
