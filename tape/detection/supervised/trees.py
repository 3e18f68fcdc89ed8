"""Reading a model in XGBoost's own JSON; whatever is not as XGBoost writes it is refused."""

import math
from typing import Any, Final

import msgspec
import numpy as np

from tape.codec.array_types import F64
from tape.detection.supervised.columns import NAMES
from tape.detection.supervised.walk_kernel import LEAF, Trees

OBJECTIVE: Final = "binary:logistic"
MOST_TREES: Final = 10_000
MOST_NODES: Final = 10_000_000
"""More than any training here makes: a file that has more is not read on."""


class NoModelError(Exception):
    """What is wrong with a model, in words."""


class _Tree(msgspec.Struct):
    left_children: list[int]
    right_children: list[int]
    split_indices: list[int]
    split_conditions: list[float]
    default_left: list[int]
    sum_hessian: list[float]
    split_type: list[int]


class _Trees(msgspec.Struct):
    trees: list[_Tree]


class _Booster(msgspec.Struct):
    name: str
    model: _Trees


class _Params(msgspec.Struct):
    base_score: str
    num_class: str
    num_target: str


class _Objective(msgspec.Struct):
    name: str


class _Learner(msgspec.Struct):
    feature_names: list[str]
    gradient_booster: _Booster
    learner_model_param: _Params
    objective: _Objective


class _Model(msgspec.Struct):
    learner: _Learner
    version: list[int]


_decoder = msgspec.json.Decoder(_Model)


def read_trees(data: bytes) -> Trees:
    """Return the trees of a model; raises `NoModelError` if it is none that can be walked."""
    try:
        learner = _decoder.decode(data).learner
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoModelError(f"it is no model in XGBoost's JSON ({error})") from None
    if learner.objective.name != OBJECTIVE or learner.gradient_booster.name != "gbtree":
        raise NoModelError(
            f"its objective is {learner.objective.name[:40]!r} by "
            f"{learner.gradient_booster.name[:40]!r}, not {OBJECTIVE!r} by 'gbtree'"
        )
    if tuple(learner.feature_names) != NAMES:
        raise NoModelError("its features are not those of this program")
    found = learner.gradient_booster.model.trees
    nodes = sum(len(tree.left_children) for tree in found)
    if not 0 < len(found) <= MOST_TREES or nodes > MOST_NODES:
        raise NoModelError(f"it has {len(found):,} trees with {nodes:,} nodes")
    return _joined(found, _base_margin(learner.learner_model_param))


def _base_margin(told: _Params) -> float:
    """Return the margin of the base score, computed in float32 as XGBoost does it."""
    try:
        score = np.float32(told.base_score.strip("[]"))
    except ValueError:
        score = np.float32("nan")
    if not 0 < score < 1 or told.num_class != "0" or told.num_target != "1":
        raise NoModelError(f"its base score is {told.base_score[:40]!r}, or it has several classes")
    one = np.float32(1)
    return -math.log(np.float32(one / score) - one)


def _joined(found: list[_Tree], base: float) -> Trees:
    roots = np.cumsum([0, *(len(tree.left_children) for tree in found)])
    parts = [_checked(tree) for tree in found]
    left, right = (
        np.concatenate(
            [
                np.where(part[side] == LEAF, LEAF, part[side] + begin)
                for part, begin in zip(parts, roots[:-1], strict=True)
            ]
        )
        for side in (0, 1)
    )
    feature, condition, missing = (
        np.concatenate([part[column] for part in parts]) for column in (2, 3, 4)
    )
    is_leaf = left == LEAF
    return Trees(
        root=roots[:-1].astype(np.int32),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        feature=feature.astype(np.int32),
        threshold=condition,
        missing_left=missing.astype(np.uint8),
        value=np.where(is_leaf, condition, np.float32(0)).astype(np.float32),
        mean=np.concatenate([part[5] for part in parts]),
        base=np.array([base], np.float32),
    )


def _checked(tree: _Tree) -> tuple[Any, ...]:
    """Return a tree's arrays; raises `NoModelError` if walking it might not end where it must."""
    n = len(tree.left_children)
    lists = (tree.right_children, tree.split_indices, tree.split_conditions, tree.default_left)
    if not n or any(len(one) != n for one in (*lists, tree.sum_hessian, tree.split_type)):
        raise NoModelError("a tree's lists differ in length")
    try:
        left, right, feature = (
            np.array(one, np.int64)
            for one in (tree.left_children, tree.right_children, tree.split_indices)
        )
        missing = np.array(tree.default_left, np.int64)
    except OverflowError:
        raise NoModelError("a tree's node has an impossible number") from None
    with np.errstate(over="ignore"):
        condition = np.array(tree.split_conditions, np.float64).astype(np.float32)
    inner, own = left != LEAF, np.arange(n)
    sound = (
        ((right != LEAF) == inner).all()
        and (left[inner] > own[inner]).all()
        and (right[inner] > own[inner]).all()
        and (left < n).all()
        and (right < n).all()
        and (feature[inner] >= 0).all()
        and (feature[inner] < len(NAMES)).all()
        and np.isin(missing, (0, 1)).all()
        and np.isfinite(condition).all()
        and not any(tree.split_type)
    )
    if not sound:
        raise NoModelError("a tree's node leads nowhere, or back, or has no number")
    feature = np.where(inner, feature, 0)
    return left, right, feature, condition, missing, _means(tree, left, right, condition)


def _means(tree: _Tree, left: Any, right: Any, condition: Any) -> F64:
    """Return the mean of each node's leaves, weighed by the rows of training that came there."""
    mean: F64 = condition.astype(np.float64)
    weight = np.array(tree.sum_hessian, np.float64)
    for node in range(len(mean) - 1, -1, -1):
        if left[node] != LEAF:
            a, b = left[node], right[node]
            total = weight[a] + weight[b]
            parts = mean[a] * weight[a] + mean[b] * weight[b]
            mean[node] = parts / total if total > 0 else 0.5 * (mean[a] + mean[b])
    return mean
