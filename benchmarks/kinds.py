"""Draws what the profiles see of each kind of anomaly, for `docs/detection.md`."""

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from tape.desk.day import Day, read_day
from tape.desk.evaluate.labelled_days import injected, made_up_days
from tape.desk.evaluate.labels import read_labels
from tape.desk.evaluate.matching import Event, match
from tape.desk.past_days import Verdict, judge_day, others
from tape.desk.plots.style import FLAGGED, ORDINARY, VOLUME, behind
from tape.detection.parameters import Parameters
from tape.model.fields import NANOS
from tape.synthetic import KINDS

AROUND: Final = 60
"""Trades of the symbol that are shown before the anomaly, and as many after it."""
NTH: Final = 3
"""Which one of each kind is shown: fixed, so that none is chosen for its looks."""


def draw_kinds(path: Path, *, seed: int, anomalies: int, max_symbols: int) -> None:
    """Draw the same event of each kind on a synthetic day, and which of its trades are flagged."""
    from matplotlib.figure import Figure

    with tempfile.TemporaryDirectory(prefix="tape-kinds-") as name:
        folder = Path(name)
        days = made_up_days(folder, seed)
        copies, labels, _ = injected(days, folder, seed=seed, anomalies=anomalies)
        past = [read_day(archive, max_symbols) for archive in days]
        day = read_day(copies[-1], max_symbols)
        (events,) = match(read_labels(labels[-1]), [day])
        verdicts = {
            profile: judge_day(day, others(day, past), Parameters(profile=profile), max_symbols)
            for profile in ("classic", "calibrated")
        }
    figure = Figure(figsize=(13, 15), layout="constrained")
    panels = figure.subplots(4, 2).ravel()
    for panel, kind in zip(panels, KINDS, strict=False):
        event = [event for event in events if event.kind == kind][NTH - 1]
        _draw(panel, day, event, verdicts)
    panels[-1].axis("off")
    panels[-1].legend(*panels[0].get_legend_handles_labels(), loc="center", frameon=False)
    figure.savefig(path)


def _draw(panel: Any, day: Day, event: Event, verdicts: dict[str, Verdict]) -> None:
    symbol = day.trades.symbol[event.rows[0]]
    own = np.flatnonzero(day.trades.symbol == symbol)
    first, last = np.searchsorted(own, [event.rows[0], event.rows[-1]])
    rows = own[max(first - AROUND, 0) : last + AROUND + 1]
    at = np.arange(len(rows)) - min(first, AROUND)
    price_usd = day.trades.price_nanos[rows] / NANOS
    behind(panel, "shares").bar(at, day.trades.size[rows], width=1, color=VOLUME)
    panel.axvspan(-0.5, last - first + 0.5, color=ORDINARY, alpha=0.12, label="the anomaly")
    panel.plot(at, price_usd, color=ORDINARY, linewidth=0.8, marker=".", markersize=3)
    for profile, marker, color in (("classic", "x", "black"), ("calibrated", "o", FLAGGED)):
        seen = verdicts[profile].flagged[rows]
        panel.scatter(
            at[seen],
            price_usd[seen],
            marker=marker,
            s=30 if marker == "x" else 60,
            color=color if marker == "x" else "none",
            edgecolors=None if marker == "x" else color,
            label=f"flagged by {profile}",
            zorder=3,
        )
    panel.set_title(f"{event.kind} ({day.symbols[symbol]})", loc="left")
    panel.set_xlabel("trades of the symbol from the first one of the anomaly")
    panel.set_ylabel("dollars per share")
