"""A score per trade, the higher the odder, so that profiles can be compared at any threshold."""

from importlib import import_module
from typing import Protocol

import numpy as np

from tape.codec.array_types import F64
from tape.detection.kind import Kind
from tape.detection.protocol import DUPLICATE, Verdicts
from tape.judging.judge import Judge
from tape.model.columns import TradeColumns

DROPPED = -1.0
"""Score of a trade that is dropped as seen before."""


class Scorer(Protocol):
    """Gives a score to what a detector without one has judged, batch by batch."""

    def of(self, trades: TradeColumns, verdicts: Verdicts) -> F64:
        """Return the scores of a batch."""


class Flags:
    """The score of a detector that knows none: 1 for a flagged trade, 0 for any other."""

    def of(self, trades: TradeColumns, verdicts: Verdicts) -> F64:
        """Return the scores of a batch."""
        scores: F64 = (verdicts.rules != 0).astype(np.float64)
        scores[verdicts.outcome >= DUPLICATE] = DROPPED
        return scores


class Scores:
    """Scores of one judge's trades, batch by batch: a column for each of its detectors.

    A detector's own priority or else score (`Verdicts`), or that of its kind's scorer, or whether
    it flags.
    """

    def __init__(self, judge: Judge) -> None:
        self._scorers = [_scorer(kind, judge) for kind in judge.lineup.kinds]

    def of(self, trades: TradeColumns, verdicts: Verdicts) -> F64:
        """Return a row for each trade of the batch that the judge has just judged."""
        scores = np.full((len(trades), len(self._scorers)), DROPPED)
        if len(self._scorers) == 1:
            scores[:, 0] = _one(self._scorers[0], trades, verdicts)
            return scores
        for column, (scorer, part) in enumerate(zip(self._scorers, verdicts.parts, strict=True)):
            rows = slice(None) if part.positions is None else part.positions
            scores[rows, column] = _one(scorer, part.trades, part.verdicts)
        scores[verdicts.outcome >= DUPLICATE] = DROPPED
        return scores


def combined(scores: F64) -> F64:
    """Return one score per trade from those of several detectors, which have no common unit.

    Each is replaced by its rank among the trades, from 0 to 1, equal ones sharing their mean rank;
    then the largest counts.

    >>> combined(np.array([[3.0, 0.0], [1.0, 0.0], [2.0, 1.0], [-1.0, -1.0]])).tolist()
    [1.0, 0.25, 1.0, -1.0]
    """
    if scores.shape[1] == 1:
        column: F64 = scores[:, 0]
        return column
    counted = (scores > DROPPED).any(axis=1)
    result = np.full(len(scores), DROPPED)
    if counted.any():
        result[counted] = np.column_stack([_ranks(one) for one in scores[counted].T]).max(axis=1)
    return result


def _ranks(values: F64) -> F64:
    """Return the mean rank of each value among all, from 0 to 1."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: F64 = ((ends - counts) + (ends - 1)) / 2 / max(len(values) - 1, 1)
    return means[which]


def _one(scorer: Scorer, trades: TradeColumns, verdicts: Verdicts) -> F64:
    if verdicts.priority is not None:
        return verdicts.priority
    return scorer.of(trades, verdicts) if verdicts.score is None else verdicts.score


def _scorer(kind: Kind, judge: Judge) -> Scorer:
    """Return what gives scores where a detector of this kind gives none."""
    if not kind.scorer:
        return Flags()
    module, _, name = kind.scorer.partition(":")
    made: Scorer = getattr(import_module(module), name)(
        kind.parameters.of(judge.parameters), judge.symbols
    )
    return made
