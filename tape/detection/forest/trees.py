"""Trees, grown four at a time, split by split as scikit-learn does."""

from typing import Any

import numpy as np

from tape.codec.array_types import F64, I32, I64, U32, U64, Word
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.forest.bit_sets import popcount
from tape.detection.forest.draws import DEEPEST, SUBSAMPLE

FEATURE_THRESHOLD = np.float32(1e-7)
"""scikit-learn calls a feature constant within this range."""
RAND_R_MAX = 2147483647.0
"""Largest number of scikit-learn's generator, 2**31 - 1."""
DONE = SUBSAMPLE | (SUBSAMPLE + 2) << 16 | DEEPEST << 32
"""Two equal values past the others, on which a finished tree marks time."""


@part_of_callers
def _rank(threshold: float, scale: float, sorted64: F64, bucket: I32) -> Word:
    """Return how many training values are at or below the threshold."""
    b = np.int64((threshold - sorted64[0]) * scale) & 0xFFF
    low: Word = np.int64(bucket[b])
    high: Word = np.int64(bucket[b + 1])
    if high - low > 4:  # hardly ever, so that the four comparisons below cost no branch
        while high - low > 4:
            middle = (low + high) >> 1
            if sorted64[middle] <= threshold:
                low = middle + 1
            else:
                high = middle
    low &= 0xFFFFFF
    return (
        low
        + np.int64(sorted64[low] <= threshold)
        + np.int64(sorted64[low + 1] <= threshold)
        + np.int64(sorted64[low + 2] <= threshold)
        + np.int64(sorted64[low + 3] <= threshold)
    )


@part_of_callers
def _step(
    node: Word,
    top: Word,
    drawn: Word,
    tree: Word,
    lane: int,
    deepest: int,
    scale: float,
    stream: U32,
    sorted64: F64,
    bucket: I32,
    below: I64,
    bits: U64,
    values: F64,
    at_value: F64,
    at_gap: I64,
    mark: I64,
    stack: I64,
) -> tuple[Word, Word, Word]:
    """Split one node of two values at least; return what comes next.

    A node is packed as start, end and depth. Marks (depth and size) are written at the starts of
    both children, where deeper ones overwrite them, so that the marks of leaves remain; threshold
    and gap at the start of the right child. Which child is a leaf is chance, hence no branch:
    the right child is stored always and the top of the stack moves by -1, 0 or 1.
    """
    start = node & 0xFFFF
    end = (node >> 16) & 0xFFFF
    depth = ((node >> 32) & 0xFFFF) + 1
    low = values[lane, start]
    high = values[lane, end - 1]
    popped = stack[lane, top - 1]
    draw = np.float64(stream[tree, drawn + 1])
    drawn += 1
    following = popped
    move: Word = -1
    if np.float32(high) > np.float32(low) + FEATURE_THRESHOLD:
        threshold = ((high - low) * draw) / RAND_R_MAX + low
        threshold = low if threshold == high else threshold
        drawn += 1
        gap = _rank(threshold, scale, sorted64, bucket) & 0xFFFFFF
        word = gap >> 6
        mask = (np.uint64(1) << np.uint64(gap & 63)) - np.uint64(1)
        middle = (below[tree, word] + popcount(bits[tree, word] & mask)) & 0xFFFF
        if middle < end:
            at_value[lane, middle] = threshold
            at_gap[lane, middle] = gap
            mark[lane, start] = (depth << 16) | (middle - start)
            mark[lane, middle] = (depth << 16) | (end - middle)
            inner = np.int64(depth < deepest)
            goes_left = inner & np.int64(middle - start >= 2)
            goes_right = inner & np.int64(end - middle >= 2)
            right = middle | (end << 16) | (depth << 32)
            left = start | (middle << 16) | (depth << 32)
            stack[lane, top] = right
            move = goes_left + goes_right - 1
            following = right if goes_right != 0 else popped
            following = left if goes_left != 0 else following
    top = max(top + move, 1)
    return following, top & 0xFF, drawn & 0xFFFF


@uncounted
def grow_four(first: int, deepest: int, scale: float, p: Any, s: Any) -> None:
    """Grow four trees in lock step, so that the latencies of one hide behind the others.

    Trees past the last repeat the last one.
    """
    last = p.stream.shape[0] - 1
    tree_a = min(first, last)
    tree_b = min(first + 1, last)
    tree_c = min(first + 2, last)
    tree_d = min(first + 3, last)
    a: Word = s.size[tree_a] << 16
    b: Word = s.size[tree_b] << 16
    c: Word = s.size[tree_c] << 16
    d: Word = s.size[tree_d] << 16
    top_a = top_b = top_c = top_d = 1
    drawn_a = drawn_b = drawn_c = drawn_d = 0
    for lane in range(4):
        s.stack[lane, 0] = DONE
        s.mark[lane, 0] = s.size[min(first + lane, last)]
    stream, sorted64, bucket, below, bits = p.stream, s.sorted64, s.bucket, s.below, s.bits
    values, at_value, at_gap, mark, stack = s.values, s.at_value, s.at_gap, s.mark, s.stack
    while not (a == DONE and b == DONE and c == DONE and d == DONE):
        a, top_a, drawn_a = _step(
            a,
            top_a,
            drawn_a,
            tree_a,
            0,
            deepest,
            scale,
            stream,
            sorted64,
            bucket,
            below,
            bits,
            values,
            at_value,
            at_gap,
            mark,
            stack,
        )
        b, top_b, drawn_b = _step(
            b,
            top_b,
            drawn_b,
            tree_b,
            1,
            deepest,
            scale,
            stream,
            sorted64,
            bucket,
            below,
            bits,
            values,
            at_value,
            at_gap,
            mark,
            stack,
        )
        c, top_c, drawn_c = _step(
            c,
            top_c,
            drawn_c,
            tree_c,
            2,
            deepest,
            scale,
            stream,
            sorted64,
            bucket,
            below,
            bits,
            values,
            at_value,
            at_gap,
            mark,
            stack,
        )
        d, top_d, drawn_d = _step(
            d,
            top_d,
            drawn_d,
            tree_d,
            3,
            deepest,
            scale,
            stream,
            sorted64,
            bucket,
            below,
            bits,
            values,
            at_value,
            at_gap,
            mark,
            stack,
        )


@uncounted
def read_tree(tree: int, lane: int, p: Any, s: Any) -> Word:
    """Read a grown tree from left to right; return the depth of its first leaf."""
    mark = s.mark[lane, 0]
    first = p.leaf_units[mark >> 16, mark & 0xFFFF]
    s.leaf[tree, 0] = p.leaf_depth[mark >> 16, mark & 0xFFFF]
    before = first
    at = mark & 0xFFFF
    leaves = 1
    while at < s.size[tree]:
        mark = s.mark[lane, at]
        units = p.leaf_units[mark >> 16, mark & 0xFFFF]
        gap = s.at_gap[lane, at]
        s.leaf[tree, leaves] = p.leaf_depth[mark >> 16, mark & 0xFFFF]
        s.edge[tree, leaves] = s.at_value[lane, at]
        s.change[gap] += units - before
        s.fall[gap] += min(units - before, 0)
        s.next_edge[tree * SUBSAMPLE + leaves] = s.first_edge[gap]
        s.first_edge[gap] = tree * SUBSAMPLE + leaves
        before = units
        leaves += 1
        at += mark & 0xFFFF
    s.leaves[tree] = leaves
    return first
