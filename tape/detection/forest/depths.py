"""Depths in a grown forest to the last bit, summed in scikit-learn's order."""

import numpy as np

from tape.codec.array_types import F64, Word
from tape.codec.compiling import compiled
from tape.detection.forest.scratch import ForestScratch

NEAR = 10_996
"""1e-8 in fixed point: depths that close are summed again, in scikit-learn's order."""


@compiled
def exact_depth(z: float, s: ForestScratch) -> float:
    """Return the sum of depths at z in float64 and in the order of the trees."""
    total = 0.0
    for tree in range(s.leaves.shape[0]):
        low = 0
        high = s.leaves[tree] - 1
        while low < high:
            middle = (low + high + 1) >> 1
            if z <= s.edge[tree, middle]:
                high = middle - 1
            else:
                low = middle
        total += s.leaf[tree, low]
    return total


@compiled
def exact_order_statistic(k: Word, near: Word, n: int, s: ForestScratch) -> float:
    """Return the k-th smallest exact depth, whose fixed-point form is about `near`."""
    less = 0
    size = 0
    for i in range(n):
        if s.depth[i] < near - NEAR:
            less += 1
        elif s.depth[i] <= near + NEAR:
            if size > 0 and s.sorted32[i] == s.sorted32[i - 1]:
                depth = s.group[size - 1] if s.depth[i - 1] >= near - NEAR else 0.0
                s.group[size] = depth
            else:
                s.group[size] = exact_depth(s.sorted64[i], s)
            size += 1
    for i in range(1, size):
        depth = s.group[i]
        j = i
        while j > 0 and s.group[j - 1] > depth:
            s.group[j] = s.group[j - 1]
            j -= 1
        s.group[j] = depth
    return float(s.group[k - less])


@compiled
def exact_depths(n: int, s: ForestScratch) -> F64:
    """Return the depths of the n training values, rising by value."""
    depths = np.empty(n, np.float64)
    for i in range(n):
        depths[i] = exact_depth(s.sorted64[i], s)
    return depths
