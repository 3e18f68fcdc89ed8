"""Sets of trees as bits, and floats as they sort: what the forest kernels count with."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from tape.codec.array_types import F32, I64, U64, Word
from tape.codec.compiling import compiled, intrinsic


@intrinsic
def popcount(_typing_context: Any, word: Any) -> Any:
    """Return how many bits of a 64-bit word are set."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), generate


@intrinsic
def lowest_bit(_typing_context: Any, word: Any) -> Any:
    """Return the position of the lowest set bit of a 64-bit word that is not 0."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@compiled
def transpose_block(block: U64) -> None:
    """Transpose 64 × 64 bits in place (Hacker's Delight, 7-3): bit j of word i to bit i of j."""
    width = 32
    mask = np.uint64(0x00000000FFFFFFFF)
    while width != 0:
        shift = np.uint64(width)
        for start in range(0, 64, 2 * width):
            for low in range(start, start + width):
                swap = ((block[low] >> shift) ^ block[low + width]) & mask
                block[low] ^= swap << shift
                block[low + width] ^= swap
        width >>= 1
        mask ^= mask << np.uint64(width)


@compiled
def sort_ranks(values: F32, bits: U64, order: U64, spare: U64, counts: I64) -> None:
    """Write the positions of `values` in rising order of value to `order` (radix sort)."""
    n = values.shape[0]
    as_bits = values.view(np.uint32)
    counts[:] = 0
    for i in range(n):
        bit = as_bits[i]
        key = np.uint64(~bit & np.uint32(0xFFFFFFFF))
        if bit < np.uint32(0x80000000):
            key = np.uint64(bit) | np.uint64(0x80000000)
        bits[i] = (key << np.uint64(32)) | np.uint64(i)
        for digit in range(4):
            counts[256 * digit + np.int64((key >> np.uint64(8 * digit)) & np.uint64(255))] += 1
    source, target = bits, spare
    for digit in range(4):
        base = 256 * digit
        total = 0
        for j in range(base, base + 256):
            seen = counts[j]
            counts[j] = total
            total += seen
        shift = np.uint64(32 + 8 * digit)
        for i in range(n):
            at = base + np.int64((source[i] >> shift) & np.uint64(255))
            target[counts[at]] = source[i]
            counts[at] += 1
        source, target = target, source
    for i in range(n):
        order[i] = source[i] & np.uint64(0xFFFFFFFF)


@compiled
def float32_floor(value: float) -> Any:
    """Return the largest float32 that is not above `value`."""
    rounded = np.float32(value)
    if np.float64(rounded) > value:
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return rounded


@compiled
def kth_smallest(values: I64, n: int, k: Word) -> Word:
    """Return the k-th smallest (from 0) of the first n values, which are reordered."""
    low = 0
    high = n - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return values[k]
