"""Walks the trees that XGBoost grew: the same float32 margins to the last bit, without XGBoost."""

from typing import Any, NamedTuple

import numpy as np

from tape.codec.array_types import F32, F64, I32, I64, U8
from tape.codec.compiling import part_of_callers, uncounted

ROWS = 64
"""Rows that go through all trees together: their values stay in the nearest cache."""
LEAF = -1
"""In place of a child: there is none."""


class Trees(NamedTuple):
    """All trees as one list of nodes.

    Attributes:
        root: where each tree begins.
        left, right: where to continue; `LEAF` for a leaf.
        feature: which value is looked at.
        threshold: a smaller value goes to the left.
        missing_left: 1 where no number goes to the left.
        value: of a leaf, added to the margin.
        mean: the same of every node: the mean of its leaves, as often as training came there.
        base: one margin, from which all begin.
    """

    root: I32
    left: I32
    right: I32
    feature: I32
    threshold: F32
    missing_left: U8
    value: F32
    mean: F64
    base: F32


@part_of_callers
def _next(trees: Trees, node: int, values: F32) -> Any:
    value = values[trees.feature[node]]
    if np.isnan(value):
        return trees.left[node] if trees.missing_left[node] else trees.right[node]
    return trees.left[node] if value < trees.threshold[node] else trees.right[node]


@uncounted
def walk(trees: Trees, values: F32, rows: I64, margins: F32) -> None:
    """Write the margin of each of the rows, in their order.

    Leaves are added in the order of the trees, in float32, as XGBoost does it.
    """
    for first in range(0, len(rows), ROWS):
        last = min(first + ROWS, len(rows))
        for n in range(first, last):
            margins[n] = trees.base[0]
        for tree in range(len(trees.root)):
            for n in range(first, last):
                own = values[rows[n]]
                node = trees.root[tree]
                while trees.left[node] != LEAF:
                    node = _next(trees, node, own)
                margins[n] += trees.value[node]


@uncounted
def contributions(trees: Trees, values: F32, out: F64) -> None:
    """Add to `out` what each feature contributes to the margin; behind them, what none does.

    By the method of Saabas (2014): at each node the feature that is looked at gets what the mean
    changes by. XGBoost calls it approximate contributions.
    """
    out[len(out) - 1] += trees.base[0]
    for tree in range(len(trees.root)):
        node = trees.root[tree]
        out[len(out) - 1] += trees.mean[node]
        while trees.left[node] != LEAF:
            after = _next(trees, node, values)
            out[trees.feature[node]] += trees.mean[after] - trees.mean[node]
            node = after
