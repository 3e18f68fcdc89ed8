"""What the settings say of channels and rules, made ready; what cannot work is said at once."""

import logging
from typing import Final

from tape.alerting.calendar_files import read_calendars
from tape.alerting.channels.registry import channels_of
from tape.alerting.decider import Decider
from tape.alerting.expected import Expected
from tape.alerting.message import Channel
from tape.alerting.rules_file import read_rules
from tape.model.fields import NANOS
from tape.process.terminal_text import printable
from tape.settings.alerter import AlerterSettings

log = logging.getLogger(__name__)

AHEAD_NS: Final = 400 * 86_400 * NANOS
"""How far ahead events of calendars that recur are followed; an app is started again before."""

SAID: Final = 20
"""Events of calendars that cannot be used and are said one by one."""


def channels_in(settings: AlerterSettings) -> list[Channel]:
    """Return the channels that the settings name; raises `SettingsError` if one cannot work."""
    return channels_of(
        settings.urls(),
        settings.webhook_url.get_secret_value(),
        settings.webhook_secret.get_secret_value(),
        timeout_s=settings.alert_timeout_s,
    )


def decider_of(settings: AlerterSettings, channels: list[Channel], now_ns: int) -> Decider:
    """Return who decides on whom to tell, by ALERT_RULES and ALERT_CALENDARS.

    Raises `SettingsError` for a file that cannot be used. What of a calendar cannot is logged.
    """
    names = [one.name for one in channels]
    rules = read_rules(settings.alert_rules, names)
    calendars = read_calendars(settings.alert_calendars, now_ns + AHEAD_NS)
    for sentence in calendars.unusable[:SAID]:
        log.warning("event of a calendar not used", extra={"reason": printable(sentence)})
    if (more := len(calendars.unusable) - SAID) > 0:
        log.warning("more events of calendars not used", extra={"events": more})
    return Decider(rules, names, Expected(calendars.events))
