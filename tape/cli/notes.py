"""What a command that judges files says beside its result, on standard error."""

from collections.abc import Collection
from pathlib import Path

from rich.progress import Progress, TaskID

from tape.cli.output import notes_console
from tape.judging.replay import Replay
from tape.model.counts import Counts
from tape.model.fields import NANOS
from tape.process.terminal_text import cell
from tape.settings.thresholds_file import unknown_symbols


def advance(bars: Progress, task: TaskID, rows: int) -> None:
    """Show how many rows were read."""
    bars.update(task, completed=rows, rate=bars.tasks[0].speed or 0.0)


def say_order(counts: Counts) -> None:
    """Say how many trades were duplicates or late, how far behind at most, and in no bar."""
    sentences = []
    if counts.duplicate:
        sentences.append(
            f"duplicates: {_trades(counts.duplicate)} dropped, each among the last 1,024 of its "
            "symbol already"
        )
    if counts.late:
        sentences.append(
            f"late: {_trades(counts.late)} older than the newest of their publisher, by up to "
            f"{_seconds(counts.late_max_ns)} s; judged all the same"
        )
    if counts.late_for_bars:
        sentences.append(
            f"in no bar: {_trades(counts.late_for_bars)}, which came after their second's bar "
            "was done"
        )
    for sentence in sentences:
        notes_console().print(sentence, soft_wrap=True, highlight=False)


def say_skipped(run: Replay) -> None:
    """Say how many rows are not trades, or are of a symbol that was not asked for."""
    if run.skipped:
        rows = f"{run.skipped:,} row" + ("" if run.skipped == 1 else "s")
        others = " or of symbols that --symbols does not name" if run.part.symbols else ""
        text = f"skipped: {rows}, not trades (orders, quotes, empty lines){others}"
        notes_console().print(text, soft_wrap=True, highlight=False)


def _seconds(ns: int) -> str:
    """Return nanoseconds as seconds, six digits of them, never with an exponent.

    >>> _seconds(633_543_197_460), _seconds(183_806_993_761_972_130), _seconds(1_500)
    ('633.543', '183,806,994', '0.0000015')
    """
    seconds = ns / NANOS
    text = f"{seconds:,.6g}" if 0.001 <= seconds < 1e6 else f"{seconds:,.9f}".rstrip("0")
    return text if seconds < 1e6 else f"{seconds:,.0f}"


def _trades(count: int) -> str:
    return f"{count:,} trade" + ("" if count == 1 else "s")


def say_missing(run: Replay) -> None:
    """Name the symbols of --symbols that the files do not hold."""
    missing = sorted(run.part.symbols - set(run.judge.symbols.names))
    if missing and not run.outcome.forgotten:  # of these the name may be gone, too
        notes_console().print(
            f"--symbols: no trade of {cell(', '.join(missing))} in these files",
            soft_wrap=True,
            highlight=False,
        )


def say_unused(overrides: Collection[str], judged: Collection[str]) -> None:
    """Name the symbols with settings of their own that no trade is of."""
    told = unknown_symbols(overrides, judged)
    if told is not None:
        notes_console().print(cell(told))


def say_idle_model(model: Path | None, run: Replay) -> None:
    """Say that a model is not used, if the profile has nothing that uses one."""
    if model is not None and all(kind.name != "supervised" for kind in run.judge.lineup.kinds):
        notes_console().print(
            f"MODEL={cell(str(model))} is not used: PROFILE has no supervised",
            soft_wrap=True,
            highlight=False,
        )
