"""The random numbers of scikit-learn's isolation forest, none of which depends on the data."""

from typing import NamedTuple

import numpy as np

from tape.codec.array_types import F64, I64, U32, U64

SUBSAMPLE = 256
"""scikit-learn's `max_samples="auto"`: at most this many training values a tree."""

DRAWS = 768
"""Random words kept per tree; 255 splits of two draws each need at most 510."""

DEEPEST = 8
"""log2 of `SUBSAMPLE`: scikit-learn grows no deeper."""

FIXED_POINT = 2.0**40
"""Depths are summed in units of its inverse, exactly in any order."""

SMALLEST_GAP = 1e-7
"""Closer random targets could end a branch early (scikit-learn's impurity of 2.2e-16)."""


class ForestPlan(NamedTuple):
    """What the kernels need to grow forests of one random state.

    `members[slot_of[n], i]` has a bit for each tree that samples training value i of n.
    """

    stream: U32
    members: U64
    slot_of: I64
    leaf_depth: F64
    leaf_units: I64
    mean_depth: F64
    contamination: float


def _mean_path_length(most: int) -> F64:
    """Return the mean path length of an unsuccessful search among 0 to `most` values."""
    lengths = np.zeros(most + 1)
    lengths[2] = 1.0
    n = np.arange(3, most + 1).reshape(1, -1)
    lengths[3:] = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return lengths


def _stream(seed: int) -> U32:
    """Return the first words of scikit-learn's 32-bit xorshift for the tree of this seed."""
    estimator = np.random.RandomState(seed).randint(np.iinfo(np.int32).max)
    word = int(np.random.RandomState(estimator).randint(0, 2**31 - 1))
    words = np.empty(DRAWS, dtype=np.uint32)
    for i in range(DRAWS):
        word = word or 1
        word ^= (word << 13) & 0xFFFFFFFF
        word ^= word >> 17
        word ^= (word << 5) & 0xFFFFFFFF
        words[i] = word & 0x7FFFFFFF
    return words


_RANDOM = np.random.RandomState(0)
"""Seeded again for each use; making one takes longer than the draws."""


def sample(seed: int, population: int) -> I64:
    """Return the training values that a tree takes, as `sample_without_replacement` does."""
    size = min(SUBSAMPLE, population)
    random = _RANDOM
    random.seed(seed)
    if 0.01 < size / population < 0.99:
        return np.asarray(random.permutation(population)[:size], dtype=np.int64)
    taken = np.arange(size, dtype=np.int64)
    for i in range(size, population):
        at = random.randint(0, i + 1)
        if at < size:
            taken[at] = i
    return taken


class ForestDraws:
    """Draws once what scikit-learn draws again at each fit.

    Attributes:
        plan: the arrays for the kernels; replaced when `prepare` adds to them.
    """

    def __init__(self, *, random_state: int, trees: int, history: int, contamination: float):
        self._seeds = np.random.RandomState(random_state).randint(2**31 - 1, size=trees)
        mean = _mean_path_length(SUBSAMPLE)
        depth = np.arange(DEEPEST + 1, dtype=np.int64).reshape(-1, 1) + 1
        leaf_depth = depth + mean - 1.0
        self.plan = ForestPlan(
            stream=np.stack([_stream(seed) for seed in self._seeds]),
            members=np.zeros((0, history, (trees + 63) // 64), dtype=np.uint64),
            slot_of=np.full(history + 1, -1, dtype=np.int64),
            leaf_depth=leaf_depth,
            leaf_units=np.rint(leaf_depth * FIXED_POINT).astype(np.int64),
            mean_depth=mean * trees,
            contamination=float(np.true_divide(100.0 * contamination, 100)),
        )

    def prepare(self, n: int) -> None:
        """Draw which of n training values each tree samples, if that is not yet known."""
        plan = self.plan
        if plan.slot_of[n] >= 0:
            return
        drawn = np.zeros((1, *plan.members.shape[1:]), dtype=np.uint64)
        for tree, seed in enumerate(self._seeds):
            drawn[0, sample(seed, n), tree // 64] |= np.uint64(1 << (tree % 64))
        plan.slot_of[n] = len(plan.members)
        self.plan = plan._replace(members=np.concatenate([plan.members, drawn]))


def smallest_target_gap(random_state: int, history: int) -> float:
    """Return how close two of the random targets are, which scikit-learn fits its trees to."""
    targets = np.sort(np.random.RandomState(random_state).uniform(size=history))
    return float(np.diff(targets).min())
