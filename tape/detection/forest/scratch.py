"""The memory of one fit of a forest, kept between fits."""

from typing import NamedTuple

import numpy as np

from tape.codec.array_types import F32, F64, I32, I64, U64
from tape.detection.forest.draws import DEEPEST, SUBSAMPLE

BUCKETS = 2048
"""Classes of equal width that find a value among the sorted ones nearly without a search: two for
each of the 1,000 training values."""
ASKED = 64
"""Room for depths whose verdict numpy is asked for; more than a few were never seen."""


class ForestScratch(NamedTuple):
    """Memory of one fit, kept between fits.

    A tree's leaves are numbered from left to right; `edge[tree, j]` is the threshold left of
    leaf j. `change` and `fall` hold per gap between neighbouring training values what its
    thresholds add to the depth, and the negative part of that. `asked` and `answers` are depths
    whose verdict hangs on the last bit of a power, and numpy's verdicts.
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
    at_gap: I64
    mark: I64
    stack: I64
    size: I64
    gap_edge: F32
    gap_change: I64
    group: F64
    asked: F64
    answers: I64


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
        sorted64=np.empty(history + 4, np.float64),
        bits=np.zeros((lanes, words), np.uint64),
        below=np.zeros((lanes, words), np.int64),
        bucket=np.empty(BUCKETS + 2, np.int32),
        values=np.zeros((4, SUBSAMPLE + 2), np.float64),
        edge=np.empty((trees, SUBSAMPLE), np.float64),
        leaf=np.empty((trees, SUBSAMPLE), np.float64),
        leaves=np.empty(trees, np.int64),
        next_edge=np.empty(trees * SUBSAMPLE, np.int32),
        first_edge=np.empty(history + 1, np.int32),
        change=np.empty(history + 1, np.int64),
        fall=np.empty(history + 1, np.int64),
        depth=np.empty(history, np.int64),
        depth_spare=np.empty(history, np.int64),
        at_value=np.empty((4, SUBSAMPLE + 2), np.float64),
        at_gap=np.empty((4, SUBSAMPLE + 2), np.int64),
        mark=np.empty((4, SUBSAMPLE + 2), np.int64),
        stack=np.empty((4, DEEPEST + 4), np.int64),
        size=np.zeros(trees, np.int64),
        gap_edge=np.empty(trees, np.float32),
        gap_change=np.empty(trees, np.int64),
        group=np.empty(history, np.float64),
        asked=np.empty(ASKED, np.float64),
        answers=np.empty(ASKED, np.int64),
    )
