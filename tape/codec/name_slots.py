"""Compiled: the number of a name of any length, by hash tables that tell no two names alike."""

from typing import NamedTuple

import numpy as np

from tape.codec.compiling import compiled, inlined
from tape.codec.eight_bytes import NONE, load64
from tape.codec.text import HALF, I64, U8, UNKNOWN, Slots, find_slot, home_of, mixed, word_hash
from tape.model.fields import SYMBOL_MAX

SHORT = 16
"""Bytes of a name that fit into two words: one look at a table says all."""

LONG_MAX = 4 * 71
"""Bytes of the longest symbol in UTF-8."""

NAME_WIDTH = SYMBOL_MAX + 1
"""Room for the text of each name, nine words, so that a number can be given to another one."""

BYTE_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(9)], np.uint64)
EIGHT = 8
"""Bytes of a word."""


class NameSlots(NamedTuple):
    """Names by number, and numbers by name.

    `short` has names of up to 16 bytes, padded with zeros; `long` has a hash and the length of
    those that are longer. Name `n` is `text[NAME_WIDTH * n : ends[n]]`.
    """

    short: Slots
    long: Slots
    text: U8
    ends: I64


@inlined
def two_words(data: U8, at: int, length: int) -> tuple[np.uint64, np.uint64]:
    """Return up to 16 bytes as two words, padded with zeros."""
    low = load64(data, at) & BYTE_MASKS[min(length, 8)]
    return low, load64(data, at + 8) & BYTE_MASKS[min(max(length - 8, 0), 8)]


@compiled
def same_text(data: U8, at: int, other: U8, start: int, length: int) -> bool:
    """Return whether this many bytes are the same, here and there."""
    for n in range(0, length - length % EIGHT, EIGHT):
        if load64(data, at + n) != load64(other, start + n):
            return False
    n = length - length % EIGHT
    return bool((load64(data, at + n) ^ load64(other, start + n)) & BYTE_MASKS[length - n] == NONE)


@compiled
def long_hash(slots: Slots, data: U8, at: int, length: int) -> np.uint64:
    """Return a number for the bytes of a name; other names may have it, too."""
    total = slots.keys[0]
    for n in range(0, length, EIGHT):
        word = load64(data, at + n) & BYTE_MASKS[min(length - n, EIGHT)]
        total += word_hash(word, slots.keys, n // EIGHT)
    return mixed(total)


@compiled
def find_long(names: NameSlots, data: U8, at: int, length: int) -> int:
    """Return the slot of a name of more than 16 bytes, or the free one where it belongs."""
    slots = names.long
    its_hash = long_hash(slots, data, at, length)
    mask = np.uint64(len(slots.number) - 1)
    slot = (its_hash >> HALF) & mask
    while slots.number[slot] != UNKNOWN:
        if slots.low[slot] == its_hash and slots.high[slot] == np.uint64(length):
            start = NAME_WIDTH * slots.number[slot]
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
    if length > SYMBOL_MAX:
        return UNKNOWN
    return int(names.long.number[find_long(names, data, at, length)])


@compiled
def vacate(slots: Slots, slot: int, by_hash: bool) -> None:
    """Empty a slot, and move up what stands behind it only because that place was taken.

    No gravestones: searches stay as short as they were, however often names come and go. With
    `by_hash` the first word of an entry is its hash.
    """
    mask = np.int64(len(slots.number) - 1)
    free = np.int64(slot)
    at = (free + 1) & mask
    while slots.number[at] != UNKNOWN:
        if by_hash:
            home = np.int64(slots.low[at] >> HALF) & mask
        else:
            home = np.int64(home_of(slots, slots.low[at], slots.high[at]))
        if (at - home) & mask >= (at - free) & mask:
            slots.low[free], slots.high[free] = slots.low[at], slots.high[at]
            slots.number[free] = slots.number[at]
            free = at
        at = (at + 1) & mask
    slots.number[free] = UNKNOWN
