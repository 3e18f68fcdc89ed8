"""What a reader of `tape evaluate`'s figures must know of the days, in sentences."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from tape.desk.evaluate.baselines import tuned_on
from tape.desk.evaluate.evaluate import Task
from tape.desk.evaluate.families import family_of
from tape.desk.evaluate.labels import UNKNOWN, UNNAMED, Label
from tape.detection.calibrated.symbol_tails import SETTLED
from tape.detection.parameters import Parameters
from tape.process.terminal_text import cell
from tape.settings.thresholds_file import unknown_symbols

MOST_LISTED: Final = 5
"""Symbols, or kinds, that a sentence names."""
FEW: Final = 1_000
"""Trades of a symbol that hardly differ from none."""


def notes_of(
    work: Sequence[Task],
    labels: Sequence[Label],
    parameters: Parameters,
    *,
    anomalies: int | None,
    baselines: bool,
) -> Iterator[str]:
    """Yield sentences about the days.

    Args:
        work: the days.
        labels: what is labelled in them.
        parameters: with which they are judged.
        anomalies: how many were to be put into each; None where labels were given.
        baselines: whether there are any.
    """
    for task in work:
        name = cell(task.day.name)
        if anomalies is not None and len(task.events) < anomalies:
            yield f"{name} has room for {len(task.events)} of {anomalies} anomalies"
        if not task.calibration:
            yield f"{name} is judged from a cold start; name past days with --calibrate-on"
        else:
            yield from (f"{name}: {cell(one)}" for one in _thin(task.known_trades()))
        if baselines and tuned_on(task.day, task.calibration)[0] is task.day:
            yield f"{name}: the limits of the baselines come from the day itself, in their favour"
        yield from (f"{name}: {cell(one)}" for one in _one_sided(task))
    if anomalies is None:
        yield from _unknown_families(labels)
    known = {name for task in work for name in task.day.symbols}
    unused = unknown_symbols(parameters.overrides, known, "the judged days")
    if unused is not None:
        yield cell(unused)


def _one_sided(task: Task) -> Iterator[str]:
    """Yield in words why the figures of a day may say little."""
    judged = np.ones(len(task.day.trades), np.bool_) if task.judged is None else task.judged
    labelled = np.zeros(len(judged), np.bool_)
    for event in task.events:
        labelled[event.rows] = True
    labelled &= judged
    if not labelled.any():
        yield "no trade is labelled, so recall and PR-AUC are 0 and only its alarms say something"
        return
    if labelled.sum() == judged.sum():
        yield "each trade is labelled, so precision and PR-AUC say nothing: each order is right"
    trades = np.bincount(task.day.trades.symbol[judged], minlength=len(task.day.symbols))
    symbols = np.unique(task.day.trades.symbol[labelled]).tolist()
    few = {task.day.symbols[one]: int(trades[one]) for one in symbols if trades[one] < FEW}
    if few:
        yield f"little can be said of labels on symbols with few trades: {_listed([*few], few)}"


def _unknown_families(labels: Iterable[Label]) -> Iterator[str]:
    kinds = {one.kind for one in labels if one.family == UNKNOWN and family_of(one.kind) is None}
    kinds.discard(UNNAMED)
    if kinds:
        names = ", ".join(sorted(kinds)[:MOST_LISTED]) + ", …" * (len(kinds) > MOST_LISTED)
        yield cell(
            f"counted as odd {UNKNOWN}s: {names}; a column `family` in the labels says otherwise"
        )


def _thin(known: dict[str, int]) -> Iterator[str]:
    """Yield in words which symbols the calibration days know too little."""
    cold = [name for name, count in known.items() if count < FEW]
    if cold:
        yield (
            f"the calibration days hold little of {_listed(cold, known)}: "
            "judged nearly from a cold start"
        )
    young = [name for name, count in known.items() if FEW <= count < SETTLED]
    if young:
        yield (
            f"{SETTLED:,} trades are needed until `calibrated` trusts what it has learnt; the "
            f"calibration days hold fewer of {_listed(young, known)}"
        )


def _listed(names: Sequence[str], known: dict[str, int]) -> str:
    """Return symbols with their trades, as many as can be read."""
    more = f" and {len(names) - MOST_LISTED:,} more" if names[MOST_LISTED:] else ""
    return ", ".join(f"{name} ({known[name]:,} trades)" for name in names[:MOST_LISTED]) + more
