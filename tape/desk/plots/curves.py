"""Precision over recall, one panel per profile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tape.desk.evaluate.evaluate import Result
from tape.desk.plots.saving import save_figure
from tape.process.whole_file import OutputFile

MOST_POINTS: Final = 400
"""Points of a curve that are drawn, and kept in its file."""
DIGITS: Final = 4
"""Decimals of a point: a hundredth of a percent."""
COLUMNS: Final = 3
"""Panels side by side."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A profile's curve over trades, few enough points to be kept with its figures.

    Attributes:
        recall: rising, of points on the curve.
        precision: of the same points.
        flags_at: recall and precision of what the profile flags; None if it flags nothing.
    """

    pr_auc: float
    recall: list[float]
    precision: list[float]
    flags_at: tuple[float, float] | None


def drawn(result: Result) -> Drawn:
    """Return what is drawn of a result."""
    of, held = result.curve, result.held
    points = np.unique(np.linspace(0, max(len(of.end) - 1, 0), MOST_POINTS).astype(np.int64))
    points = points[: len(of.end)]  # none where nothing is labelled
    flagged = int(held.flagged.sum())
    true = int((held.flagged & (held.event >= 0)).sum())
    at = (round(true / max(len(of.end), 1), DIGITS), round(true / max(flagged, 1), DIGITS))
    return Drawn(
        pr_auc=result.figures["pr_auc"],
        recall=of.recall[points].round(DIGITS).tolist(),
        precision=of.precision[points].round(DIGITS).tolist(),
        flags_at=at if flagged else None,
    )


def save_curves(output: OutputFile, curves: Mapping[str, Drawn]) -> None:
    """Draw precision over recall, one panel per profile; the point is where the profile flags."""
    from matplotlib.figure import Figure

    columns = min(len(curves), COLUMNS)
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(1 + 3.5 * columns, 0.5 + 3.5 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for panel in panels.ravel()[len(curves) :]:
        panel.axis("off")
    for panel, (profile, one) in zip(panels.ravel(), curves.items(), strict=False):
        panel.step([0.0, *one.recall], [*one.precision[:1], *one.precision], where="pre")
        if one.flags_at is not None:
            panel.plot(*one.flags_at, "o", color="tab:red", label="as it flags")
            panel.legend(loc="best")
        panel.set_title(f"{profile}: PR-AUC {one.pr_auc:.2f}", loc="left")
        panel.set_xlabel("recall over trades")
        panel.set_xlim(0, 1.01)
        panel.set_ylim(0, 1.02)
        panel.grid(alpha=0.3)
    for panel in panels[:, 0]:
        panel.set_ylabel("precision over trades")
    save_figure(figure, output)
