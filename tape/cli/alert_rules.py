"""`tape alert rules`: the rules as they are read, and what calendars expect."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from tape.alerting.calendar_events import Calendars
from tape.alerting.calendar_files import read_calendars
from tape.alerting.expected import Event
from tape.alerting.rules import AlertRule
from tape.alerting.rules_file import read_rules, rule_text
from tape.cli.alert_said import channel_names, say_unusable, utc_and_new_york
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.output import notes_console
from tape.model.fields import NANOS, iso_time
from tape.process.clock import WALL_CLOCK
from tape.process.terminal_text import cell
from tape.settings.alerter import AlerterSettings
from tape.settings.load import load

AHEAD_NS: Final = 400 * 86_400 * NANOS
"""How far events that recur are followed."""
SHOWN: Final = 10
"""Events of calendars that are listed: what comes next fits a screen."""
USUAL: Final = rule_text(AlertRule("usual"))


def rules(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether all can be read.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--rules", readable=False, help="This file, not ALERT_RULES.")
    ] = None,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Show the rules of ALERT_RULES as they are read, and the next events of ALERT_CALENDARS.

    Exit code 4 with the file, the line or the key at fault if something cannot be read.

    Example: tape alert rules --check
    """
    shape = form_of(form, as_json)
    settings = load(AlerterSettings)
    path = file or settings.alert_rules
    found = read_rules(path)
    channels = channel_names(settings, found)
    found = read_rules(path, channels)
    now_ns = int(WALL_CLOCK.now_s()) * NANOS
    calendars = read_calendars(settings.alert_calendars, now_ns + AHEAD_NS)
    coming = sorted(one for one in calendars.events if one.end_ns > now_ns)
    if not check:
        events = [
            {
                "name": one.name,
                "symbols": one.symbols or ("*",),
                "start": iso_time(one.start_ns),
                "end": iso_time(one.end_ns),
                "calendar": one.source,
            }
            for one in coming
        ]
        texts = [rule_text(rule) for rule in found]
        whole = {"channels": channels, "rules": texts, "expected": events}
        show(shape, whole, lambda: _tables(found, coming), texts)
    say_unusable(calendars)
    _say(found, path, calendars, len(coming))
    return 0


def _tables(found: tuple[AlertRule, ...], coming: list[Event]) -> list[Table]:
    table = Table("rule", "key", "value")
    for rule in found:
        name = rule.name
        for key, value in rule_text(rule).items():
            if key == "name" or (value in ([], None) and USUAL.get(key) == value):
                continue
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            table.add_row(cell(name), key, cell(shown))
            name = ""
    if not coming:
        return [table]
    events = Table("expected", "symbols", "from", "to")
    for one in coming[:SHOWN]:
        times = (utc_and_new_york(iso_time(at)) for at in (one.start_ns, one.end_ns))
        events.add_row(cell(one.name), cell(", ".join(one.symbols) or "all"), *times)
    return [table, events]


def _say(
    found: tuple[AlertRule, ...], path: Path | None, calendars: Calendars, coming: int
) -> None:
    are = "1 rule" if len(found) == 1 else f"{len(found):,} rules"
    source = "without ALERT_RULES" if path is None else f"in {path}"
    text = f"{are} {source}"
    if calendars.events or calendars.unusable:
        text += f"; {len(calendars.events):,} events in calendars, {coming:,} of them to come"
    notes_console().print(cell(text), highlight=False, soft_wrap=True)
