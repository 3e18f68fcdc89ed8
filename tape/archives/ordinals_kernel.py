"""Compiled: the number of each trade among its equals in a file, so that no two look like one.

Equal trades of one symbol have the same publisher, time, sequence, price, size and side. A file's
last 1,024 trades of each symbol are remembered, so as many as the detector remembers.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tape.codec.compiling import compiled, uncounted
from tape.codec.eight_bytes import U64
from tape.codec.row_fields import (
    MESSAGE,
    PRICE,
    PUBLISHER,
    SEQUENCE,
    SIDE,
    SIZE,
    SYMBOL,
    TS_EVENT,
    Rows,
)
from tape.codec.text import I64

REMEMBERED = 1_024
"""Trades of a symbol that are looked back over for equal ones: as many as the detector
remembers."""
LEAST = 16
"""Trades of a symbol that there is room for at first; most symbols trade rarely."""

LANES = 8
"""Publishers of a symbol are known by their number's last bits: each has its own clock."""

MIX, MORE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD)
W29, W32, W40 = np.uint64(29), np.uint64(32), np.uint64(40)

I32 = npt.NDArray[np.int32]


class Memory(NamedTuple):
    """The last trades of each symbol of a file.

    By symbol: how many `trades` so far, `room` for the last ones from `start` on in `mixed` and
    `ordinal`. By symbol and lane: the `newest` time, and which trade was the first that had it
    (`since`): nothing that came before that one can be equal to one that has it, too. `used` is
    how much of `mixed` and `ordinal` is given away.
    """

    trades: I64
    room: I64
    start: I64
    newest: I64
    since: I64
    mixed: U64
    ordinal: I32
    used: I64


def empty_memory(symbols: int = 16, room: int = 4_096) -> Memory:
    """Return a memory of nothing, with room for this many symbols and trades."""
    return Memory(
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.int64),
        np.zeros((symbols, LANES), np.int64),
        np.zeros((symbols, LANES), np.int64),
        np.zeros(room, np.uint64),
        np.zeros(room, np.int32),
        np.zeros(1, np.int64),
    )


@uncounted
def _mixed(value: I64) -> np.uint64:
    """Return a number for all that identifies a trade of a symbol."""
    h = np.uint64(value[TS_EVENT]) * MIX
    h = (h ^ (h >> W32) ^ np.uint64(value[PRICE])) * MORE
    rest = np.uint64(value[SIZE]) ^ (np.uint64(value[SIDE]) << W32)
    h = (h ^ (h >> W29) ^ rest ^ (np.uint64(value[PUBLISHER]) << W40)) * MIX
    h = (h ^ (h >> W32) ^ np.uint64(value[SEQUENCE])) * MORE
    return h ^ (h >> W29)


@uncounted
def _grown(memory: Memory, symbol: int) -> bool:
    """Give a symbol whose room is full eight times as much; returns whether there was any."""
    old = memory.room[symbol]
    larger = max(8 * old, LEAST)
    start = memory.used[0]
    if start + larger > len(memory.mixed):
        return False
    for n in range(old):  # so far nothing was overwritten: they lie in their order
        memory.mixed[start + n] = memory.mixed[memory.start[symbol] + n]
        memory.ordinal[start + n] = memory.ordinal[memory.start[symbol] + n]
    memory.start[symbol], memory.room[symbol] = start, larger
    memory.used[0] += larger
    return True


@uncounted
def _last_equal(memory: Memory, symbol: int, mixed: np.uint64, first: int) -> int:
    """Return the ordinal of the last equal trade from the `first` one on, or -1."""
    start, mask = memory.start[symbol], memory.room[symbol] - 1
    n = memory.trades[symbol]
    first = max(first, n - memory.room[symbol])
    if n - first > LEAST:  # a loop without branches finds out four times as fast
        found = False
        for place in range(start, start + min(n, memory.room[symbol])):
            found |= memory.mixed[place] == mixed
        if not found:
            return -1
    while n > first:
        n -= 1
        if memory.mixed[start + (n & mask)] == mixed:
            return int(memory.ordinal[start + (n & mask)])
    return -1


@compiled
def count_equal(rows: Rows, n: int, memory: Memory, ordinals: I32) -> int:
    """Fill the ordinals of the messages from row `n` on; returns where it stopped.

    It stops behind the last row, or where the memory has no room for a symbol's trades.
    """
    while n < len(rows.fate):
        if rows.fate[n] == MESSAGE:
            value = rows.values[n]
            symbol, ns = value[SYMBOL], value[TS_EVENT]
            count, lane = memory.trades[symbol], value[PUBLISHER] % LANES
            room = memory.room[symbol]
            if count == room and room < REMEMBERED and not _grown(memory, symbol):
                return n
            mixed = _mixed(value)
            if ns > memory.newest[symbol, lane]:
                memory.newest[symbol, lane], memory.since[symbol, lane] = ns, count
            else:
                same = ns == memory.newest[symbol, lane]
                first = memory.since[symbol, lane] if same else 0
                ordinals[n] = _last_equal(memory, symbol, mixed, first) + 1
            place = memory.start[symbol] + (count & (memory.room[symbol] - 1))
            memory.mixed[place], memory.ordinal[place] = mixed, ordinals[n]
            memory.trades[symbol] = count + 1
        n += 1
    return n


class Ordinals:
    """Counts equal trades of one file, chunk by chunk."""

    def __init__(self) -> None:
        self._memory = empty_memory()

    def of(self, rows: Rows, symbols: int) -> I32:
        """Return the ordinal of each row, 0 of those that are no messages.

        `symbols` is how many of them the file has had so far.
        """
        ordinals = np.zeros(len(rows.fate), np.int32)
        while symbols > len(self._memory.trades):
            self._widen()
        at = 0
        while (at := count_equal(rows, at, self._memory, ordinals)) < len(ordinals):
            memory = self._memory
            self._memory = memory._replace(
                mixed=np.append(memory.mixed, np.zeros_like(memory.mixed[::2])),
                ordinal=np.append(memory.ordinal, np.zeros_like(memory.ordinal[::2])),
            )
        return ordinals

    def _widen(self) -> None:
        """Make room for twice as many symbols."""
        by_symbol = ("trades", "room", "start", "newest", "since")
        wider = {}
        for name in by_symbol:
            column = getattr(self._memory, name)
            wider[name] = np.concatenate([column, np.zeros_like(column)])
        self._memory = self._memory._replace(**wider)
