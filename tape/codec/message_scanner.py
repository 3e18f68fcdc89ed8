"""A compiled scan of messages in exactly the form that `tape.model.trade.encode` writes.

What it takes goes straight into columns; what it does not take, it leaves to
`tape.model.trade.decode`, so that the answer is always that function's.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tape.codec.compiling import compiled, inlined
from tape.codec.eight_bytes import NONE, PADDING, U8, U64, load64, time_ns
from tape.codec.name_slots import (
    BYTE_MASKS,
    SHORT,
    NameSlots,
    number_of,
    same_text,
    two_words,
)
from tape.codec.text import BAD, Slots, find_slot, scan_integer, scan_price
from tape.model.fields import I32_MAX, U8_MAX, U16_MAX, U32_MAX

I64 = npt.NDArray[np.int64]

_NAMES = (
    b'{"ts_recv":"',
    b'","ts_event":"',
    b'","rtype":',
    b',"publisher_id":',
    b',"instrument_id":',
    b',"action":"T","side":"',
    b'","depth":',
    b',"price":',
    b',"size":',
    b',"flags":',
    b',"ts_in_delta":',
    b',"sequence":',
    b',"symbol":"',
    b'"}',
    b'","ordinal":',
)
TEXT = np.frombuffer(b"".join(_NAMES), np.uint8).copy()
AT = np.cumsum([0, *map(len, _NAMES)])
END, ORDINAL = 13, 14
"""Which of the texts end a message, and which lead on to an ordinal."""

_WORDS = 3
"""The longest of these texts has 22 bytes."""

_LINE = (*_NAMES[:END], _NAMES[END] + b"\n", _NAMES[ORDINAL])
_LINE_END = np.uint64(int.from_bytes(b"}\n", "little"))
LENGTHS = np.array([len(name) for name in _LINE])
TEXTS = np.array(
    [np.frombuffer(name.ljust(8 * _WORDS, b"\0"), np.uint64) for name in _LINE], np.uint64
)
MASKS = np.array(
    [np.frombuffer((b"\xff" * len(name)).ljust(8 * _WORDS, b"\0"), np.uint64) for name in _LINE],
    np.uint64,
)
NEWLINE = 10
QUOTE = 34
LONG = -2
"""Stands for a name of more than 16 bytes until it is looked up."""


class Scanned(NamedTuple):
    """Columns to fill, one entry per message.

    `symbol` is UNKNOWN where the name is new, and where nothing was filled.
    """

    taken: npt.NDArray[np.bool_]
    symbol: npt.NDArray[np.int32]
    publisher_id: npt.NDArray[np.int32]
    ts_event_ns: I64
    price_nanos: I64
    size: I64
    side: U8
    sequence: I64
    ordinal: npt.NDArray[np.int32]


@inlined
def _expect(data: U8, at: int, part: int) -> int:
    """Return the position behind the `part`-th fixed text, or BAD."""
    if at == BAD:
        return BAD
    different = (load64(data, at) ^ TEXTS[part, 0]) & MASKS[part, 0]
    if LENGTHS[part] > 8:
        different |= (load64(data, at + 8) ^ TEXTS[part, 1]) & MASKS[part, 1]
    if LENGTHS[part] > 16:
        different |= (load64(data, at + 16) ^ TEXTS[part, 2]) & MASKS[part, 2]
    return int(at + LENGTHS[part]) if different == NONE else BAD


@compiled
def _scan_one(
    data: U8, at: int, keys: U8, key: int, short: Slots, last_day: U64, out: Scanned, n: int
) -> int:
    """Fill row `n` from one message; returns the position behind its line end, or BAD."""
    end = len(data) - PADDING
    at = _expect(data, at, 0)
    if at == BAD or at + 30 > end or time_ns(data, at, last_day) == BAD:
        return BAD
    at = _expect(data, at + 30, 1)
    if at == BAD or at + 30 > end:
        return BAD
    ts_event_ns = time_ns(data, at, last_day)
    if ts_event_ns == BAD:
        return BAD
    at = _expect(data, at + 30, 2)
    _, at = scan_integer(data, at, end, U8_MAX)
    at = _expect(data, at, 3)
    publisher_id, at = scan_integer(data, at, end, U16_MAX)
    at = _expect(data, at, 4)
    _, at = scan_integer(data, at, end, U32_MAX)
    at = _expect(data, at, 5)
    if at == BAD:
        return BAD
    side = data[at]
    if side != 65 and side != 66 and side != 78:
        return BAD
    at = _expect(data, at + 1, 6)
    _, at = scan_integer(data, at, end, U8_MAX)
    at = _expect(data, at, 7)
    price_nanos, at = scan_price(data, at, end)
    at = _expect(data, at, 8)
    size, at = scan_integer(data, at, end, U32_MAX)
    at = _expect(data, at, 9)
    _, at = scan_integer(data, at, end, U8_MAX)
    at = _expect(data, at, 10)
    if at != BAD and data[at] == 45:
        at += 1
    _, at = scan_integer(data, at, end, I32_MAX)
    at = _expect(data, at, 11)
    sequence, at = scan_integer(data, at, end, U32_MAX)
    symbol = _expect(data, at, 12)
    symbol_end = _string_end(data, symbol)
    at, ordinal = _expect(data, symbol_end, END), 0
    if at == BAD:
        ordinal, at = scan_integer(data, _expect(data, symbol_end, ORDINAL), end, I32_MAX)
        if at == BAD or load64(data, at) & BYTE_MASKS[2] != _LINE_END:
            return BAD
        at += 2
    if size == 0:
        return BAD
    length = symbol_end - symbol
    if length <= SHORT:
        low, high = two_words(data, symbol, length)
        key_low, key_high = two_words(keys, key, length)
        if low != key_low or high != key_high:
            return BAD
        number = int(short.number[find_slot(short, low, high)])
    else:
        if key + length >= len(keys) - PADDING or not same_text(data, symbol, keys, key, length):
            return BAD
        number = LONG
    if keys[key + length] != NEWLINE:
        return BAD
    out.symbol[n] = number
    out.publisher_id[n] = publisher_id
    out.ts_event_ns[n] = ts_event_ns
    out.price_nanos[n] = price_nanos
    out.size[n] = size
    out.side[n] = side
    out.sequence[n] = sequence
    out.ordinal[n] = ordinal
    return at


@inlined
def _string_end(data: U8, at: int) -> int:
    """Return where the quote behind a text stands, or BAD; names that are known have no others.

    What is no name need not be found here: it is in no table.
    """
    if at == BAD:
        return BAD
    while data[at] != QUOTE:
        if data[at] < 32:
            return BAD
        at += 1
    return at


@inlined
def _next_line(data: U8, at: int) -> int:
    while data[at] != NEWLINE:
        at += 1
    return at + 1


@compiled
def scan(data: U8, keys: U8, names: NameSlots, out: Scanned) -> None:
    """Fill `out` from messages, a line each, and their keys; `taken` says which were canonical.

    Both texts must hold as many lines as `out` has rows, and PADDING bytes behind them.
    """
    last_day = np.zeros(3, np.uint64)
    at, key = 0, 0
    for n in range(len(out.taken)):
        behind = _scan_one(data, at, keys, key, names.short, last_day, out, n)
        out.taken[n] = behind != BAD
        at = _next_line(data, at) if behind == BAD else behind
        after = _next_line(keys, key)
        if out.taken[n] and out.symbol[n] == LONG:  # the key is the name
            out.symbol[n] = number_of(names, keys, key, after - 1 - key)
        key = after
