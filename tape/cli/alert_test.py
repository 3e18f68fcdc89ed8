"""`tape alert test`: whether messages arrive."""

from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Table

from tape.alerting.message import Channel, ChannelError
from tape.alerting.outbox import HUNG, bounded
from tape.alerting.rendering import trial_message
from tape.alerting.start import channels_in
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.errors import SettingsError
from tape.process.clock import wall_ns
from tape.process.terminal_text import cell
from tape.settings.alerter import AlerterSettings
from tape.settings.load import load


def send_test(
    channel: Annotated[
        list[str] | None, typer.Option(help="Only this channel; may be given several times.")
    ] = None,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Send one marked message through each channel, with a picture if it takes one.

    It says which channels took it, asks no broker, and is noted nowhere. Exit code 0 only if all
    channels took it.

    Example: ALERT_URLS='slack://…' tape alert test
    """
    shape = form_of(form, as_json)
    settings = load(AlerterSettings)
    channels = _wanted(channels_in(settings), channel or [])
    picture = _picture(settings, channels)
    found: list[dict[str, object]] = []
    for one in channels:
        why, shown = _sent(one, settings, picture)
        told = {"channel": one.name, "place": one.place, "taken": why is None, "why": why}
        found.append(told | {"picture": shown})
    well = all(one["taken"] for one in found)
    show(shape, {"well": well, "channels": found}, lambda: [_table(found)], found)
    return 0 if well else 1


def _table(found: list[dict[str, object]]) -> Table:
    table = Table("channel", "place", "", "answer", "picture")
    for row in found:
        verdict = "[green]taken[/]" if row["taken"] else "[bold red]not taken[/]"
        name, place = cell(str(row["channel"])), cell(str(row["place"]))
        table.add_row(name, place, verdict, *(cell(str(row[n] or "")) for n in ("why", "picture")))
    return table


def _picture(settings: AlerterSettings, channels: list[Channel]) -> bytes | None:
    """Return the picture of a test; None where none is wanted, taken or can be drawn."""
    if not settings.alert_pictures or all(one.takes_pictures == "none" for one in channels):
        return None
    from tape.alerting.drawing import can_draw, trial_picture

    return trial_picture() if can_draw() else None


def _sent(
    channel: Channel, settings: AlerterSettings, picture: bytes | None
) -> tuple[str | None, str]:
    """Return why a channel did not take the message, None if it did; and what of the picture."""
    message = trial_message(channel.name, settings.page_url)
    if channel.takes_pictures == "with it":
        message = replace(message, picture_png=picture)
    once, hung_s = f"test|{channel.name}|{wall_ns()}", HUNG * settings.alert_timeout_s
    try:
        bounded(hung_s, lambda: channel.send(message, once))
    except ChannelError as error:
        return str(error), ""
    if picture is None or channel.takes_pictures == "none":
        return None, "none"
    if channel.takes_pictures == "with it":
        return None, "sent"
    try:
        bounded(hung_s, lambda: channel.show(picture, message.picture_name))
    except ChannelError as error:
        return None, f"not taken: {error}"
    return None, "sent"


def _wanted(channels: list[Channel], names: list[str]) -> list[Channel]:
    there = [one.name for one in channels]
    for name in names:
        if name not in there:
            raise SettingsError(f"there is no channel {name}", f"name one of {', '.join(there)}")
    return [one for one in channels if not names or one.name in names]
