"""`tape sink`: the store that anomalies go to: look at it, make its tables, let people read."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import typer
from rich.table import Table

from tape.cli.forms import AsForm, AsJson, Form, form_of, show
from tape.errors import SettingsError
from tape.ops.doctor.store import store_checks
from tape.process.terminal_text import cell, printable
from tape.settings.load import load
from tape.settings.sink import SEARCH_SINKS, SinkSettings
from tape.settings.store_place import place_of, search_place_of
from tape.sinks.checked import Checked

app = typer.Typer(
    help="The store that anomalies go to: look at it, make its tables, let people read it.",
    no_args_is_help=True,
    add_completion=False,
)
MIGRATE_S: Final = 600.0

NO_ROLES: Final = {
    "opensearch": (
        "its roles are those of a security plugin, which is set up by its own tools",
        "give people a role there that may `read` the indexes that begin with INDEX_PREFIX",
    ),
    "questdb": (
        "only its Enterprise has roles",
        "set pg.readonly.user.enabled=true in its server.conf: a user who may read everything",
    ),
    "files": (
        "files have no roles, and these are for their owner only",
        "let others into SINK_DIR by chmod or setfacl",
    ),
}
"""Stores for which no role can be printed: why, and what to do instead."""


@app.command()
def check(form: AsForm = None, as_json: AsJson = False) -> int:
    """Try the store that SINK names: connection, schema, rights. Exit code 0 only if all is well.

    It changes nothing.

    Example: SINK=postgres tape sink check
    """
    shape = form_of(form, as_json)
    settings = load(SinkSettings)
    found = list(store_checks(settings))
    well = all(one.is_well for one in found)
    whole = {"sink": settings.sink, "well": well, "checks": found}
    show(shape, whole, lambda: [_table(found)], found)
    return 0 if well else 1


def _table(found: Sequence[Checked]) -> Table:
    table = Table("check", "", "found", "fix")
    for one in found:
        verdict = "[green]ok[/]" if one.is_well else "[bold red]problem[/]"
        texts = (cell(printable(text)) for text in (one.text, one.fix))
        table.add_row(one.check, verdict, *texts)
    return table


@app.command()
def migrate(form: AsForm = None, as_json: AsJson = False) -> int:
    """Make tables or index templates, or bring those of an older version up to this one.

    The sink does this itself when it starts, unless SINK_MIGRATE=0.

    Example: tape sink migrate
    """
    shape = form_of(form, as_json)
    settings = load(SinkSettings)
    if settings.sink in SEARCH_SINKS:
        return _migrate_indexes(settings, shape)
    place = place_of(settings)
    from tape.sinks.sink import SinkBusyError
    from tape.sinks.stores import migrating

    session, run = migrating(replace(place, timeout_s=MIGRATE_S), settings.sink)
    try:
        session.wait(wait_s=10)
        done = run()
    except SinkBusyError as busy:
        raise SettingsError(f"the tables were not made: {busy}", "try again") from None
    finally:
        session.close()
    told = [f"{place.schema}: version {one.version} ({one.name})" for one in done]
    nothing = f"{place.schema} is of this program's version"
    whole = {"schema": place.schema, "done": [one.version for one in done]}
    show(shape, whole, lambda: ["\n".join(told) or nothing])
    return 0


def _migrate_indexes(settings: SinkSettings, shape: Form) -> int:
    place = search_place_of(settings, MIGRATE_S)
    from tape.sinks.search.session import Session
    from tape.sinks.search.templates import VERSION
    from tape.sinks.search.templates import migrate as run
    from tape.sinks.sink import SinkBusyError

    session = Session(place)
    try:
        session.wait(wait_s=10)
        done = run(session)
    except SinkBusyError as busy:
        raise SettingsError(f"the templates were not made: {busy}", "try again") from None
    finally:
        session.close()
    told = [f"{name}: version {VERSION}" for name in done]
    nothing = f"{place.prefix}-… are of this program's version"
    whole = {"prefix": place.prefix, "version": VERSION, "done": done}
    show(shape, whole, lambda: ["\n".join(told) or nothing])
    return 0


@app.command()
def grants() -> int:
    """Print a role that may read everything and change nothing: for Grafana, Kibana, people.

    For PostgreSQL it is SQL, for Elasticsearch the JSON of a role.

    Example: tape sink grants | psql "$DATABASE_URL"
    """
    settings = load(SinkSettings)
    if settings.sink in NO_ROLES:
        raise SettingsError(
            f"SINK={settings.sink}: {NO_ROLES[settings.sink][0]}", NO_ROLES[settings.sink][1]
        )
    if settings.sink == "elasticsearch":
        from tape.sinks.search.reader_role import reader_role

        sys.stdout.write(reader_role(settings.index_prefix))
        return 0
    from tape.sinks.postgres.migrations import grants as text

    sys.stdout.write(text(settings.postgres_schema))
    return 0
