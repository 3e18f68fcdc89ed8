"""How well scores rank labelled trades above ordinary ones."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64, Bools

Scores = npt.NDArray[Any]
AT: Final = (10, 100, 1_000)
"""Trades at the top of the list, of which precision says how many are labelled."""


def roc_auc(labelled: Bools, scores: Scores) -> float:
    """Return the chance that a labelled trade scores higher than an ordinary one; a tie is half.

    >>> roc_auc(np.array([True, False, False]), np.array([2.0, 2.0, 1.0]))
    0.75
    """
    ordinary = np.sort(scores[~labelled])
    above = scores[labelled]
    below = np.searchsorted(ordinary, above, side="left")
    equal = np.searchsorted(ordinary, above, side="right") - below
    return float((below + 0.5 * equal).sum() / (len(above) * len(ordinary)))


def pr_auc(labelled: Bools, scores: Scores) -> float:
    """Return the precision at the score of each labelled trade, averaged; ties stand together.

    >>> pr_auc(np.array([True, False, True, False]), np.array([4.0, 3.0, 2.0, 1.0]))
    0.8333333333333333
    """
    negative = -scores.astype(np.float64)
    found = np.sort(negative[labelled])
    first = np.searchsorted(np.sort(negative), found, side="right")
    true = np.searchsorted(found, found, side="right")
    return float((true / first).mean())


def precision_at(labelled: Bools, scores: Scores, k: int) -> float:
    """Return the share of labelled trades among the k that score highest.

    Of trades that share the last place, each counts for its share of it.

    >>> precision_at(np.array([True, False, True]), np.array([3.0, 1.0, 1.0]), 2)
    0.75
    """
    k = min(k, len(scores))
    last = np.sort(scores)[len(scores) - k]
    above, tied = scores > last, scores == last
    places = (k - above.sum()) / tied.sum()
    return float((labelled[above].sum() + places * labelled[tied].sum()) / k)


def measures(
    labelled: Bools, scores: Scores, kinds: npt.NDArray[Any], events: npt.NDArray[Any]
) -> dict[str, Any]:
    """Return the figures of a ranking.

    Args:
        labelled: per trade whether it has a label.
        scores: per trade.
        kinds: per trade the name of its kind; anything for an ordinary one.
        events: per trade the number of its event; anything for an ordinary one.
    """
    ks = (*AT, int(labelled.sum()))
    ordinary = ~labelled
    of_kind: dict[str, Any] = {}
    for kind in sorted(set(kinds[labelled].tolist())):
        own = labelled & (kinds == kind)
        rows = own | ordinary
        of_kind[kind] = {
            "events": len(np.unique(events[own])),
            "trades": int(own.sum()),
            "roc_auc": _round(roc_auc(own[rows], scores[rows])),
            "pr_auc": _round(pr_auc(own[rows], scores[rows])),
        }
    return {
        "trades": len(scores),
        "labelled_trades": int(labelled.sum()),
        "events": len(np.unique(events[labelled])),
        "roc_auc": _round(roc_auc(labelled, scores)),
        "pr_auc": _round(pr_auc(labelled, scores)),
        "precision_at": {str(k): _round(precision_at(labelled, scores, k)) for k in ks},
        "by_kind": of_kind,
    }


def at_severity(
    labelled: Bools,
    severities: F64,
    kinds: npt.NDArray[Any],
    events: npt.NDArray[Any],
    limit: float,
) -> dict[str, Any]:
    """Return what would be flagged from a severity on: events found, ordinary trades per 10,000."""
    flagged = severities >= limit
    found: dict[str, Any] = {}
    for kind in sorted(set(kinds[labelled].tolist())):
        own = labelled & (kinds == kind)
        found[kind] = {
            "events": len(np.unique(events[own])),
            "found": len(np.unique(events[own & flagged])),
        }
    return {
        "severity": _round(limit),
        "events": len(np.unique(events[labelled])),
        "found": len(np.unique(events[labelled & flagged])),
        "ordinary_per_10k": _round(10_000 * float(flagged[~labelled].mean())),
        "by_kind": found,
    }


def _round(value: float) -> float:
    return round(value, 6)
