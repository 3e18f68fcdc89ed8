"""What others use for the same job, on the same prices in the same run: trades a second each."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.machine.engine import tape_columns

TREES, WINDOW, REFIT_EVERY, SUBSAMPLE = 100, 1_000, 1_000, 256
SECONDS = 2.0
"""How long each peer is watched."""


def _standardised(trades: int) -> list[float]:
    """Return the z of each price of a synthetic tape in its last 1,000 prices."""
    prices = tape_columns(trades + WINDOW, 1).price_nanos / 1e9
    windows = np.lib.stride_tricks.sliding_window_view(prices, WINDOW)[1:]
    z: list[float] = ((windows[:, -1] - windows.mean(1)) / windows.std(1)).tolist()
    return z


def _rate(tick: Callable[[float], object], values: list[float]) -> float:
    """Return ticks a second of thread CPU time, over `SECONDS` or all values."""
    start_s, done = time.thread_time(), 0
    for value in values:
        tick(value)
        done += 1
        if time.thread_time() - start_s > SECONDS:
            break
    return done / (time.thread_time() - start_s)


def sklearn_trades_per_s() -> float:
    """Return the rate of scikit-learn refitted every 1,000 trades and asked for each trade."""
    from sklearn.ensemble import IsolationForest

    values = _standardised(3_000)
    training = np.array(values[:WINDOW], np.float32).reshape(-1, 1)
    start_s = time.thread_time()
    forest = IsolationForest(n_estimators=TREES, contamination=0.01, random_state=42).fit(training)
    fit_s = time.thread_time() - start_s
    score_s = 1 / _rate(lambda z: forest.decision_function([[z]]), values[WINDOW:])
    return REFIT_EVERY / (fit_s + REFIT_EVERY * score_s)


def river_trades_per_s() -> float | None:
    """Return the rate of river's half-space trees, learning and scoring each trade."""
    try:
        from river.anomaly import HalfSpaceTrees
    except ImportError:
        return None
    model = HalfSpaceTrees(n_trees=TREES, window_size=WINDOW, limits={"z": (-8, 8)}, seed=42)

    def tick(z: float) -> None:
        model.score_one({"z": z})
        model.learn_one({"z": z})

    return _rate(tick, _standardised(20_000))


def rrcf_trades_per_s() -> float | None:
    """Return the rate of a robust random cut forest of 100 trees that remember 256 trades."""
    try:
        import rrcf
    except ImportError:
        return None
    trees = [rrcf.RCTree() for _ in range(TREES)]
    values = _standardised(3_000)
    for index, value in enumerate(values[:SUBSAMPLE]):
        for tree in trees:
            tree.insert_point([value], index=index)
    next_index = SUBSAMPLE

    def tick(z: float) -> None:
        nonlocal next_index
        for tree in trees:
            tree.forget_point(next_index - SUBSAMPLE)
            tree.insert_point([z], index=next_index)
            tree.codisp(next_index)
        next_index += 1

    return _rate(tick, values[SUBSAMPLE:])


def peer_figures() -> dict[str, Any]:
    """Return every peer's rate; None for one that is not installed."""
    return {
        "peer_sklearn_per_tick_trades_per_s": sklearn_trades_per_s(),
        "peer_river_half_space_trees_trades_per_s": river_trades_per_s(),
        "peer_rrcf_trades_per_s": rrcf_trades_per_s(),
    }
