"""Draws the real misprints of the labelled day, and what `calibrated` says of them."""

import csv
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.real_labels import MAX_SYMBOLS, Labelled, labelled_day, quotes_of
from tape.archives import find_archives
from tape.desk.evaluate.matching import Event
from tape.desk.past_days import Verdict, judge_day
from tape.desk.plots.day import Picture
from tape.desk.plots.saving import save_figure
from tape.desk.plots.style import FLAGGED, ORDINARY
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.replay import Part, Replay
from tape.market.new_york import clock_s
from tape.model.counts import Counts
from tape.model.fields import NANOS
from tape.process.whole_file import OutputFile

LEAST_BP: Final = 10
AROUND: Final = 30
"""Trades of the symbol that are shown before the first labelled one, and as many after the last."""
COLUMNS: Final = 3
SHOWN: Final = "BAC"
"""The symbol with most of the misprints."""
QUOTE: Final = "0.75"
SOURCE: Final = (
    "Trades and quotes of 2013-10-08: sample data of QuantConnect/Lean, Apache-2.0. Times are New "
    "York's; across: trades of the symbol from the first labelled one; up: dollars per share."
)


def draw(path: Path, folder: Path) -> None:
    """Draw each event of the labelled day, with the best bid and offer around it."""
    from matplotlib.figure import Figure

    labelled = labelled_day(folder)
    bid, ask = quotes_of(folder)
    verdict = judge_day(labelled.day, [], Parameters(profile="calibrated"), MAX_SYMBOLS)
    events = [one for one in labelled.events[LEAST_BP] if labelled.quoted[one.rows].any()]
    lines = -(-len(events) // COLUMNS)
    figure = Figure(figsize=(14, 2.5 * lines + 0.6), layout="constrained")
    panels = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
    excess = _excess_bp(folder)
    for panel, event in zip(panels, events, strict=False):
        _draw(panel, labelled, event, verdict, (bid, ask))
        panel.set_title(_title(labelled, event, verdict, excess), loc="left", size="small")
    for panel in panels[len(events) :]:
        panel.axis("off")
    handles, names = panels[0].get_legend_handles_labels()
    for panel in panels[: len(events)]:
        for handle, name in zip(*panel.get_legend_handles_labels(), strict=True):
            if name not in names:
                handles, names = [*handles, handle], [*names, name]
    figure.legend(handles, names, loc="outside upper left", ncols=4, frameon=False)
    figure.supxlabel(SOURCE, size="small", x=0.01, ha="left")
    figure.set_dpi(80)
    save_figure(figure, OutputFile(path, force=True))


def draw_day(path: Path, folder: Path) -> None:
    """Draw the whole day of one symbol, as `tape replay --plot` does."""
    judge = Judge(Parameters(profile="calibrated"), MAX_SYMBOLS, Counts())
    archives = find_archives(next(folder.glob("*.trades.csv.zst"))).archives
    picture = Picture()
    for part in Replay(archives, judge, Part(frozenset({SHOWN}))).batches():
        picture.add(part.values, part.flagged, [step.value for step in part.episodes])
    picture.save(OutputFile(path, force=True))


def _excess_bp(folder: Path) -> dict[tuple[str, int], float]:
    """Return by how much labelled trades lie outside, by symbol and sequence."""
    lines = (folder / f"labels-{LEAST_BP}bp.csv").read_text().splitlines()
    return {
        (one["symbol"], int(one["sequence"])): float(one["excess_bp"])
        for one in csv.DictReader(lines)
    }


def _title(
    labelled: Labelled, event: Event, verdict: Verdict, excess: dict[tuple[str, int], float]
) -> str:
    trades, first = labelled.day.trades, event.rows[0]
    symbol = labelled.day.symbols[trades.symbol[first]]
    second = int(clock_s(trades.ts_event_ns[first : first + 1])[0])
    at = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    most = max(excess[symbol, int(sequence)] for sequence in trades.sequence[event.rows])
    found = "flagged" if verdict.flagged[event.rows].any() else "not flagged"
    priority = verdict.score[event.rows].max()
    return f"{symbol} {at}, {most:.0f} bp outside: {found}, priority {priority:.1f}"


def _draw(
    panel: Any, labelled: Labelled, event: Event, verdict: Verdict, quotes: tuple[Any, Any]
) -> None:
    trades = labelled.day.trades
    own = np.flatnonzero(trades.symbol == trades.symbol[event.rows[0]])
    first, last = np.searchsorted(own, [event.rows[0], event.rows[-1]])
    begin = max(int(first) - AROUND, 0)
    rows = own[begin : int(last) + AROUND + 1]
    at = np.arange(len(rows)) + begin - int(first)
    price = trades.price_nanos[rows] / NANOS
    sides = [np.where(labelled.quoted[rows], side[rows] / NANOS, np.nan) for side in quotes]
    panel.fill_between(at, *sides, step="mid", color=QUOTE, label="best bid to best offer")
    panel.plot(at, price, color=ORDINARY, linewidth=0.7, marker=".", markersize=4, label="trades")
    misprints = np.isin(rows, event.rows)
    panel.scatter(
        at[misprints],
        price[misprints],
        marker="x",
        s=40,
        color="black",
        zorder=4,
        label="labelled: outside the quotes",
    )
    flagged = verdict.flagged[rows]
    if flagged.any():
        panel.scatter(
            at[flagged],
            price[flagged],
            s=90,
            facecolors="none",
            edgecolors=FLAGGED,
            linewidths=1.5,
            zorder=3,
            label="flagged by calibrated",
        )
    panel.ticklabel_format(axis="y", useOffset=False)
    panel.tick_params(labelsize="small")
