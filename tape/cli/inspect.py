"""`tape inspect`: what is in these files."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tape.archives import Archive, count_rows_hint
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.given import Columns, TimeZone, given_by, with_given
from tape.cli.output import (
    Force,
    counted,
    notes_console,
    row_bars,
    say_outcome,
)
from tape.cli.suggesting import suggest_columns
from tape.desk.inspect import Inspecting
from tape.desk.inspect.report import outcome_of
from tape.desk.inspect.tables import sentences, tables
from tape.desk.plots.day import Picture, check_plot
from tape.errors import SettingsError
from tape.judging.judge import Judge
from tape.judging.replay import Replay
from tape.model.counts import Counts
from tape.process.terminal_text import cell
from tape.process.whole_file import OutputFile
from tape.settings.detector import DetectorSettings
from tape.settings.load import load


def inspect(
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders of DataBento trades.", readable=False)
    ],
    calendar: Annotated[
        str, typer.Option(help="Exchange whose trading days and hours count, as a MIC code.")
    ] = "XNYS",
    plot: Annotated[
        Path | None, typer.Option(help="Draw price, volume and flagged trades into this .png file.")
    ] = None,
    suggest: Annotated[
        bool,
        typer.Option(
            "--suggest-columns", help="Write a columns file for this file (one file only)."
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="With --suggest-columns: the file to write."),
    ] = None,
    columns: Columns = None,
    time_zone: TimeZone = None,
    force: Force = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Report what is in these files: encoding, symbols, days, order, auctions, and faults.

    Exit code 2 if anything was rejected or skipped, if a file differs from its manifest, or if
    there is no trade; the rest is inspected.

    Example: tape inspect nasdaq --plot day.png
    """
    shape = form_of(form, as_json)
    if suggest:
        return suggest_columns(paths, output, given_by(columns, time_zone).time_zone, force=force)
    if output is not None:
        raise SettingsError("--output is for --suggest-columns", "the report goes to the terminal")
    others = [*filter(None, [columns])]
    if plot is not None:  # only a picture shows what is flagged, with settings
        others += load(DetectorSettings).files
    picture = None if plot is None else OutputFile(plot, inputs=[*paths, *others], force=force)
    if picture is not None:
        check_plot(picture)
    run = Inspecting(calendar)
    run.find(paths, others=others)
    run.archives = with_given(run.archives, given_by(columns, time_zone))
    with row_bars() as bars:
        hint = sum(map(count_rows_hint, run.archives))
        task = bars.add_task("inspecting", rate=0.0, total=hint)
        found = run.run(
            lambda rows: bars.update(task, completed=rows, rate=bars.tasks[0].speed or 0.0)
        )
    if picture is not None and found.trades:
        _draw(run.archives, picture)
    outcome = outcome_of(found)
    outcome.skipped += run.skipped
    figures = msgspec.to_builtins(found)
    show(shape, {**figures, **outcome.as_json()}, lambda: tables(found), figures["files"])
    notes = notes_console()
    for sentence in sentences(found):
        notes.print(cell(sentence), soft_wrap=True, highlight=False)
    say_outcome(outcome)
    notes.print(
        f"{counted(found.rows, 'row')} in {found.elapsed_s:.2f} s ({found.rows_per_s:,} rows/s)",
        soft_wrap=True,
        highlight=False,
    )
    if plot is not None and found.trades:
        notes.print(f"written: {cell(str(plot))}", soft_wrap=True, highlight=False)
    return outcome.exit_code if found.trades else 2


def _draw(archives: list[Archive], output: OutputFile) -> None:
    """Judge the files, with the detector's settings, and draw what it flags."""
    settings = load(DetectorSettings)
    judge = Judge(settings.parameters(), settings.max_symbols, Counts())
    replay, picture = Replay(archives, judge), Picture()
    with row_bars() as bars:
        task = bars.add_task("judging", rate=0.0, total=sum(map(count_rows_hint, archives)))
        for shown in replay.batches():
            picture.add(shown.values, shown.flagged, [step.value for step in shown.episodes])
            bars.update(task, completed=replay.rows, rate=bars.tasks[0].speed or 0.0)
    picture.save(output)
