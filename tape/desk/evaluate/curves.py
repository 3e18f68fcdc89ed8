"""Precision–recall curves over trades, their average precision, and intervals by bootstrap."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tape.codec.array_types import F64
from tape.desk.evaluate.metrics import NONE, Held
from tape.market.new_york import I64

CHUNK: Final = 50
"""Draws of the bootstrap held in memory at once."""
INTERVAL: Final = (2.5, 97.5)
"""Percentiles between which the interval of 95 % lies."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The labelled trades of a `Held` in falling order of score.

    Attributes:
        event: of each labelled trade.
        end: of each, how many labelled trades score at least as much.
        ordinary: of each, how many ordinary trades score at least as much.
    """

    event: I64
    end: I64
    ordinary: I64

    @property
    def precision(self) -> F64:
        """Return, per labelled trade, the precision of flagging all that score as much or more."""
        precision: F64 = self.end / (self.end + self.ordinary)
        return precision

    @property
    def recall(self) -> F64:
        """Return, per labelled trade, the recall over trades at its score."""
        recall: F64 = self.end / max(len(self.end), 1)
        return recall


def curve(held: Held) -> Curve:
    """Return the precision–recall curve of scores over trades."""
    labelled = held.event != NONE
    score, event = held.score[labelled], held.event[labelled]
    order = np.argsort(-score, kind="stable")
    falling = -score[order]
    ordinary = np.sort(-held.score[~labelled])
    return Curve(
        event=event[order],
        end=np.searchsorted(falling, falling, side="right"),
        ordinary=np.searchsorted(ordinary, falling, side="right"),
    )


def event_curve(held: Held) -> Curve:
    """Return the curve of scores over events: each ranks where its best trade does."""
    order = np.argsort(-held.best, kind="stable")
    falling = -held.best[order]
    ordinary = np.sort(-held.score[held.event == NONE])
    return Curve(
        event=order.astype(np.int64),
        end=np.searchsorted(falling, falling, side="right"),
        ordinary=np.searchsorted(ordinary, falling, side="right"),
    )


def average_precision(of: Curve) -> float:
    """Return the PR-AUC: precision averaged over the labelled trades, at the score of each.

    It is what scikit-learn's `average_precision_score` returns; 0 without labelled trades.
    """
    return float(of.precision.mean()) if len(of.end) else 0.0


def intervals(held: Held, of: Curve, *, draws: int, seed: int) -> dict[str, list[float]]:
    """Return 95 % intervals of both PR-AUC, recall and precision: a bootstrap over events.

    Each draw takes as many events as there are, with replacement; ordinary trades and false
    alarms stay. Intervals say how much hangs on which anomalies came up, not on which days.
    """
    events = len(held.kinds)
    if not events or not draws:
        return {}
    random = np.random.default_rng([seed, 17])
    found = (held.delay != NONE).astype(np.float64)
    by_event = event_curve(held)
    areas, event_areas, recalls, precisions = [], [], [], []
    for first in range(0, draws, CHUNK):
        rows = min(CHUNK, draws - first)
        times = random.multinomial(events, np.full(events, 1 / events), rows).astype(np.float64)
        areas.append(weighted_average_precision(of, times))
        event_areas.append(weighted_average_precision(by_event, times))
        recalls.append(times @ found / events)
        true = times @ held.true_alarms
        precisions.append(true / np.maximum(true + held.false_alarms, 1))
    return {
        name: np.percentile(np.concatenate(values), INTERVAL).round(6).tolist()
        for name, values in (
            ("pr_auc", areas),
            ("event_pr_auc", event_areas),
            ("recall", recalls),
            ("precision", precisions),
        )
    }


def weighted_average_precision(of: Curve, times: F64) -> F64:
    """Return the average precision per row of `times`, which says how often each event counts."""
    weight = times[:, of.event]
    if weight.shape[1] == 0:
        return np.zeros(len(times))
    true = np.cumsum(weight, axis=1)[:, of.end - 1]
    all_flagged = np.maximum(true + of.ordinary, 1e-12)
    total = np.maximum(weight.sum(axis=1), 1e-12)
    areas: F64 = (weight * true / all_flagged).sum(axis=1) / total
    return areas
