"""`tape alert test`: whether messages arrive."""

from typing import Annotated

import typer
from rich.table import Table

from tape.alerting.message import Channel, ChannelError
from tape.alerting.outbox import HUNG, bounded
from tape.alerting.rendering import trial_message
from tape.alerting.start import channels_in
from tape.cli.output import AsJson, print_json, table_console, wants_json
from tape.errors import SettingsError
from tape.process.clock import wall_ns
from tape.process.terminal_text import cell
from tape.settings.alerter import AlerterSettings
from tape.settings.load import load


def send_test(
    channel: Annotated[
        list[str] | None, typer.Option(help="Only this channel; may be given several times.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Send one marked message through each channel, and say which took it.

    It asks no broker and is noted nowhere. Exit code 0 only if all channels took it.

    Example: ALERT_URLS='slack://…' tape alert test
    """
    settings = load(AlerterSettings)
    channels = _wanted(channels_in(settings), channel or [])
    found = []
    for one in channels:
        why = _sent(one, settings)
        found.append({"channel": one.name, "place": one.place, "taken": why is None, "why": why})
    well = all(one["taken"] for one in found)
    if wants_json(as_json):
        print_json({"well": well, "channels": found})
        return 0 if well else 1
    table = Table("channel", "place", "", "answer")
    for row in found:
        verdict = "[green]taken[/]" if row["taken"] else "[bold red]not taken[/]"
        name, place = cell(str(row["channel"])), cell(str(row["place"]))
        table.add_row(name, place, verdict, cell(str(row["why"] or "")))
    table_console().print(table)
    return 0 if well else 1


def _sent(channel: Channel, settings: AlerterSettings) -> str | None:
    """Return why a channel did not take the message; None if it did."""
    message = trial_message(channel.name, settings.page_url)
    once = f"test|{channel.name}|{wall_ns()}"
    try:
        bounded(HUNG * settings.alert_timeout_s, lambda: channel.send(message, once))
    except ChannelError as error:
        return str(error)
    return None


def _wanted(channels: list[Channel], names: list[str]) -> list[Channel]:
    there = [one.name for one in channels]
    for name in names:
        if name not in there:
            raise SettingsError(f"there is no channel {name}", f"name one of {', '.join(there)}")
    return [one for one in channels if not names or one.name in names]
