"""`tape settings`: all settings with value, source and meaning, and what the hash stands for."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from tape.cli.forms import AsForm, AsJson, Form, form_of, show
from tape.cli.output import notes_console, say
from tape.detection.registry import Lineup, lineup
from tape.errors import SettingsError
from tape.process.terminal_text import cell
from tape.settings.all_settings import APPS, Row, all_settings, kind_of
from tape.settings.check import faults
from tape.settings.detector import DetectorSettings
from tape.settings.in_hash import settings_hashed
from tape.settings.load import Origin, load, origins

FAULTY: Final = 2
"""Exit code of --check where something cannot work."""


def settings(
    app: Annotated[
        str, typer.Option("--app", help="Only those of this app, such as anomaly_detector.")
    ] = "",
    changed: Annotated[bool, typer.Option("--changed", help="Only those that are set.")] = False,
    hash_: Annotated[
        bool,
        typer.Option(
            "--hash", help="Show the hash that alerts carry in `detector`, and what it is made of."
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only check them all. Exit code 2 if something cannot work."),
    ] = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Show all settings: value, where it comes from, and what it means; or check them.

    A value comes from an option, the environment, the file .env here, or is the default.
    Secrets are not shown.

    Example: tape settings --profile calibrated --hash
    """
    shape = form_of(form, as_json)
    if app and app not in APPS:
        raise SettingsError(f"--app {app}: there is no such app", f"choose from {', '.join(APPS)}")
    if check and hash_:
        raise SettingsError("--check and --hash are two questions", "leave one of them out")
    if check:
        return _check(app, shape)
    if hash_:
        _show_hash(shape)
        return 0
    rows = [row for row in all_settings() if not app or app in row.apps]
    found = {one.name: one for name in APPS for one in _origins(name)}
    if changed:
        rows = [row for row in rows if found[row.name].source != "default"]
    lines = [_told(row, found[row.name]) for row in rows]
    show(shape, {"settings": lines}, lambda: _tables(rows, found), lines)
    if not rows:
        say("nothing is set: all have their defaults", err=True)
    return 0


def _origins(app: str) -> list[Origin]:
    return origins(load(kind_of(app)))


def _told(row: Row, origin: Origin) -> dict[str, Any]:
    return {
        "name": row.name,
        "value": origin.value,
        "source": origin.source,
        "default": row.default,
        "unit": row.unit,
        "meaning": row.meaning,
        "apps": row.apps,
        "secret": row.secret,
    }


def _tables(rows: Sequence[Row], found: dict[str, Origin]) -> list[Table]:
    tables: dict[str, Table] = {}
    for row in rows:
        table = tables.get(row.group)
        if table is None:
            table = tables[row.group] = Table(title=row.group, title_justify="left")
            table.add_column("setting", overflow="fold")
            table.add_column("value", overflow="fold")
            table.add_column("from")
            table.add_column("meaning", ratio=1)
        origin = found[row.name]
        unit = f" {row.unit}" if row.unit and origin.value and "share" not in row.unit else ""
        style = "" if origin.source == "default" else "bold"
        table.add_row(
            Text(row.name), Text(origin.value + unit, style), origin.source, Text(row.meaning)
        )
    return list(tables.values())


def _check(app: str, form: Form) -> int:
    """Say what cannot work, and return the exit code."""
    found = faults([app] if app else list(APPS))
    told = [str(error) for error in found]
    lines = [cell(one) for one in told] or ["all settings can be used"]
    show(form, {"faults": told}, lambda: lines, [{"fault": one} for one in told], ["fault"])
    return FAULTY if found else 0


def _show_hash(form: Form) -> None:
    """Print the hash, and by detector the settings by which it differs."""
    settings = load(DetectorSettings)
    run = settings.parameters()
    found = lineup(settings.profile)
    values = {one.name: one for one in origins(settings)}
    parts = {
        kind.name: {name: values[name].value for name in settings_hashed(kind)}
        for kind in found.kinds
    }
    digests = {kind.name: kind.parameters.of(run).fingerprint() for kind in found.kinds}
    whole = found.fingerprint(run)
    rows = [{"name": n, "hash": digests[n], "settings": own} for n, own in parts.items()]
    tables = _hash_tables(found, digests, parts, values)
    show(form, {"hash": whole, "detectors": rows}, lambda: [whole, *tables], rows)
    if form != "table":
        return
    notes_console().print(
        "Alerts carry the first line in `detector`. It differs when one of these settings does; of "
        "files and models their content counts, wherever they are.",
        soft_wrap=True,
    )


def _hash_tables(
    found: Lineup,
    digests: dict[str, str],
    parts: dict[str, dict[str, str]],
    values: dict[str, Origin],
) -> list[Table]:
    tables = []
    for name in found.names:
        table = Table(title=f"{name}: {digests[name]}", title_justify="left")
        for column in ("setting", "value", "from"):
            table.add_column(column)
        for setting, value in parts[name].items():
            table.add_row(Text(setting), Text(value), values[setting].source)
        tables.append(table)
    return tables
