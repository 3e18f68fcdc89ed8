"""Compiled: the number of a name of any length, by hash tables that tell no two names alike."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tape.compiling import compiled, inlined
from tape.scan import I64, U8, UNKNOWN, Slots, find_slot
from tape.words import NONE, load64

SHORT = 16
"""Bytes of a name that fit into two words: one look at a table says all."""

LONG_MAX = 4 * 71
"""Bytes of the longest symbol in UTF-8."""

BYTE_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(9)], np.uint64)
MIX = np.uint64(0xFF51AFD7ED558CCD)
W29, W32, EIGHT = np.uint64(29), np.uint64(32), 8


class NameSlots(NamedTuple):
    """Names by number, and numbers by name.

    `short` has names of up to 16 bytes, padded with zeros; `long` has a hash and the length of
    those that are longer. Name `n` is `text[start[n] : start[n + 1]]`.
    """

    short: Slots
    long: Slots
    text: U8
    start: I64


@inlined
def two_words(data: U8, at: int, length: int) -> tuple[np.uint64, np.uint64]:
    """Return up to 16 bytes as two words, padded with zeros."""
    low = load64(data, at) & BYTE_MASKS[min(length, 8)]
    return low, load64(data, at + 8) & BYTE_MASKS[min(max(length - 8, 0), 8)]


@compiled
def same_text(data: U8, at: int, other: U8, start: int, length: int) -> bool:
    """Return whether so many bytes are the same, here and there."""
    for n in range(0, length - length % EIGHT, EIGHT):
        if load64(data, at + n) != load64(other, start + n):
            return False
    n = length - length % EIGHT
    return bool((load64(data, at + n) ^ load64(other, start + n)) & BYTE_MASKS[length - n] == NONE)


@compiled
def long_hash(data: U8, at: int, length: int) -> np.uint64:
    """Return a number for the bytes of a name; other names may have it, too."""
    mixed = np.uint64(length) * MIX
    for n in range(0, length, EIGHT):
        word = load64(data, at + n) & BYTE_MASKS[min(length - n, EIGHT)]
        mixed = (mixed ^ word) * MIX
        mixed ^= mixed >> W29
    return mixed


@compiled
def find_long(names: NameSlots, data: U8, at: int, length: int) -> int:
    """Return the slot of a name of more than 16 bytes, or the free one where it belongs."""
    slots, mixed = names.long, long_hash(data, at, length)
    mask = np.uint64(len(slots.number) - 1)
    slot = (mixed >> W32) & mask
    while slots.number[slot] != UNKNOWN:
        if slots.low[slot] == mixed and slots.high[slot] == np.uint64(length):
            start = names.start[slots.number[slot]]
            if same_text(data, at, names.text, start, length):
                break
        slot = (slot + np.uint64(1)) & mask
    return int(slot)


@compiled
def number_of(names: NameSlots, data: U8, at: int, length: int) -> int:
    """Return the number of the name that stands there, or UNKNOWN."""
    if length <= SHORT:
        low, high = two_words(data, at, length)
        return int(names.short.number[find_slot(names.short, low, high)])
    if length > LONG_MAX:
        return UNKNOWN
    return int(names.long.number[find_long(names, data, at, length)])


def empty_slots(size: int) -> Slots:
    """Return a table without an entry; its size is a power of two."""
    numbers: npt.NDArray[np.int32] = np.full(size, UNKNOWN, np.int32)
    return Slots(np.zeros(size, np.uint64), np.zeros(size, np.uint64), numbers)
