"""A score per trade, the higher the odder, so that profiles can be compared at any threshold."""

import numpy as np
import numpy.typing as npt

from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.classic.reasons import thresholds_of
from tape.detection.protocol import DUPLICATE, Verdicts
from tape.judging.judge import Judge
from tape.market.new_york import I64
from tape.model.columns import TradeColumns
from tape.model.rules import ISOLATION_FOREST

F64 = npt.NDArray[np.float64]

DROPPED = -1.0
"""Score of a trade that the detector drops as seen before."""


class Scores:
    """Scores of one judge's trades, batch by batch.

    The calibrated profile's score is its severity. The classic rules give no score, so theirs is
    the largest of: size over its threshold; price change over its threshold; and, where the
    forest flags, 1 plus the distance in standard deviations to the nearest price that it takes
    for normal. So a trade that a rule flags has more than 1, and others at most 1.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._last_nanos: I64 = np.zeros(0, np.int64)

    def of(self, trades: TradeColumns, verdicts: Verdicts) -> F64:
        """Return the scores of the batch that the judge's detector has just judged."""
        detector = self._judge.detector
        if isinstance(detector, CalibratedDetector):
            return detector.last_scores.copy()
        return self._classic(trades, verdicts)

    def _classic(self, trades: TradeColumns, verdicts: Verdicts) -> F64:
        names = self._judge.symbols.names
        limits = np.array(
            [thresholds_of(self._judge.detector.parameters, name) for name in names], np.float64
        ).reshape(-1, 2)
        scores = np.full(len(trades), DROPPED)
        accepted = np.flatnonzero(verdicts.outcome < DUPLICATE)
        symbol = trades.symbol[accepted]
        scores[accepted] = trades.size[accepted] / limits[symbol, 0]
        change = self._changes(symbol, trades.price_nanos[accepted]) / limits[symbol, 1]
        scores[accepted] = np.maximum(scores[accepted], change)
        by_forest = (verdicts.rules[verdicts.flagged] & ISOLATION_FOREST.bit) != 0
        rows = verdicts.flagged[by_forest]
        evidence = verdicts.evidence[by_forest]
        beyond = 1.0 + np.abs(evidence["z"] - evidence["normal_z"])
        scores[rows] = np.maximum(scores[rows], beyond)
        return scores

    def _changes(self, symbol: npt.NDArray[np.int32], price_nanos: I64) -> F64:
        """Return each trade's move from the symbol's trade before it, as a share of its price."""
        more = len(self._judge.symbols.names) - len(self._last_nanos)
        self._last_nanos = np.append(self._last_nanos, np.zeros(more, np.int64))
        self._last_nanos[self._judge.symbols.renewed] = 0
        order = np.argsort(symbol, kind="stable")
        own, price = symbol[order], price_nanos[order]
        before = np.concatenate([price[:1], price[:-1]])
        first = np.diff(own, prepend=-1) != 0
        before[first] = self._last_nanos[own[first]]
        last = np.diff(own, append=-1) != 0
        self._last_nanos[own[last]] = price[last]
        moved = np.empty(len(order))
        moved[order] = _moves(before, price)
        return moved


def changes(price_nanos: I64) -> F64:
    """Return the move of each trade of one symbol from the one before it; 0 for the first."""
    return _moves(np.concatenate([price_nanos[:1], price_nanos[:-1]]), price_nanos)


def _moves(before_nanos: I64, price_nanos: I64) -> F64:
    """Return moves as shares of the price before, as the rule has them; 0 where there is none."""
    known = before_nanos != 0
    moved = np.zeros(len(price_nanos))
    p0 = before_nanos[known] / 1e9
    moved[known] = np.abs(price_nanos[known] / 1e9 - p0) / np.abs(p0)
    return moved
