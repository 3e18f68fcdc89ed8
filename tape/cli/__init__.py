"""The command `tape`: a module a command, imported when it is called."""

import os
import shutil
import sys
from typing import Annotated, Final

import typer

import tape
from tape.cli.lazy import LazyGroup
from tape.process.exit import run_main
from tape.process.log_lines import log_as_notes
from tape.settings.options import forget

COMMANDS: Final = {
    "alert": (
        "tape.cli.alert:app",
        "Who is alerted to which episodes: rules, mutes, what was withheld, and a preview.",
    ),
    "bars": (
        "tape.cli.bars:bars",
        "Write bars with and without misprints, and what would have been normal prices.",
    ),
    "bench": (
        "benchmarks.machine.command:bench",
        "Measure the speed of engine, files, messages and apps here; medians of three runs.",
    ),
    "case": (
        "tape.cli.case:case",
        "Write all that is known of an episode: trades around it, reasons, decisions, settings.",
    ),
    "demo": (
        "tape.cli.demo:demo",
        "Start a local Apache Kafka, run producer and detector, and show what they found.",
    ),
    "doctor": (
        "tape.cli.doctor:doctor",
        "Check what usually goes wrong, and say how to fix it. Exit code 0 only if all is well.",
    ),
    "evaluate": (
        "tape.cli.evaluate:app",
        "Score detector profiles on labelled anomalies. Settings are learnt from other days only.",
    ),
    "features": (
        "tape.cli.features:features",
        "Write the features of all trades, with labels beside them, for `tape train`.",
    ),
    "fetch": (
        "tape.cli.fetch:fetch",
        "Order trades from DataBento and fetch them, or fetch a job that was ordered before.",
    ),
    "history": (
        "tape.cli.history:app",
        "Days of trades in PostgreSQL: load files, list, make bars, prune.",
    ),
    "inject": (
        "tape.cli.inject:inject_anomalies",
        "Put anomalies of seven kinds into copies of trading days, with a label file for each.",
    ),
    "inspect": (
        "tape.cli.inspect:inspect",
        "Report what is in these files: encoding, symbols, days, order, auctions, and faults.",
    ),
    "learn": (
        "tape.cli.learn:app",
        "Learn from reviewed alerts how to rank the next ones, and write it as a RANKING_FILE.",
    ),
    "replay": (
        "tape.cli.replay:replay",
        "Judge files without a broker: the same anomalies as the running detector would write.",
    ),
    "reviews": (
        "tape.cli.reviews:app",
        "What people decided about episodes: list, export.",
    ),
    "score": (
        "tape.cli.score:score",
        "Write the clean tape: each trade with severity, normal prices, and whether it is usable.",
    ),
    "settings": (
        "tape.cli.settings:settings",
        "Show all settings: value, where it comes from, and what it means; or check them.",
    ),
    "show": (
        "tape.cli.show:show_episode",
        "Show one alert of the running system: why, its flagged trades, those around it, "
        "decisions.",
    ),
    "synth": (
        "tape.cli.synth:synth",
        "Write synthetic market days in DataBento's format, with labelled anomalies.",
    ),
    "train": (
        "tape.cli.train:train_model",
        "Train a model with XGBoost, for PROFILE=supervised: days apart, stopped early, measured.",
    ),
    "tune": (
        "tape.cli.tune:tune_thresholds",
        "Write a THRESHOLDS_FILE: settings per symbol for a target of alerts per day.",
    ),
    "watch": (
        "tape.cli.watch:watch",
        "Show events as they come, and the state of the pipeline. Reads committed messages only.",
    ),
    "broker": (
        "tape.cli.broker:app",
        "A local Apache Kafka, for one machine: loopback only, no replication.",
    ),
    "models": (
        "tape.cli.models:app",
        "The models that `tape train` wrote: list, show and compare them.",
    ),
    "page": (
        "tape.cli.page:page",
        "Show episodes, chart and reasons in a browser, and take decisions about them.",
    ),
    "producer": (
        "tape.cli.producer:app",
        "Show what the producer has sent, and have files sent again.",
    ),
    "rejected": ("tape.cli.rejected:app", "Look at rejected records, and send them again."),
    "sink": (
        "tape.cli.sink:app",
        "The store that anomalies go to: look at it, make its tables, let people read it.",
    ),
    "state": ("tape.cli.state:app", "The state that detectors keep: list it, show it, reset it."),
    "topics": (
        "tape.cli.topics:app",
        "The pipeline's topics: create, show, check and alter them on any broker.",
    ),
}
"""Where each command is; the texts are the first paragraphs of the commands' own help."""


class _Commands(LazyGroup):
    named = COMMANDS


def _end(exit_code: int, **_: object) -> None:
    """End with the exit code that a command returned."""
    raise typer.Exit(exit_code)


app = typer.Typer(
    cls=_Commands,
    help="Flags the unusual trades on a market's tape, and says why.",
    no_args_is_help=True,
    result_callback=_end,
    pretty_exceptions_enable=False,
)


def _say_version(*, asked: bool) -> None:
    """Print the version and end, if that is asked for."""
    if asked:
        sys.stdout.write(f"tapewatch {tape.__version__}\n")
        raise typer.Exit


@app.callback()
def _begin(
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours; the variable NO_COLOR does the same.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda asked: _say_version(asked=asked),
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Flags the unusual trades on a market's tape, and says why."""
    forget()
    if no_color:
        from tape.cli.output import without_colour  # not for `tape --help`

        without_colour()


def main() -> None:
    """Run the command line; what an operator can fix is said in one sentence."""
    if os.environ.get("TERM", "") in ("dumb", "unknown") and sys.stdout.isatty():
        # Rich takes such a terminal for 80 columns wide unless both of these are set.
        size = shutil.get_terminal_size()
        os.environ.setdefault("COLUMNS", str(size.columns))
        os.environ.setdefault("LINES", str(size.lines))
    log_as_notes()
    sys.exit(run_main(_run))


def _run() -> int:
    try:
        app(prog_name="tape")  # also as `python -m tape`
    except SystemExit as end:  # Typer's way to return
        return end.code if isinstance(end.code, int) else 1
    return 0
