"""Exact variance numerators beyond 64 bits, for windows with absurd prices."""

import numpy as np

from tape.detection.inlining import uncounted
from tape.detection.kernel_types import I64, Word

LOW_HALF = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


@uncounted
def multiply(a: Word, b: Word) -> tuple[Word, Word]:
    """Return the high and the low 64 bits of the product of two unsigned 64-bit integers."""
    a_low = a & LOW_HALF
    a_high = a >> HALF
    b_low = b & LOW_HALF
    b_high = b >> HALF
    low = a_low * b_low
    cross = a_high * b_low + (low >> HALF)
    other = a_low * b_high + (cross & LOW_HALF)
    high = a_high * b_high + (cross >> HALF) + (other >> HALF)
    return high, (other << HALF) | (low & LOW_HALF)


@uncounted
def as_float(high: Word, low: Word) -> float:
    """Return an unsigned 128-bit integer as the nearest float64, ties to even."""
    if high == np.uint64(0):
        return float(low)
    shift = 0
    while high >> np.uint64(63) == np.uint64(0):
        high = (high << np.uint64(1)) | (low >> np.uint64(63))
        low = low << np.uint64(1)
        shift += 1
    if low != np.uint64(0):
        high |= np.uint64(1)
    return float(high) * 2.0 ** (64 - shift)


@uncounted
def wide_spread(prices: I64, m: int, reference: int) -> float:
    """Return float(m·Σd² - (Σd)²) of the first m prices' distances d from the reference."""
    total: Word = np.int64(0)
    high: Word = np.uint64(0)
    low: Word = np.uint64(0)
    for i in range(m):
        d = prices[i] - reference
        total += d
        square_high, square_low = multiply(np.uint64(abs(d)), np.uint64(abs(d)))
        low += square_low
        high += square_high
        if low < square_low:
            high += np.uint64(1)
    times_high, times_low = multiply(low, np.uint64(m))
    times_high += high * np.uint64(m)
    less_high, less_low = multiply(np.uint64(abs(total)), np.uint64(abs(total)))
    if times_low < less_low:
        less_high += np.uint64(1)
    return as_float(times_high - less_high, times_low - less_low)
