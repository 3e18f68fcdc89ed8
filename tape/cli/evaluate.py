"""`tape evaluate`: how well profiles find labelled anomalies."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tape.archives import by_start, find_archives
from tape.archives.discovery import Archive
from tape.archives.given import Given
from tape.archives.outcome import Outcome
from tape.cli.evaluate_notes import notes_of
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.given import Columns, TimeZone, given_by, with_given
from tape.cli.lists import TakesLists
from tape.cli.output import (
    Force,
    beside,
    notes_console,
    say_outcome,
)
from tape.desk.day import Day
from tape.desk.evaluate.baselines import BASELINES
from tape.desk.evaluate.evaluate import (
    Learn,
    Result,
    evaluate,
    evaluate_baseline,
    tasks,
)
from tape.desk.evaluate.labelled_days import LabelledDays, made_up_days
from tape.desk.evaluate.labels import read_labels
from tape.desk.evaluate.tables import terminal_tables
from tape.desk.past_days import PROFILES, check_profile, profile_names
from tape.desk.plots.curves import drawn, save_curves
from tape.desk.plots.day import check_plot
from tape.desk.tune.thresholds import learnt_parameters
from tape.detection.parameters import Parameters
from tape.detection.registry import lineup
from tape.errors import SettingsError
from tape.model.fields import TIME_MAX_NS
from tape.process.terminal_text import cell
from tape.process.whole_file import OutputFile, scratch_folder
from tape.settings.detector import DetectorSettings
from tape.settings.load import load

ANOMALIES = 84
"""Put into a day: twelve of each of the seven kinds."""


class _Evaluate(TakesLists):
    lists = ("--labels", "--calibrate-on", "--judged")


app = typer.Typer(add_completion=False)


@app.command("evaluate", cls=_Evaluate)
def evaluate_profiles(
    days: Annotated[
        list[Path] | None,
        typer.Argument(
            readable=False,
            help="Files or folders of DataBento trades; without any, synthetic days.",
        ),
    ] = None,
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            readable=False,
            help="Files that label trades or spans of them, of any kind. Without any: those that "
            "lie beside the days, as tape inject writes them; else anomalies are put into copies.",
        ),
    ] = None,
    judged: Annotated[
        list[Path] | None,
        typer.Option(
            readable=False,
            help="Files that name the trades to be judged, as labels do; without any, all are. "
            "Lines with a bid and ask of 0 do not count.",
        ),
    ] = None,
    calibrate_on: Annotated[
        list[Path] | None,
        typer.Option(
            readable=False,
            help="Days to learn from, judged before each day; without any, the other DAYS.",
        ),
    ] = None,
    profiles: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated; + joins detectors that judge together; classic-window is "
            "classic with TRAINING=window.",
            show_default=f"{','.join(PROFILES)}, and what PROFILE names",
        ),
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Show what a few lines find beside the profiles.")
    ] = True,
    anomalies: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Anomalies put into a copy of each day, whatever labels lie beside.",
            show_default=str(ANOMALIES),
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same answer.")] = 1,
    draws: Annotated[
        int,
        typer.Option(
            min=0, max=100_000, help="Draws of the bootstrap; 0 leaves the intervals out."
        ),
    ] = 1_000,
    plot: Annotated[
        Path | None, typer.Option(help="Draw precision over recall into this .png file.")
    ] = None,
    columns: Columns = None,
    time_zone: TimeZone = None,
    force: Force = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Score detector profiles on labelled anomalies. Settings are learnt from other days only.

    A label file is a CSV of symbol and ts_event (a trade per line), or of symbol, first_ts_event
    and last_ts_event (all trades between), or of anomaly_id. It may also have publisher_id,
    sequence (first_sequence, last_sequence), kind, and family: price, size or feed.
    Exit code 2 if anything was rejected or skipped; it says what, and the rest is judged.

    Example: tape evaluate monday.csv.zst --labels monday.labels.csv --calibrate-on friday.csv.zst
    """
    shape = form_of(form, as_json)
    settings = load(DetectorSettings)
    names = profile_names(profiles or ",".join(_with_own(settings.profile)))
    _check_days(days, {"--labels": labels, "--judged": judged, "--calibrate-on": calibrate_on})
    others = [*(labels or ()), *(judged or ()), *filter(None, [columns]), *settings.files]
    inputs = [*(days or ()), *(calibrate_on or ()), *others]
    picture = None if plot is None else OutputFile(plot, inputs=inputs, force=force)
    if picture is not None:
        check_plot(picture)
    outcome, parameters = Outcome(), settings.parameters()
    for name in names:  # before any of them is at work for long
        check_profile(name, parameters)
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder("tape-evaluate-"))
        given = given_by(columns, time_zone)
        named = partial(_archives, given=given, others=others, outcome=outcome)
        archives = named(days) if days else made_up_days(folder, seed)
        past = named(calibrate_on) if calibrate_on else archives
        found = LabelledDays(archives)
        if labels:
            found.labels = [line for path in labels for line in read_labels(path)]
        elif anomalies is not None or not found.take_beside():
            found.inject(folder, seed, ANOMALIES if anomalies is None else anomalies)
        alone = found.archives if found.anomalies is not None else archives
        single = len(alone) == 1 and not calibrate_on  # of copies only readable days are made
        notes: list[str] = []
        work, without = tasks(
            found.archives,
            found.labels,
            () if single else past,
            settings.max_symbols,
            judged=judged or (),
            notes=notes,
        )
        outcomes = found.outcomes | without
        for task in work:
            outcomes |= task.outcomes
        for note in (*found.notes, *notes):
            notes_console().print(cell(note))
        for note in notes_of(
            work, found.labels, parameters, anomalies=found.anomalies, baselines=baselines
        ):
            notes_console().print(note)
        bars = stack.enter_context(_bars())
        bar = bars.add_task("judging", total=len(names) * sum(task.trades for task in work))
        learn = _learning(settings.max_symbols)
        results: dict[str, Result] = {
            name: evaluate(
                work,
                name,
                parameters,
                settings.max_symbols,
                learn=learn,
                draws=draws,
                seed=seed,
                progress=lambda trades: bars.advance(bar, trades),
            )
            for name in names
        }
        counted = [verdict.counted for verdict in results[names[0]].verdicts]
        for name in BASELINES if baselines else ():
            results[name] = evaluate_baseline(
                work, name, parameters, counted, learn=learn, draws=draws, seed=seed
            )
    figures = {name: result.figures for name, result in results.items()}
    for one in outcomes.values():
        outcome.add(one)
    rows = [{"profile": name, **row} for name, row in figures.items()]
    show(shape, beside(figures, outcome), lambda: terminal_tables(figures), rows)
    say_outcome(outcome)
    if picture is not None:
        save_curves(picture, {name: drawn(result) for name, result in results.items()})
        notes_console().print(f"written: {cell(str(plot))}")
    return outcome.exit_code


def _check_days(days: list[Path] | None, options: dict[str, list[Path] | None]) -> None:
    """Raise `SettingsError` for an option about days where none is named."""
    what = {
        "--labels": ("the days it is about", "tape evaluate DAY --labels FILE"),
        "--judged": ("the days it is about", "tape evaluate DAY --labels FILE --judged FILE"),
        "--calibrate-on": (
            "days to be judged, named before it",
            "tape evaluate DAY --calibrate-on OTHER_DAY",
        ),
    }
    for option, paths in options.items():
        if paths and not days:
            raise SettingsError(f"{option} needs {what[option][0]}", f"write {what[option][1]}")


def _learning(max_symbols: int) -> Learn:
    """Return what tunes thresholds on days, once for the same ones."""
    known: dict[tuple[str, ...], Parameters] = {}

    def learn(days: Sequence[Day], parameters: Parameters) -> Parameters:
        key = tuple(day.archive.sha256 for day in days)
        if key not in known:
            known[key] = learnt_parameters(days, parameters, max_symbols)
        return replace(parameters, overrides=known[key].overrides)

    return learn


def _with_own(profile: str) -> list[str]:
    """Return what is compared by default: all forms of our own, and what PROFILE names beside."""
    lineup(profile)  # what is wrong with it is not --profiles' fault
    own = profile.replace(",", "+")
    return [*PROFILES] if own in PROFILES else [*PROFILES, own]


def _archives(
    paths: Sequence[Path], *, given: Given, others: Sequence[Path], outcome: Outcome
) -> list[Archive]:
    """Return the files under the paths in order of time, each content once; notes the skipped."""
    found = find_archives(paths, others=others)
    outcome.skipped += (one for one in found.skipped if one not in outcome.skipped)
    return by_start(with_given(found.archives, given), latest_ns=TIME_MAX_NS)


def _bars() -> Progress:
    console = notes_console()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} trades"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
