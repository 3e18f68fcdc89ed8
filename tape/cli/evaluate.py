"""`tape evaluate`: how well profiles find labelled anomalies."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tape.archives import by_start, find_archives
from tape.archives.discovery import Archive
from tape.archives.given import Given
from tape.archives.outcome import Outcome
from tape.cli.given import Columns, TimeZone, given_by, with_given
from tape.cli.lists import TakesLists
from tape.cli.output import (
    AsJson,
    Force,
    beside,
    notes_console,
    print_json,
    say_outcome,
    table_console,
    wants_json,
)
from tape.desk.evaluate.evaluate import (
    Outcomes,
    Result,
    Task,
    evaluate,
    injected,
    made_up_days,
    tasks,
)
from tape.desk.evaluate.tables import terminal_tables
from tape.desk.past_days import PROFILES, profile_names
from tape.desk.plots.curves import drawn, save_curves
from tape.desk.plots.day import check_plot
from tape.desk.tune.thresholds import learnt_parameters
from tape.detection.calibrated.kernel import SETTLED
from tape.detection.parameters import Parameters
from tape.detection.registry import lineup
from tape.errors import SettingsError
from tape.model.fields import TIME_MAX_NS
from tape.process.terminal_text import cell
from tape.process.whole_file import OutputFile, scratch_folder
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.settings.thresholds_file import unknown_symbols

MOST_LISTED = 5
"""Symbols that a sentence names."""
FEW = 1_000
"""Trades of a symbol that hardly differ from none."""


class _Evaluate(TakesLists):
    lists = ("--labels", "--calibrate-on")


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
            help="Label files of the days; without any, anomalies are put into copies of them.",
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
    anomalies: Annotated[int, typer.Option(min=1, help="Anomalies injected into each day.")] = 84,
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
    as_json: AsJson = False,
) -> int:
    """Score detector profiles on labelled anomalies. Settings are learnt from other days only.

    Exit code 2 if anything was rejected or skipped; it says what, and the rest is judged.

    Example: tape evaluate monday.csv.zst --labels monday.labels.csv --calibrate-on friday.csv.zst
    """
    settings = load(DetectorSettings)
    names = profile_names(profiles or ",".join(_with_own(settings.profile)))
    if labels and not days:
        raise SettingsError(
            "--labels needs the days it is about", "write tape evaluate DAY --labels FILE"
        )
    if calibrate_on and not days:
        raise SettingsError(
            "--calibrate-on needs days to be judged, named before it",
            "write tape evaluate DAY --calibrate-on OTHER_DAY",
        )
    inputs = [*(days or ()), *(labels or ()), *(calibrate_on or ())]
    picture = None if plot is None else OutputFile(plot, inputs=inputs, force=force)
    if picture is not None:
        check_plot(picture)
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder("tape-evaluate-"))
        given, outcome = given_by(columns, time_zone), Outcome()
        judged = _archives(days, given, outcome) if days else made_up_days(folder, seed)
        past = _archives(calibrate_on, given, outcome) if calibrate_on else judged
        files: list[Path] = list(labels or ())
        outcomes: Outcomes = {}
        if not files:
            judged, files, outcomes = injected(judged, folder, seed=seed, anomalies=anomalies)
        single = len(judged) == 1 and not calibrate_on
        work, without = tasks(judged, files, () if single else past, settings.max_symbols)
        outcomes |= without
        for task in work:
            outcomes |= task.outcomes
        parameters = settings.parameters()
        _say(work, 0 if labels else anomalies, parameters)
        bars = stack.enter_context(_bars())
        bar = bars.add_task("judging", total=len(names) * sum(task.trades for task in work))
        results: dict[str, Result] = {
            name: evaluate(
                work,
                name,
                parameters,
                settings.max_symbols,
                learn=partial(learnt_parameters, max_symbols=settings.max_symbols),
                draws=draws,
                seed=seed,
                progress=lambda trades: bars.advance(bar, trades),
            )
            for name in names
        }
    figures = {name: result.figures for name, result in results.items()}
    for one in outcomes.values():
        outcome.add(one)
    if wants_json(as_json):
        print_json(beside(figures, outcome))
    else:
        table_console().print(*terminal_tables(figures))
    say_outcome(outcome)
    if picture is not None:
        save_curves(picture, {name: drawn(result) for name, result in results.items()})
        notes_console().print(f"written: {cell(str(plot))}")
    return outcome.exit_code


def _with_own(profile: str) -> list[str]:
    """Return what is compared by default: all forms of our own, and what PROFILE names beside."""
    lineup(profile)  # what is wrong with it is not --profiles' fault
    own = profile.replace(",", "+")
    return [*PROFILES] if own in PROFILES else [*PROFILES, own]


def _archives(paths: Sequence[Path], given: Given, outcome: Outcome) -> list[Archive]:
    """Return the files under the paths in order of time, each content once; notes the skipped."""
    found = find_archives(paths)
    outcome.skipped += (one for one in found.skipped if one not in outcome.skipped)
    return by_start(with_given(found.archives, given), latest_ns=TIME_MAX_NS)


def _say(work: Sequence[Task], anomalies: int, parameters: Parameters) -> None:
    """Tell what a reader of the figures must know of the days."""
    notes = notes_console()
    for task in work:
        name = cell(task.day.name)
        if len(task.events) < anomalies:
            notes.print(f"{name} has room for {len(task.events)} of {anomalies} anomalies")
        if not task.calibration:
            notes.print(f"{name} is judged from a cold start; name past days with --calibrate-on")
        else:
            for sentence in _thin(task.known_trades()):
                notes.print(f"{name}: {cell(sentence)}")
    known = {name for task in work for name in task.day.symbols}
    unused = unknown_symbols(parameters.overrides, known, "the judged days")
    if unused is not None:
        notes.print(cell(unused))


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
