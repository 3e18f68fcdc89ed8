"""Grows an isolation forest on one feature, exactly as scikit-learn does."""

import numpy as np

from tape.codec.array_types import F32, U64, Word
from tape.codec.compiling import compiled, uncounted
from tape.detection.forest.bit_sets import lowest_bit, sort_ranks, transpose_block
from tape.detection.forest.draws import SUBSAMPLE, ForestPlan
from tape.detection.forest.scratch import BUCKETS, ForestScratch
from tape.detection.forest.trees import grow_four, read_tree


@uncounted
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


@uncounted
def _fill_buckets(n: int, scale: float, s: ForestScratch) -> None:
    """Write to `bucket[b]` how many training values lie in buckets before b."""
    s.bucket[:] = 0
    for i in range(n):
        s.bucket[np.int64((s.sorted64[i] - s.sorted64[0]) * scale) + 1] += 1
    for b in range(BUCKETS + 1):
        s.bucket[b + 1] += s.bucket[b]


@uncounted
def _take_members(tree: int, lane: int, words: int, s: ForestScratch) -> None:
    """Write the training values of a tree to its lane, and how many lie below each word."""
    size = 0
    for word in range(words):
        s.below[tree, word] = size
        left = s.bits[tree, word]
        while left != np.uint64(0):
            s.values[lane, size] = s.sorted64[64 * word + lowest_bit(left)]
            left &= left - np.uint64(1)
            size += 1
    s.below[tree, words] = size
    s.size[tree] = size


@compiled
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
    s.sorted64[n : n + 4] = np.inf
    trees = p.stream.shape[0]
    words = (n + 63) // 64
    total: Word = 0
    for first in range(0, trees, 4):
        for lane in range(4):
            _take_members(min(first + lane, trees - 1), lane, words, s)
        grow_four(first, deepest, scale, p, s)
        for lane in range(min(4, trees - first)):
            total += read_tree(first + lane, lane, p, s)
    for i in range(n):
        total += s.change[i]
        s.depth[i] = total
