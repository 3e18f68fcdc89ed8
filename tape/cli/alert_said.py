"""What the commands of `tape alert` share: whom there is to tell, and what calendars lack."""

from datetime import datetime
from typing import Final

from tape.alerting.calendar_events import Calendars
from tape.alerting.rules import Rules
from tape.cli.output import counted, notes_console
from tape.market.new_york import NEW_YORK
from tape.process.terminal_text import printable
from tape.settings.alerter import AlerterSettings

ANY: Final = "any"
"""Stands for a channel where none is set up yet."""
SHOWN: Final = 10
"""Sentences about events that could not be used; the rest is counted, and fits a screen."""


def channel_names(settings: AlerterSettings, rules: Rules) -> list[str]:
    """Return the channels that are set up, else those that the rules name."""
    urls, webhook = settings.urls(), settings.webhook_url.get_secret_value()
    if urls.strip() or webhook:
        from tape.alerting.channels.registry import channels_of

        secret = settings.webhook_secret.get_secret_value()
        return [one.name for one in channels_of(urls, webhook, secret)]
    return sorted(set().union(*(rule.channels for rule in rules))) or [ANY]


def say_unusable(calendars: Calendars) -> None:
    """Say which events of calendars are not used, and why."""
    notes = [printable(one) for one in calendars.unusable]
    if len(notes) > SHOWN:
        notes[SHOWN:] = [f"and {len(notes) - SHOWN:,} more events are not used"]
    for note in notes:
        text = f"not used: {note}" if not note.startswith("and ") else note
        notes_console().print(text, markup=False, highlight=False, soft_wrap=True)


def say_unreadable(count: int, topic: str) -> None:
    """Say how many records of the topic of alerts are none."""
    if count:
        text = f"{printable(topic)}: {counted(count, 'record')} cannot be read"
        notes_console().print(text, markup=False, highlight=False, soft_wrap=True)


def utc_and_new_york(text: str) -> str:
    """Return a time of the wire for people: New York's clock, and UTC.

    >>> utc_and_new_york("2025-05-05T20:00:00.000000000Z")
    '2025-05-05 16:00 New York (20:00 UTC)'
    """
    at = datetime.fromisoformat(text[:19] + "+00:00")
    there = at.astimezone(NEW_YORK)
    return f"{there:%Y-%m-%d %H:%M} New York ({at:%H:%M} UTC)"
