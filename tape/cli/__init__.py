"""The command `tape`: a module a command."""

import sys
from typing import Annotated

import typer

from tape.cli.bench import bench
from tape.cli.broker import app as broker
from tape.cli.demo import demo
from tape.cli.doctor import doctor
from tape.cli.evaluate import TakesLists, evaluate_profiles
from tape.cli.fetch import fetch
from tape.cli.inject import inject_anomalies
from tape.cli.inspect import inspect
from tape.cli.look import without_colour
from tape.cli.rejected import app as rejected
from tape.cli.replay import replay
from tape.cli.synth import synth
from tape.cli.topics import app as topics
from tape.cli.tune import tune_thresholds
from tape.cli.watch import watch
from tape.run import run_main


def _end(exit_code: int, **_: object) -> None:
    """End with the exit code that a command returned."""
    raise typer.Exit(exit_code)


app = typer.Typer(
    help="Tells which trades on a market's tape are not normal, and why.",
    no_args_is_help=True,
    result_callback=_end,
    pretty_exceptions_enable=False,
)
app.command()(bench)
app.command()(demo)
app.command()(doctor)
app.command("evaluate", cls=TakesLists)(evaluate_profiles)
app.command()(fetch)
app.command("inject")(inject_anomalies)
app.command()(inspect)
app.command()(replay)
app.command()(synth)
app.command()(watch)
app.command("tune")(tune_thresholds)
app.add_typer(broker, name="broker")
app.add_typer(rejected, name="rejected")
app.add_typer(topics, name="topics")


@app.callback()
def _begin(
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours; the variable NO_COLOR does the same.")
    ] = False,
) -> None:
    """Tells which trades on a market's tape are not normal, and why."""
    if no_color:
        without_colour()


def main() -> None:
    """Run the command line; what an operator can mend is said in one sentence."""
    sys.exit(run_main(_run))


def _run() -> int:
    app()
    return 0
