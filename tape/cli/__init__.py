"""The command `tape`: a module a command, imported when it is called."""

import os
import shutil
import sys
from typing import Annotated, Final

import typer

from tape.cli.lazy import LazyGroup
from tape.process.exit import run_main
from tape.process.log_lines import log_as_notes

COMMANDS: Final = {
    "bench": (
        "benchmarks.machine.command:bench",
        "Measure engine, files, wire and apps on this machine; medians of three.",
    ),
    "demo": (
        "tape.cli.demo:demo",
        "Start a local Apache Kafka, run producer and detector, and show what they found.",
    ),
    "doctor": (
        "tape.cli.doctor:doctor",
        "Check what usually goes wrong, and say how to fix it. Ends with 0 only if all is well.",
    ),
    "evaluate": (
        "tape.cli.evaluate:app",
        "Hold what profiles flag against labelled anomalies; settings come from other days only.",
    ),
    "fetch": (
        "tape.cli.fetch:fetch",
        "Order trades from DataBento and fetch them, or fetch a job that was ordered before.",
    ),
    "inject": (
        "tape.cli.inject:inject_anomalies",
        "Put anomalies of seven kinds into days of trades, with a label file beside each.",
    ),
    "inspect": (
        "tape.cli.inspect:inspect",
        "Say what is in these files: encoding, symbols, days, order, auctions, and what is wrong.",
    ),
    "replay": (
        "tape.cli.replay:replay",
        "Write what the detector would put on `anomalies` for these files, with the same settings.",
    ),
    "synth": (
        "tape.cli.synth:synth",
        "Make up market days in DataBento's shape, with labelled anomalies.",
    ),
    "tune": (
        "tape.cli.tune:tune_thresholds",
        "Write a THRESHOLDS_FILE: thresholds per symbol for a target of alerts per day.",
    ),
    "watch": (
        "tape.cli.watch:watch",
        "Show anomalies as they come, and the state of the pipeline; "
        "reads committed messages only.",
    ),
    "broker": (
        "tape.cli.broker:app",
        "A local Apache Kafka, for one machine: loopback only, no replication.",
    ),
    "producer": (
        "tape.cli.producer:app",
        "What the producer has sent, and how to have files sent again.",
    ),
    "rejected": ("tape.cli.rejected:app", "Look at rejected records, and send them again."),
    "state": ("tape.cli.state:app", "What the detectors have learnt: list, show, start over."),
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
    help="Tells which trades on a market's tape are not normal, and why.",
    no_args_is_help=True,
    result_callback=_end,
    pretty_exceptions_enable=False,
)


@app.callback()
def _begin(
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours; the variable NO_COLOR does the same.")
    ] = False,
) -> None:
    """Tells which trades on a market's tape are not normal, and why."""
    if no_color:
        from tape.cli.output import without_colour  # not for `tape --help`

        without_colour()


def main() -> None:
    """Run the command line; what an operator can fix is said in one sentence."""
    if os.environ.get("TERM", "") in ("dumb", "unknown"):
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
