"""Exact variance numerators beyond 64 bits, for windows with absurd prices."""

import numpy as np

from tape.codec.array_types import I64, Word
from tape.codec.compiling import part_of_callers, uncounted

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
def _as_float_192(top: Word, high: Word, low: Word) -> float:
    """Return an unsigned 192-bit integer as the nearest float64, ties to even."""
    if top == np.uint64(0):
        return as_float(high, low)
    if low != np.uint64(0):
        high |= np.uint64(1)
    return as_float(top, high) * 2.0**64


@part_of_callers
def _plus(high: Word, low: Word, more_high: Word, more_low: Word) -> tuple[Word, Word]:
    """Return the sum of two 128-bit integers in two's complement."""
    total = low + more_low
    high = high + more_high
    if total < low:
        high += np.uint64(1)
    return high, total


@part_of_callers
def _minus(high: Word, low: Word, less_high: Word, less_low: Word) -> tuple[Word, Word]:
    """Return the difference of two 128-bit integers in two's complement."""
    high = high - less_high
    if low < less_low:
        high -= np.uint64(1)
    return high, low - less_low


@part_of_callers
def _widened(d: int) -> tuple[Word, Word]:
    """Return a signed integer as 128 bits in two's complement."""
    return np.uint64(d >> 63), np.uint64(d)


@uncounted
def _signed_float(high: Word, low: Word) -> float:
    """Return a 128-bit integer in two's complement as the nearest float64."""
    if high >> np.uint64(63) == np.uint64(0):
        return as_float(high, low)
    high, low = _minus(np.uint64(0), np.uint64(0), high, low)
    return -as_float(high, low)


@uncounted
def spread_of(m: int, total: int, high: int, low: int) -> float:
    """Return float(m·Σd² - (Σd)²) from Σd and the halves of Σd², all of it below 2**127."""
    times_high, times_low = multiply(np.uint64(low), np.uint64(m))
    times_high += np.uint64(high) * np.uint64(m)
    less_high, less_low = multiply(np.uint64(abs(total)), np.uint64(abs(total)))
    high_left, low_left = _minus(times_high, times_low, less_high, less_low)
    return as_float(high_left, low_left)


@uncounted
def widest_facts(prices: I64, m: int, reference: int, price: int) -> tuple[float, float, float]:
    """Return float(m·d - Σd) of the last price, float(m·Σd² - (Σd)²) and float(Σd).

    d is a price's distance from the reference: up to 2**55 here, and 100,000 of them.
    """
    total_high: Word = np.uint64(0)
    total_low: Word = np.uint64(0)
    high: Word = np.uint64(0)
    low: Word = np.uint64(0)
    for i in range(m):
        d = prices[i] - reference
        d_high, d_low = _widened(d)
        total_high, total_low = _plus(total_high, total_low, d_high, d_low)
        square_high, square_low = multiply(np.uint64(abs(d)), np.uint64(abs(d)))
        high, low = _plus(high, low, square_high, square_low)
    ahead_high, ahead_low = _widened(0)
    d = price - reference
    times_high, times_low = multiply(np.uint64(abs(d)), np.uint64(m))
    if d < 0:
        ahead_high, ahead_low = _minus(ahead_high, ahead_low, times_high, times_low)
    else:
        ahead_high, ahead_low = times_high, times_low
    ahead_high, ahead_low = _minus(ahead_high, ahead_low, total_high, total_low)
    spread = _spread_192(m, high, low, total_high, total_low)
    return _signed_float(ahead_high, ahead_low), spread, _signed_float(total_high, total_low)


@uncounted
def _spread_192(m: int, high: Word, low: Word, total_high: Word, total_low: Word) -> float:
    """Return float(m·Σd² - (Σd)²) in 192 bits; Σd has 72 of them at most."""
    if total_high >> np.uint64(63) != np.uint64(0):
        total_high, total_low = _minus(np.uint64(0), np.uint64(0), total_high, total_low)
    carried, first = multiply(low, np.uint64(m))
    third, second = multiply(high, np.uint64(m))
    third, second = _plus(third, second, np.uint64(0), carried)
    less_second, less_first = multiply(total_low, total_low)
    less_third = total_high * total_high
    cross_high, cross_low = multiply(total_high, total_low)
    cross_high, cross_low = _plus(cross_high, cross_low, cross_high, cross_low)
    less_third, less_second = _plus(less_third, less_second, cross_high, cross_low)
    third, second = _minus(third, second, less_third, less_second)
    if first < less_first:
        third, second = _minus(third, second, np.uint64(0), np.uint64(1))
    return _as_float_192(third, second, first - less_first)


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
