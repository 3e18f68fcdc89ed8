"""Grows the trees of an isolation forest on one feature, split by split as scikit-learn does."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from tape.detection.bit_sets import lowest_bit, popcount, sort_ranks, transpose_block
from tape.detection.forest_draws import DEEPEST, SUBSAMPLE, ForestPlan
from tape.detection.kernel_types import F32, F64, I32, I64, U64

BUCKETS = 2048
FEATURE_THRESHOLD = np.float32(1e-7)
"""scikit-learn calls a feature constant within this range."""
RAND_R_MAX = 2147483647.0


class ForestScratch(NamedTuple):
    """Memory of one fit, kept between fits.

    A tree's leaves are numbered from left to right; `edge[tree, j]` is the threshold left of
    leaf j. `change` and `fall` hold per gap between neighbouring training values what its
    thresholds add to the depth, and the negative part of that.
    """

    keys: U64
    spare: U64
    order: U64
    counts: I64
    block: U64
    sorted32: F32
    sorted64: F64
    bits: U64
    below: I64
    bucket: I32
    values: F64
    edge: F64
    leaf: F64
    leaves: I64
    next_edge: I32
    first_edge: I32
    change: I64
    fall: I64
    depth: I64
    depth_spare: I64
    at_value: F64
    at_gap: I32
    stack: I64
    gap_edge: F32
    gap_change: I64
    group: F64


def forest_scratch(*, trees: int, history: int) -> ForestScratch:
    """Return the memory for fits of up to `history` values."""
    words = (history + 63) // 64 + 1
    lanes = (trees + 63) // 64 * 64
    return ForestScratch(
        keys=np.empty(history, np.uint64),
        spare=np.empty(history, np.uint64),
        order=np.empty(history, np.uint64),
        counts=np.empty(1024, np.int64),
        block=np.empty(64, np.uint64),
        sorted32=np.empty(history, np.float32),
        sorted64=np.empty(history, np.float64),
        bits=np.zeros((lanes, words), np.uint64),
        below=np.zeros((lanes, words), np.int64),
        bucket=np.empty(BUCKETS + 2, np.int32),
        values=np.empty(SUBSAMPLE + 1, np.float64),
        edge=np.empty((trees, SUBSAMPLE), np.float64),
        leaf=np.empty((trees, SUBSAMPLE), np.float64),
        leaves=np.empty(trees, np.int64),
        next_edge=np.empty(trees * SUBSAMPLE, np.int32),
        first_edge=np.empty(history + 1, np.int32),
        change=np.empty(history + 1, np.int64),
        fall=np.empty(history + 1, np.int64),
        depth=np.empty(history, np.int64),
        depth_spare=np.empty(history, np.int64),
        at_value=np.empty(SUBSAMPLE + 1, np.float64),
        at_gap=np.empty(SUBSAMPLE + 1, np.int32),
        stack=np.empty((DEEPEST + 4, 3), np.int64),
        gap_edge=np.empty(trees, np.float32),
        gap_change=np.empty(trees, np.int64),
        group=np.empty(history, np.float64),
    )


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _spread_members(members: U64, n: int, s: ForestScratch) -> None:
    """Turn sets of trees per training value into sets of ranks per tree."""
    for word in range((n + 63) // 64):
        for lane in range(members.shape[1]):
            for i in range(64):
                rank = 64 * word + i
                s.block[i] = members[np.int64(s.order[rank]), lane] if rank < n else np.uint64(0)
            transpose_block(s.block)
            for i in range(64):
                s.bits[64 * lane + i, word] = s.block[i]
    s.bits[:, (n + 63) // 64] = np.uint64(0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill_buckets(n: int, scale: float, s: ForestScratch) -> None:
    """Write to `bucket[b]` how many training values lie in buckets before b."""
    s.bucket[:] = 0
    for i in range(n):
        s.bucket[np.int64((s.sorted64[i] - s.sorted64[0]) * scale) + 1] += 1
    for b in range(BUCKETS + 1):
        s.bucket[b + 1] += s.bucket[b]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _rank(threshold: float, scale: float, s: ForestScratch) -> int:
    """Return how many training values are at or below the threshold."""
    b = np.int64((threshold - s.sorted64[0]) * scale)
    low = np.int64(s.bucket[b])
    high = np.int64(s.bucket[b + 1])
    while high - low > 8:
        middle = (low + high) >> 1
        if s.sorted64[middle] <= threshold:
            low = middle + 1
        else:
            high = middle
    while low < high and s.sorted64[low] <= threshold:
        low += 1
    return low


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _grow_tree(tree: int, size: int, deepest: int, scale: float, p: ForestPlan, s: Any) -> int:
    """Grow one tree; return the depth of its first leaf in fixed point."""
    values = s.values
    stack = s.stack
    stack[0, 0] = 0
    stack[0, 1] = size
    stack[0, 2] = 0
    top = 1
    drawn = 0
    leaves = 0
    before = 0
    first = 0
    while top > 0:
        top -= 1
        start = stack[top, 0]
        end = stack[top, 1]
        depth = stack[top, 2]
        if depth < deepest and end - start >= 2:
            drawn += 1
            low = values[start]
            high = values[end - 1]
            if not np.float32(high) <= np.float32(low) + FEATURE_THRESHOLD:
                threshold = ((high - low) * np.float64(p.stream[tree, drawn])) / RAND_R_MAX + low
                drawn += 1
                if threshold == high:
                    threshold = low
                gap = _rank(threshold, scale, s)
                word = gap >> 6
                mask = (np.uint64(1) << np.uint64(gap & 63)) - np.uint64(1)
                middle = s.below[tree, word] + popcount(s.bits[tree, word] & mask)
                if middle < end:
                    s.at_value[middle] = threshold
                    s.at_gap[middle] = gap
                    stack[top, 0] = middle
                    stack[top, 2] = depth + 1
                    stack[top + 1, 0] = start
                    stack[top + 1, 1] = middle
                    stack[top + 1, 2] = depth + 1
                    top += 2
                    continue
        units = p.leaf_units[depth, end - start]
        s.leaf[tree, leaves] = p.leaf_depth[depth, end - start]
        if leaves == 0:
            first = units
        else:
            gap = np.int64(s.at_gap[start])
            s.edge[tree, leaves] = s.at_value[start]
            s.change[gap] += units - before
            s.fall[gap] += min(units - before, 0)
            s.next_edge[tree * SUBSAMPLE + leaves] = s.first_edge[gap]
            s.first_edge[gap] = tree * SUBSAMPLE + leaves
        before = units
        leaves += 1
    s.leaves[tree] = leaves
    return first


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def grow_forest(training: F32, p: ForestPlan, s: ForestScratch) -> None:
    """Grow the forest of these training values; leave it and their depths in `s`."""
    n = training.shape[0]
    sort_ranks(training, s.keys, s.order, s.spare, s.counts)
    for i in range(n):
        s.sorted32[i] = training[np.int64(s.order[i])]
        s.sorted64[i] = np.float64(s.sorted32[i])
    _spread_members(p.members[p.slot_of[n]], n, s)
    spread = s.sorted64[n - 1] - s.sorted64[0]
    scale = (BUCKETS - 1) / spread if spread > 0.0 else 0.0
    _fill_buckets(n, scale, s)
    s.change[:] = 0
    s.fall[:] = 0
    s.first_edge[:] = -1
    deepest = 0
    while (1 << deepest) < min(n, SUBSAMPLE):
        deepest += 1
    total = 0
    for tree in range(p.stream.shape[0]):
        size = 0
        for word in range((n + 63) // 64):
            s.below[tree, word] = size
            left = s.bits[tree, word]
            while left != np.uint64(0):
                s.values[size] = s.sorted64[64 * word + lowest_bit(left)]
                left &= left - np.uint64(1)
                size += 1
        s.below[tree, (n + 63) // 64] = size
        total += _grow_tree(tree, size, deepest, scale, p, s)
    for i in range(n):
        total += s.change[i]
        s.depth[i] = total


