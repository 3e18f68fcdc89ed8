"""Reduces a grown forest to the few values of z at which its verdict changes."""

from typing import Final

import numpy as np

from tape.codec.array_types import F32
from tape.codec.compiling import compiled
from tape.detection.forest.bit_sets import float32_floor, kth_smallest
from tape.detection.forest.depths import NEAR, exact_depth, exact_order_statistic
from tape.detection.forest.draws import FIXED_POINT, SUBSAMPLE, ForestPlan
from tape.detection.forest.growing import grow_forest
from tape.detection.forest.scratch import ASKED, ForestScratch

BREAKPOINTS: Final = 120
"""Room for places where a forest's verdict changes; at most 24 were seen on real data."""


GROWN = 0
UNDRAWN = 1
"""The members for this number of training values are not yet drawn."""
UNDECIDED = 2
"""Only the last bit of a power decides, which numpy is to be asked for."""
TOO_MANY = 3
"""There are more breakpoints, or more depths to ask for, than there is room for."""

LAST_BITS = 1e-14
"""A score this near to the offset is left to numpy, whose powers may round otherwise: 45 times
2**-52."""


@compiled
def _between(a: float, b: float, t: float) -> float:
    """Return numpy's linear interpolation, as `np.percentile` rounds it."""
    if t >= 0.5:
        return b - (b - a) * (1 - t)
    return a + (b - a) * t


@compiled
def _exact_verdict(
    z: float, offset: float, high: float, whole: float, s: ForestScratch, asked: int
) -> tuple[int, int]:
    """Return 1 if z is anomalous, else 0, and how many depths numpy has been asked for so far.

    `high` is the exact depth, divided by `whole`, at the upper end of what the offset lies
    between. Where only the last bit of a power decides, numpy's answer counts; as long as there
    is none, the depth is noted and the verdict means nothing.
    """
    depth = exact_depth(z, s) / whole
    if depth == high:
        return 0, asked
    score = -(2.0**-depth)
    if abs(score - offset) > LAST_BITS:
        return (1 if score < offset else 0), asked
    for i in range(asked):
        if s.asked[i] == depth:
            return s.answers[i], asked
    s.asked[asked] = depth
    s.answers[asked] = 0
    return 0, asked + 1


@compiled
def _sort_edges(gap: int, s: ForestScratch) -> int:
    """Write the thresholds in a gap in their order, with what each adds to the depth; count them.

    A gap has few, so each is put in its place among those before it.
    """
    edges = 0
    e = np.int64(s.first_edge[gap])
    while e >= 0:
        tree = e // SUBSAMPLE
        leaf = e % SUBSAMPLE
        edge = float32_floor(s.edge[tree, leaf])
        units = np.int64(np.rint(s.leaf[tree, leaf] * FIXED_POINT)) - np.int64(
            np.rint(s.leaf[tree, leaf - 1] * FIXED_POINT)
        )
        j = edges
        while j > 0 and s.gap_edge[j - 1] > edge:
            s.gap_edge[j] = s.gap_edge[j - 1]
            s.gap_change[j] = s.gap_change[j - 1]
            j -= 1
        s.gap_edge[j] = edge
        s.gap_change[j] = units
        edges += 1
        e = np.int64(s.next_edge[e])
    return edges


@compiled
def fit_breakpoints(
    training: F32, p: ForestPlan, s: ForestScratch, breaks: F32, answered: int
) -> tuple[int, int, int]:
    """Fit a forest; return (code, verdict below the first breakpoint, number of breakpoints).

    z is on the far side of a breakpoint when float32(z) is above it; the verdict, 1 for
    anomalous, changes at each. The first `answered` depths in `asked` have their answers; with
    UNDECIDED the number of all that are asked stands in the place of the breakpoints'.
    """
    n = training.shape[0]
    if p.slot_of[n] < 0:
        return UNDRAWN, 0, 0
    grow_forest(training, p, s)
    position = (n - 1) * p.contamination
    k = np.int64(np.floor(position))
    part = position - k
    after = min(k + 1, n - 1) if part > 0.0 else k
    for i in range(n):
        s.depth_spare[i] = s.depth[i]
    near_low = kth_smallest(s.depth_spare, n, k)
    near_high = kth_smallest(s.depth_spare, n, after)
    whole = p.mean_depth[min(n, SUBSAMPLE)]
    score_low = -(2.0 ** -(near_low / FIXED_POINT / whole))
    score_high = -(2.0 ** -(near_high / FIXED_POINT / whole))
    offset = _between(score_low, score_high, part)
    limit = np.int64(-whole * np.log2(-offset) * FIXED_POINT)
    anomalous_below = limit - NEAR
    normal_above = limit + NEAR
    asked = answered
    exact_high = -1.0

    verdict = -1
    first = -1
    size = 0
    for gap in range(n):
        edges = 0
        if gap > 0:
            low = s.depth[gap - 1] + s.fall[gap]
            high = s.depth[gap] - s.fall[gap]
            if low > normal_above or high < anomalous_below:
                continue
            edges = _sort_edges(gap, s)
            depth = s.depth[gap - 1]
        else:
            depth = s.depth[0]
        for j in range(edges if gap > 0 else 1):
            z = s.sorted32[0]
            if gap > 0:
                depth += s.gap_change[j]
                if j + 1 < edges and s.gap_edge[j + 1] == s.gap_edge[j]:
                    continue
                z = np.nextafter(s.gap_edge[j], np.float32(np.inf))
            if depth < anomalous_below:
                now = 1
            elif depth > normal_above:
                now = 0
            else:
                if exact_high < 0.0:
                    exact_low = exact_order_statistic(k, near_low, n, s) / whole
                    exact_high = exact_order_statistic(after, near_high, n, s) / whole
                    offset = _between(-(2.0**-exact_low), -(2.0**-exact_high), part)
                if asked == ASKED:
                    return TOO_MANY, 0, 0
                now, asked = _exact_verdict(np.float64(z), offset, exact_high, whole, s, asked)
            if verdict < 0:
                first = now
            elif now != verdict:
                if size == breaks.shape[0]:
                    return TOO_MANY, 0, 0
                breaks[size] = s.gap_edge[j]
                size += 1
            verdict = now
    if asked > answered:
        return UNDECIDED, 0, asked
    return GROWN, first, size
