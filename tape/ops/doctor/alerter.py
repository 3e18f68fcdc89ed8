"""Whom the alerter tells, if anybody: whether the rules can be read and the channels answer."""

import time

from tape.alerting.start import channels_in, decider_of
from tape.errors import TapeError
from tape.ops.doctor.finding import Finding, first_cause
from tape.settings.alerter import AlerterSettings
from tape.settings.load import load, origins

ASKED = {"ALERT_URLS", "ALERT_URLS_FILE", "ALERT_WEBHOOK_URL"}


def check_alerter() -> Finding:
    """Look at rules and channels without sending anything."""
    try:
        settings = load(AlerterSettings)
        if not _wanted(settings):
            return Finding("alerter", "not checked", f"none of {', '.join(sorted(ASKED))} is set")
        channels = channels_in(settings)
        decider_of(settings, channels, time.time_ns())
    except TapeError as error:
        return first_cause("alerter", error)
    reached = [(one.name, one.reached()) for one in channels]
    details = tuple(f"{name}: {found.text}" for name, found in reached)
    bad = [name for name, found in reached if found.well is False]
    if bad:
        text = f"not reached: {', '.join(bad)}"
        return Finding(
            "alerter", "problem", text, "correct its address, then tape alert test", details
        )
    names = ", ".join(name for name, _ in reached)
    return Finding(
        "alerter", "ok", f"channels: {names}; tape alert test sends something", "", details
    )


def alerts_topic() -> str | None:
    """Return the topic of alerts, None where nobody is told anything and it need not be there."""
    try:
        settings = load(AlerterSettings)
    except TapeError:
        return None
    return settings.alerts if _wanted(settings) else None


def _wanted(settings: AlerterSettings) -> bool:
    return bool(ASKED & {one.name for one in origins(settings) if one.source != "default"})
