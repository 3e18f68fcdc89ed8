"""Compiled scans of single fields: times, numbers, prices; and a hash table."""

import os
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tape.codec.compiling import compiled, inlined
from tape.model.fields import NANOS, PRICE_MAX_NANOS

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]

MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
MONTH_STARTS = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
"""Days of each month of an ordinary year, and days before it; month 0 is none."""

BAD = -1
"""Not in the canonical form; never a position, a number or a time that is allowed."""

UNKNOWN = -1
"""Stands for a symbol without a number."""


KEYS = 19
"""Random words that a name of nine words needs: one, and two for each of its words."""

LOW_HALF = np.uint64(0xFFFFFFFF)
HALF, MIX_SHIFT = np.uint64(32), np.uint64(29)
MIX = np.uint64(0xFF51AFD7ED558CCD)
"""An odd constant that spreads bits: that of MurmurHash3's finaliser, with its top byte set."""


class Slots(NamedTuple):
    """A hash table with open addressing: two words, and the number they stand for.

    `keys` are random words of the table's own: names come from strangers, and by a hash that they
    know they could choose names that all meet in one place. No answer depends on the keys.
    """

    low: npt.NDArray[np.uint64]
    high: npt.NDArray[np.uint64]
    number: npt.NDArray[np.int32]
    keys: npt.NDArray[np.uint64]


def empty_slots(size: int) -> Slots:
    """Return a table without an entry; its size is a power of two."""
    low, high = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    keys = np.frombuffer(os.urandom(8 * KEYS), np.uint64).copy()
    return Slots(low, high, np.full(size, UNKNOWN, np.int32), keys)


@inlined
def word_hash(word: np.uint64, keys: npt.NDArray[np.uint64], nth: int) -> np.uint64:
    """Return what the `nth` word of a name adds to its hash.

    The sum is the multilinear hash of D. Lemire and O. Kaser, "Strongly universal string hashing
    is fast", Computer Journal 57(11), 2014: two names, whichever they are, have the same one for
    at most one in 2**32 choices of the keys.
    """
    low, high = word & LOW_HALF, word >> HALF
    return np.uint64(keys[2 * nth + 1] * low + keys[2 * nth + 2] * high)


@inlined
def mixed(total: np.uint64) -> np.uint64:
    """Return a hash whose upper half depends on all of the bits."""
    return (total ^ (total >> MIX_SHIFT)) * MIX


@inlined
def home_of(slots: Slots, low: np.uint64, high: np.uint64) -> np.uint64:
    """Return the slot where two words belong if nothing is in the way."""
    total = slots.keys[0] + word_hash(low, slots.keys, 0) + word_hash(high, slots.keys, 1)
    return (mixed(total) >> HALF) & np.uint64(len(slots.number) - 1)


@compiled
def find_slot(slots: Slots, low: np.uint64, high: np.uint64) -> int:
    """Return the slot of two words, or the free one where they belong."""
    mask = np.uint64(len(slots.number) - 1)
    slot = home_of(slots, low, high)
    while slots.number[slot] != UNKNOWN and (slots.low[slot] != low or slots.high[slot] != high):
        slot = (slot + np.uint64(1)) & mask
    return int(slot)


@compiled
def scan_digits(data: U8, at: int, count: int) -> int:
    """Return the number that `count` digits make, or BAD."""
    value = 0
    for n in range(at, at + count):
        digit = int(data[n]) - 48
        if digit < 0 or digit > 9:
            return BAD
        value = value * 10 + digit
    return value


@compiled
def scan_integer(data: U8, at: int, end: int, largest: int) -> tuple[int, int]:
    """Return a whole number up to `largest`, without leading zeros, and the position behind it."""
    if at == BAD:
        return BAD, BAD
    value, start = 0, at
    while at < end and 48 <= data[at] <= 57:
        if at - start >= 10:
            return BAD, BAD
        value = value * 10 + int(data[at]) - 48
        at += 1
    if at == start or (data[start] == 48 and at - start > 1) or value > largest:
        return BAD, BAD
    return value, at


@compiled
def scan_price(data: U8, at: int, end: int) -> tuple[int, int]:
    """Return a decimal price in 1e-9 dollars, and the position behind it, BAD if it is none."""
    if at == BAD:
        return BAD, BAD
    minus = data[at] == 45
    at += 1 if minus else 0
    start = at
    whole = 0
    while at < end and 48 <= data[at] <= 57 and at - start < 9:
        whole = whole * 10 + int(data[at]) - 48
        at += 1
    if at == start or (data[start] == 48 and at - start > 1) or at >= end or data[at] != 46:
        return BAD, BAD
    at += 1
    fraction, places = 0, 0
    while at < end and 48 <= data[at] <= 57 and places < 9:
        fraction = fraction * 10 + int(data[at]) - 48
        at += 1
        places += 1
    if places == 0:
        return BAD, BAD
    for _ in range(9 - places):
        fraction *= 10
    nanos = whole * NANOS + fraction
    if nanos > PRICE_MAX_NANOS:
        return BAD, BAD
    return -nanos if minus else nanos, at
