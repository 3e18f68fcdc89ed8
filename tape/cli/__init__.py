"""The command `tape`: a module a command."""

import sys

import typer

from tape.cli.bench import bench
from tape.cli.broker import app as broker
from tape.cli.demo import demo
from tape.cli.replay import replay
from tape.cli.synth import synth
from tape.run import run_main

app = typer.Typer(
    help="Tells which trades on a market's tape are not normal, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(bench)
app.command()(demo)
app.command()(replay)
app.command()(synth)
app.add_typer(broker, name="broker")


def main() -> None:
    """Run the command line; what an operator can mend is said in one sentence."""
    sys.exit(run_main(_run))


def _run() -> int:
    result = app(standalone_mode=False)
    return result if isinstance(result, int) else 0
