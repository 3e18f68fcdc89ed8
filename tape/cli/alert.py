"""`tape alert`: who is told of which episodes, and why of the others nobody is."""

from typing import Final

import typer

from tape.cli.lazy import LazyGroup

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "test": (
        "tape.cli.alert_test:send_test",
        "Send one marked message through each channel, and say which took it.",
    ),
}
"""Where each command is; the texts are the first paragraphs of the commands' own help."""


class _Commands(LazyGroup):
    named = COMMANDS


app = typer.Typer(
    cls=_Commands,
    help="Who is alerted to which episodes: rules, mutes, what was withheld, and a preview.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _begin() -> None:
    """Who is alerted to which episodes: rules, mutes, what was withheld, and a preview."""
