"""What a trader reads about a trade that a model flagged."""

from typing import Any, Final, NamedTuple

import numpy as np

from tape.codec.array_types import F64
from tape.detection.supervised.columns import COLUMNS, COUNT
from tape.detection.supervised.models import Model
from tape.detection.supervised.walk_kernel import contributions
from tape.model.anomaly import Feature
from tape.model.rules import Family

MOST_TOLD: Final = 8.0
"""Severities are capped at 1 in 100 million."""
LISTED: Final = 6
"""Features of a message, and of its sentence."""
IN_WORDS: Final = 3
DIGITS: Final = 8
"""Of a model's identity, in a sentence."""


class Why(NamedTuple):
    """Which features speak for a flag, those that count most first, and by how much."""

    order: list[int]
    counted: F64


def why(model: Model, values: Any) -> Why:
    """Return what speaks for a flag; a feature that is not known has nothing to say."""
    counted = np.zeros(COUNT + 1)
    contributions(model.trees, np.ascontiguousarray(values, np.float32), counted)
    known = np.isfinite(values)
    order = [int(n) for n in np.argsort(-counted[:COUNT], kind="stable")]
    return Why([n for n in order if counted[n] > 0 and known[n]][:LISTED], counted)


def family(found: Why) -> Family:
    """Return what is odd of the trade: the family whose features count most together."""
    sums: dict[Family, float] = {"price": 0.0, "size": 0.0, "feed": 0.0}
    for n in found.order:
        sums[COLUMNS[n].family] += float(found.counted[n])
    return max(sums, key=lambda one: sums[one])


def features(model: Model, values: Any, found: Why) -> list[Feature]:
    """Return the features that count most, with their shares of what counts."""
    whole = sum(float(found.counted[n]) for n in found.order)
    return [
        Feature(
            name=COLUMNS[n].name,
            unit=COLUMNS[n].unit,
            value=_rounded(float(values[n])),
            median=model.usual[n],
            one_in_10k=model.rare[n],
            share=round(float(found.counted[n]) / whole, 3),
        )
        for n in found.order
    ]


def sentence(model: Model, severity: float, values: Any, found: Why) -> str:
    """Return one sentence: how rare such a score is, and what counts most for it.

    The severity is told as a power of ten, as the calibrated profile does it.
    """
    parts = [
        f"{COLUMNS[n].words} {_rounded(float(values[n])):g} {COLUMNS[n].unit} "
        f"({float(found.counted[n]):+.1f})"
        for n in found.order[:IN_WORDS]
    ]
    text = (
        f"The model {model.identity[:DIGITS]} scores 1 in 10^{severity:.1f} ordinary trades as high"
    )
    return f"{text}: {', '.join(parts)}." if parts else f"{text}."


def _rounded(value: float) -> float:
    """Return four significant digits."""
    return float(f"{value:.4g}")
