"""Draws a synthetic day beside real ones, for `docs/detection.md`: how alike they are.

`tests/unit/synthetic/test_synthetic_likeness.py` holds the same properties to bounds.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from tape.archives.discovery import Archive
from tape.desk.plots.saving import save_figure
from tape.process.whole_file import OutputFile
from tape.synthetic import SyntheticDay, load_day, make_day

F64 = npt.NDArray[np.float64]
SYMBOL: Final = "NVDA"
TRADES: Final = 200_000


def _sizes(day: SyntheticDay) -> F64:
    return day.size.astype(np.float64)


def _spacing_us(day: SyntheticDay) -> F64:
    apart = np.diff(day.ts_event_ns) / 1e3
    return apart[apart > 0]


def _moves_bps(day: SyntheticDay) -> F64:
    moves = np.abs(np.diff(np.log(day.price_nanos))) * 1e4
    return moves[moves > 0]


def _per_ms(day: SyntheticDay) -> F64:
    return np.unique(day.ts_event_ns // 1_000_000, return_counts=True)[1].astype(np.float64)


def _per_time(day: SyntheticDay) -> F64:
    return np.unique(day.ts_event_ns, return_counts=True)[1].astype(np.float64)


PANELS: Final[dict[str, Callable[[SyntheticDay], F64]]] = {
    "shares of a trade": _sizes,
    "µs to the next other time": _spacing_us,
    "move of a trade that moves, bps": _moves_bps,
    "trades in a millisecond that has any": _per_ms,
    "trades of one time": _per_time,
}


def draw_likeness(path: Path, archives: Sequence[Archive]) -> None:
    """Draw, per property, the share of values that are larger: synthetic, and each real day."""
    days = {f"real {archive.path.name[10:18]}": load_day(archive)[0] for archive in archives}
    made = make_day(seed=1, symbols=[SYMBOL], trades=TRADES, anomalies=0)
    figure = Figure(figsize=(13, 7.5), layout="constrained")
    panels = figure.subplots(2, 3).ravel()
    for panel, (name, values_of) in zip(panels, PANELS.items(), strict=False):
        for label, day in {**days, "synthetic": made}.items():
            values = np.sort(values_of(day))
            larger = 1.0 - np.arange(len(values)) / len(values)
            style = {"color": "tab:red"} if day is made else {"color": "grey", "linewidth": 0.9}
            panel.plot(values, larger, label=label, **style)
        panel.set(xscale="log", yscale="log", xlabel=name)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("share of values at least as large")
    panels[3].set_ylabel("share of values at least as large")
    panels[5].axis("off")
    panels[5].legend(*panels[0].get_legend_handles_labels(), loc="center")
    figure.set_dpi(80)
    save_figure(figure, OutputFile(path, force=True))
