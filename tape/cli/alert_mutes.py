"""`tape alert mute`, `mutes` and `unmute`: silence that people ask for, with an end and a why."""

import getpass
import secrets
from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table

from tape.alerting.kept import Mute
from tape.alerting.mutes import hits, is_on
from tape.alerting.until import until_ns
from tape.cli.alert_said import say_unreadable, utc_and_new_york
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.output import notes_console
from tape.errors import SettingsError
from tape.kafka.alerts_topic import alert_records, put_record
from tape.kafka.connect import ready_broker
from tape.kafka.specs import pipeline_topics
from tape.model.fields import NANOS, iso_time
from tape.model.short_ids import several
from tape.process.clock import WALL_CLOCK
from tape.process.terminal_text import cell, printable
from tape.settings.alerter import AlerterSettings
from tape.settings.load import load
from tape.settings.symbol_lists import check_symbol

WAIT_S: Final = 10.0
WHY_MAX: Final = 200
NOTHING_MATCHED: Final = 2
"""Exit code where a mute was named that is not there."""


def mute(
    symbols: Annotated[list[str] | None, typer.Argument(help="Symbols to be silent about.")] = None,
    until: Annotated[
        str, typer.Option(help="Its end: 16:00 or 2025-05-05T16:00 in New York, a day, 2h, 3d.")
    ] = "",
    why: Annotated[str, typer.Option(help="For those who read the list of mutes.")] = "",
    all_of_them: Annotated[
        bool, typer.Option("--all", help="Be silent about all symbols.")
    ] = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Announce nothing of these symbols until a time; what is withheld is counted and listed.

    Running alerters know of it within a second or two. It is kept on the topic of alerts.

    Example: tape alert mute NVDA --until 16:00 --why "stock split"
    """
    shape = form_of(form, as_json)
    names = sorted({name.strip() for name in symbols or []})
    for name in names:
        check_symbol(name, "mute")
    if bool(names) == all_of_them:
        raise SettingsError("nothing says whom to mute", "name symbols, or --all and none")
    if not until:
        raise SettingsError("every mute has an end", "add --until 16:00 or --until 2h")
    if not why.strip():
        raise SettingsError("every mute says why", 'add --why "…"')
    now_ns = int(WALL_CLOCK.now_s()) * NANOS
    one = Mute(
        mute_id=f"m-{secrets.token_hex(3)}",
        symbols=tuple(names),
        since=iso_time(now_ns),
        until=iso_time(until_ns(until, now_ns)),
        why=printable(" ".join(why.split()))[:WHY_MAX],
        who=_who(),
    )
    settings = _ready()
    put_record(settings.client_config(), settings.alerts, one)
    show(shape, one, list)
    of = ", ".join(names) or "all symbols"
    _note(
        f"muted until {utc_and_new_york(one.until)}: {of}; end it before: tape alert unmute "
        f"{one.mute_id}"
    )
    return 0


def mutes(
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """List the mutes that count now, with their end and how many states each withheld.

    Example: tape alert mutes --all
    """
    shape = form_of(form, as_json)
    settings = _ready()
    records, unreadable = alert_records(settings.client_config(), settings.alerts)
    now = iso_time(int(WALL_CLOCK.now_s()) * NANOS)
    counted = hits(records)
    found = [one for one in records if isinstance(one, Mute) and (every or is_on(one, now))]
    found.sort(key=lambda one: (one.until, one.mute_id))
    rows = [
        {**msgspec.structs.asdict(one), "on": is_on(one, now), "withheld": _hits(one, counted)}
        for one in found
    ]
    show(shape, {"mutes": rows}, lambda: [_table(found, counted)] if found else [], rows)
    if not found:
        _note("nothing is muted")
    say_unreadable(unreadable, settings.alerts)
    return 0


def _table(found: list[Mute], counted: dict[str, int]) -> Table:
    table = Table("id", "symbols", "until", "withheld", "by", "why")
    for one in found:
        of = ", ".join(one.symbols) or "all"
        end = "ended" if one.ended else utc_and_new_york(one.until)
        texts = (of, end, f"{_hits(one, counted):,}", one.who, one.why)
        table.add_row(cell(one.mute_id), *map(cell, texts))
    return table


def unmute(
    mute_id: Annotated[
        str, typer.Argument(help="As `tape alert mutes` lists it, or how no other begins.")
    ],
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """End a mute before its time. What it withheld stays counted.

    Exit code 2 if there is no such mute, or it is over.

    Example: tape alert unmute m-1f2e3d
    """
    shape = form_of(form, as_json)
    settings = _ready()
    records, _ = alert_records(settings.client_config(), settings.alerts)
    now = iso_time(int(WALL_CLOCK.now_s()) * NANOS)
    on = {one.mute_id: one for one in records if isinstance(one, Mute) and is_on(one, now)}
    found = [mute_id] if mute_id in on else sorted(n for n in on if n.startswith(mute_id))
    if len(found) != 1:
        names = ", ".join(sorted(on)) or "none"
        none = f"no mute {mute_id} counts now; those that do: {names}"
        _note(several(mute_id, found, len(found)) if found else none)
        return NOTHING_MATCHED
    one = on[found[0]]
    ended = msgspec.structs.replace(one, ended=now)
    put_record(settings.client_config(), settings.alerts, ended)
    show(shape, ended, list)
    _note(f"ended: {one.mute_id}")
    return 0


def _ready() -> AlerterSettings:
    settings = load(AlerterSettings)
    topics = pipeline_topics(alerts=settings.alerts)
    own = [one for one in topics if one.name == settings.alerts]
    ready_broker(settings.client_config(), own, wait_s=WAIT_S)
    return settings


def _hits(one: Mute, counted: dict[str, int]) -> int:
    return counted.get(f"muted {one.mute_id}", 0)


def _who() -> str:
    try:
        return printable(getpass.getuser())[:60]
    except (OSError, KeyError):  # a container's user may have no name
        return ""


def _note(text: str) -> None:
    notes_console().print(printable(text), markup=False, highlight=False, soft_wrap=True)
