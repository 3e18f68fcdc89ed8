"""`tape replay`: the detector over files, without a broker."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from tape.archives import count_rows_hint
from tape.cli.bar_lines import BarLines, check_bars
from tape.cli.forms import AsForm, AsJson, Form, form_of, show
from tape.cli.given import Columns, Paths, TimeZone, given_by, others_of
from tape.cli.jobs import Jobs, crew_for, jobs_for, say_one_judge
from tape.cli.judged_run import figures, judged_run, say_figures, say_rest
from tape.cli.notes import advance
from tape.cli.nothing import NothingJudgedError, nothing_judged
from tape.cli.output import (
    Force,
    counted,
    notes_console,
    row_bars,
)
from tape.cli.outputs import Outputs, outputs_for
from tape.cli.part import From, Limit, Symbols, To, part_of
from tape.desk.plots.close_up import CloseUp
from tape.desk.plots.day import Picture, check_plot
from tape.desk.plots.pictures import MOST_TOP, TOP, Pictures, check_folder
from tape.desk.plots.top import TopAnomalies
from tape.desk.summary import Findings, counts_table
from tape.desk.telling import TellingAnomalies
from tape.errors import BooksError, SettingsError
from tape.judging.crew import OneJudgeNeededError
from tape.judging.replay import Replay
from tape.market.test_issues import is_test_issue
from tape.model.counts import Counts
from tape.model.episode import MARKS
from tape.process.terminal_text import cell
from tape.process.whole_file import OutputFile
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.sinks.fields import TABLE as ANOMALIES
from tape.sinks.registry import MESSAGES, What, check_output, file_sink
from tape.sinks.sink import Item, Sink


def replay(
    paths: Paths,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the anomalies: .jsonl, .csv or .parquet."),
    ] = None,
    symbols: Symbols = "",
    from_: From = "",
    to: To = "",
    limit: Limit = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw price, volume and flagged trades into this .png file.")
    ] = None,
    anomaly: Annotated[
        str | None,
        typer.Option(help="With --plot: draw the trades around the anomaly with this id."),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_TOP, help="With --plots: how many.", show_default=str(TOP)),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(
            help="Folder for pictures of the anomalies of highest priority, one per episode."
        ),
    ] = None,
    episodes: Annotated[
        Path | None,
        typer.Option(
            help="File for episodes: .csv or .parquet (one row per closed episode), or .jsonl "
            "(every state of each)."
        ),
    ] = None,
    bars: Annotated[
        Path | None,
        typer.Option(help="File for bars of one second as the detector writes them: .jsonl."),
    ] = None,
    suppressed: Annotated[
        bool, typer.Option("--suppressed", help="List what RANKING_FILE suppresses instead.")
    ] = False,
    columns: Columns = None,
    time_zone: TimeZone = None,
    jobs: Jobs = None,
    force: Force = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Judge files without a broker: the same anomalies as the running detector would write.

    Trades before --from are judged but not shown: the detector needs the history.
    Exit code 2 if anything was rejected or skipped; it says what, and the rest is judged.
    If nothing is judged, nothing is written.

    Example: tape replay nasdaq --symbols NVDA --from 2025-05-05 --output anomalies.parquet
    """
    shape = form_of(form, as_json)
    settings = load(DetectorSettings)
    if suppressed and settings.ranking_file is None:
        raise SettingsError("--suppressed needs a RANKING_FILE", "`tape learn` writes one")
    part = part_of(symbols, from_, to, limit)
    if output is not None:
        check_output(output)
    if episodes is not None:
        check_output(episodes, "--episodes")
    check_bars(bars)
    others = others_of(columns, settings)
    inputs = [*paths, *others]
    files = outputs_for(inputs, output, episodes, plot, bars, force=force)
    pictures = Pictures(_picture(files.plot, anomaly), _top(plots, top, of_suppressed=suppressed))
    given = given_by(columns, time_zone)

    def begun() -> tuple[Replay, Counts]:
        begun_run = judged_run(paths, others, given, part, settings, bars=bars is not None)
        begun_run[0].as_numbers = pictures.one is None and pictures.top is None
        return begun_run

    run, counts = begun()
    found = Findings(of_suppressed=suppressed)
    start_s, nothing = time.perf_counter(), None
    try:
        with crew_for(
            run, counts, settings, jobs_for(jobs, run), tells_steps=files.episodes is not None
        ):
            _run(run, found, files, pictures)
    except NothingJudgedError as error:
        nothing = error
    except OneJudgeNeededError:
        say_one_judge(settings)
        run, counts = begun()
        found = Findings(of_suppressed=suppressed)
        try:
            _run(run, found, files, pictures)
        except NothingJudgedError as error:
            nothing = error
    elapsed_s = time.perf_counter() - start_s
    drawn = older = 0
    if nothing is None:
        if files.plot is not None:
            pictures.save(files.plot)
        drawn, older = pictures.save_top(plots, inputs=inputs, force=force)
    if nothing is None or shape == "json":
        summary = figures(run, counts, elapsed_s, _own(run, found))
        whole = {**summary, "telling": found.messages}
        tables = (TellingAnomalies(found), counts_table(found))
        show(shape, whole, lambda: tables, _rows(found, shape), ANOMALIES.columns)
    say_figures(run, counts, elapsed_s, _said(run, found))
    say_rest(run, counts, settings, nothing)
    if episodes is not None and episodes.suffix != MESSAGES:
        _say_open(run.episodes["opened"] - run.episodes["closed"])
    for path in (p for p in (output, episodes, bars, plot) if p is not None):
        notes_console().print(f"written: {cell(str(path))}")
    if plots is not None:
        notes_console().print(f"written: {counted(drawn, 'picture')} in {cell(str(plots))}")
        if older:
            are = "1 other picture is" if older == 1 else f"{older:,} other pictures are"
            notes_console().print(f"{are} in that folder, of earlier runs", highlight=False)
    return run.outcome.exit_code


def _picture(plot: OutputFile | None, anomaly: str | None) -> Picture | CloseUp | None:
    """Return what draws the picture that is asked for."""
    if plot is None:
        if anomaly is not None:
            raise SettingsError("--anomaly needs --plot", "name the picture, like anomaly.png")
        return None
    check_plot(plot)
    return Picture() if anomaly is None else CloseUp(anomaly)


def _top(plots: Path | None, top: int | None, *, of_suppressed: bool) -> TopAnomalies | None:
    """Return what keeps the anomalies of highest priority, if pictures of them are asked for."""
    if plots is None:
        if top is not None:
            raise SettingsError("--top needs --plots", "name a folder for the pictures")
        return None
    check_folder(plots, "--plots")
    return TopAnomalies(TOP if top is None else top, of_suppressed=of_suppressed)


def _run(
    run: Replay,
    found: Findings,
    files: Outputs,
    pictures: Pictures,
) -> None:
    """Judge everything, writing as it goes; the output appears whole or not at all."""
    with ExitStack() as stack:
        shown_bars = stack.enter_context(row_bars())
        task = shown_bars.add_task(
            "judging", rate=0.0, total=sum(map(count_rows_hint, run.archives))
        )
        anomalies = _opened(files.anomalies, stack, "anomalies")
        episodes = _opened(files.episodes, stack, "episodes")
        seconds = BarLines.of(files.bars, stack, run)
        for shown in run.batches():
            for value in shown.flagged:
                found.add(value)
            _write(anomalies, shown.flagged)
            if episodes is not None:
                _write(episodes, [step.value for step in shown.episodes])
            seconds.write_finished()
            pictures.add(shown)
            advance(shown_bars, task, run.rows)
        if not run.trades:
            raise nothing_judged(run)
        seconds.write_rest()
        for sink in (anomalies, episodes):
            if sink is not None:
                sink.flush()


def _opened(file: OutputFile | None, stack: ExitStack, what: What) -> Sink | None:
    """Return the sink into a file, which is closed with the stack."""
    if file is None:
        return None
    sink = file_sink(stack.enter_context(file), file.path.suffix, what)
    stack.callback(sink.close)
    return sink


def _write(sink: Sink | None, values: Sequence[bytes]) -> None:
    """Write messages; raises `BooksError` for one that the sink can never take."""
    if sink is None or not values:
        return
    for poison in sink.write([Item(value) for value in values]):
        raise BooksError(
            f"a message of ours cannot be written: {poison.reason}",
            "nothing was written, please report this with the file",
        )


def _rows(found: Findings, form: Form) -> Sequence[object]:
    """Return the most telling anomalies as lines; in CSV they have the columns of --output."""
    if form != "csv":
        return found.messages
    return ANOMALIES.cells([Item(bytes(value)) for value in found.messages])[0]


def _own(run: Replay, found: Findings) -> dict[str, Any]:
    """Return what the summary has that is of a replay alone."""
    by_symbol: dict[str, dict[str, int]] = {}
    for (symbol, rule), count in found.by_symbol_and_rule.items():
        by_symbol.setdefault(symbol, {})[rule] = count
    return {
        "flagged": found.count,
        "suppressed": found.suppressed,
        "by_rule": found.by_rule,
        "by_symbol": by_symbol,
        "test_issues": [name for name in by_symbol if is_test_issue(name)],
        "episodes": {name: run.episodes[name] for name in ("opened", "closed", *MARKS)},
    }


def _said(run: Replay, found: Findings) -> str:
    rules = ", ".join(f"{rule} {count:,}" for rule, count in found.by_rule.most_common())
    hidden = f"suppressed {found.suppressed:,}; " if found.suppressed else ""
    return f"flagged: {rules or 'none'}; {hidden}episodes {run.episodes['opened']:,}"


def _say_open(count: int) -> None:
    """Say how many episodes have no row yet; one may have begun before --from."""
    if count > 0:
        are = "1 episode is" if count == 1 else f"{count:,} episodes are"
        text = f"{are} still open at the end and in no row; {MESSAGES} has every state"
        notes_console().print(text, soft_wrap=True, highlight=False)
