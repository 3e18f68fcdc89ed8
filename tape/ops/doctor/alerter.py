"""Whom the alerter tells, if anybody: whether the rules can be read and the channels answer."""

from tape.alerting.start import channels_in, decider_of
from tape.errors import TapeError
from tape.ops.doctor.finding import Finding, first_cause
from tape.process.clock import wall_ns
from tape.settings.alerter import WHOM, AlerterSettings
from tape.settings.load import given, load


def check_alerter() -> Finding:
    """Look at rules and channels without sending anything."""
    try:
        settings = load(AlerterSettings)
        if not given(settings, WHOM):
            return Finding("alerter", "not checked", f"none of {', '.join(sorted(WHOM))} is set")
        channels = channels_in(settings)
        decider_of(settings, channels, wall_ns())
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
