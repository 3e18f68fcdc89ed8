"""A score for the classic rules, which give none: how far beyond its threshold a trade is."""

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64, I64
from tape.codec.symbols import SymbolTable
from tape.detection.classic.reasons import thresholds_of
from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE, Verdicts
from tape.model.columns import TradeColumns
from tape.model.rules import ISOLATION_FOREST

DROPPED = -1.0
"""Score of a trade that the detector drops as seen before."""


class ClassicScores:
    """Scores of the trades of one detector, batch by batch.

    The largest of: size over its threshold; price change over its threshold; and, where the
    forest flags, 1 plus the distance in standard deviations to the nearest price that it takes
    for normal. So a trade that a rule flags has more than 1, and others at most 1.
    """

    def __init__(self, parameters: Parameters, symbols: SymbolTable) -> None:
        self._parameters, self._symbols = parameters, symbols
        self._last_nanos: I64 = np.zeros(0, np.int64)

    def of(self, trades: TradeColumns, verdicts: Verdicts) -> F64:
        """Return the scores of a batch that the detector has just judged."""
        limits = np.array(
            [thresholds_of(self._parameters, name) for name in self._symbols.names], np.float64
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
        more = len(self._symbols.names) - len(self._last_nanos)
        self._last_nanos = np.append(self._last_nanos, np.zeros(more, np.int64))
        self._last_nanos[self._symbols.renewed] = 0
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
