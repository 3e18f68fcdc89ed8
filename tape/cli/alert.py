"""`tape alert`: who is told of which episodes, and why of the others nobody is."""

from typing import Final

import typer

from tape.cli.lazy import LazyGroup

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "mute": (
        "tape.cli.alert_mutes:mute",
        "Announce nothing of these symbols until a time; what is withheld is counted and listed.",
    ),
    "mutes": (
        "tape.cli.alert_mutes:mutes",
        "List the mutes that count now, with their end and how many states each withheld.",
    ),
    "preview": (
        "tape.cli.alert_preview:preview",
        "Judge past days, and say how many alerts the rules would have given, and which.",
    ),
    "rules": (
        "tape.cli.alert_rules:rules",
        "Show the rules of ALERT_RULES as they are read, and the next events of ALERT_CALENDARS.",
    ),
    "test": (
        "tape.cli.alert_test:send_test",
        "Send one marked message through each channel, and say which took it.",
    ),
    "unmute": (
        "tape.cli.alert_mutes:unmute",
        "End a mute before its time. What it withheld stays counted.",
    ),
    "withheld": (
        "tape.cli.alert_withheld:withheld",
        "List the episodes whose newest state was withheld, and count all states by reason.",
    ),
}
"""Where each command is; the texts are the first paragraphs of the commands' own help."""


class _Commands(LazyGroup):
    group = "alert"
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
