"""`tape demo`: the whole pipeline from one command."""

from pathlib import Path
from shlex import quote
from typing import Annotated, cast, get_args

import typer

from tape.archives import find_archives
from tape.cli.output import table_console
from tape.errors import ArchiveError, SettingsError, StoreError
from tape.kafka.local.jars import java_and_classpath
from tape.ops.compile_first import compile_first
from tape.ops.demo import report, run_pipeline
from tape.ops.demo.page import with_free_port
from tape.ops.local_postgres import server_programs
from tape.page.needed import need_streamlit
from tape.process.own_folder import make_private, own_folder
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.settings.page import PageSettings
from tape.settings.producer import ProducerSettings
from tape.settings.sink import SEARCH_SINKS, SinkName, SinkSettings
from tape.settings.store_place import search_place_of
from tape.sinks.checks import check_search_server
from tape.sinks.stores import files_store, postgres_place
from tape.synthetic import make_day, write_day

DEFAULT_DATA = Path("nasdaq")
PAGE_PROFILE = "calibrated"
"""Of a demo with the page: it has the band of normal prices, and ranks what it finds."""
PAGE_SPEED = 300.0
"""Times the speed of the tape, likewise: its sixteen hours take three minutes."""


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="Files or folder of DataBento trades; without it, nasdaq/."
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Folder for output and logs: new, empty, or of an earlier demo.",
        ),
    ] = Path("out/demo"),
    sink: Annotated[
        str,
        typer.Option(
            help="Store what is found as well, and show it there: postgres, questdb, files, "
            "elasticsearch, …"
        ),
    ] = "",
    page: Annotated[
        bool,
        typer.Option(
            "--page",
            help="Show it in a browser as it comes: a day in three minutes; Ctrl-C ends it.",
        ),
    ] = False,
) -> int:
    """Start a local Apache Kafka, run producer and detector, and show what they found.

    With --page the detector is `calibrated` unless PROFILE names another, and the tape plays at
    300 times its speed unless REPLAY_SPEED says otherwise.

    Example: tape demo --data ~/downloads/XNAS-20241227-4MMMNFEELC
    """
    settings = load(DetectorSettings)
    settings, more = _for_page(settings) if page else (settings, {})
    settings.parameters()
    store = _store(sink)
    if data is not None:
        find_archives(data)  # said before anything is made
    java_and_classpath()
    compile_first(table_console())
    console = table_console()
    with own_folder(output):
        run = run_pipeline(
            _data(data, output),
            output,
            settings,
            store,
            with_free_port(load(PageSettings)) if page else None,
            lambda run: report(run, console),
            lambda text: console.print(text, highlight=False),
            **more,
        )
    console.print(f"next, fewer and ranked: {_next(run.data)}", soft_wrap=True, highlight=False)
    return run.producer_exit_code


def _for_page(settings: DetectorSettings) -> tuple[DetectorSettings, dict[str, str]]:
    """Return the settings of a demo that people watch, and what the apps are told of them."""
    need_streamlit()
    more = {}
    if "profile" not in settings.model_fields_set:
        settings = settings.model_copy(update={"profile": PAGE_PROFILE})
        more["PROFILE"] = PAGE_PROFILE
    if "replay_speed" not in load(ProducerSettings).model_fields_set:
        more["REPLAY_SPEED"] = f"{PAGE_SPEED:g}"
    return settings, more


def _next(data: Path) -> str:
    """Return the command that shows more of the same files."""
    return f"tape replay {quote(str(data))} --profile calibrated"


def _store(name: str) -> SinkName | None:
    """Return the store that is asked for; raises `TapeError` if it cannot be had here."""
    if not name:
        return None
    if name not in get_args(SinkName):
        known = ", ".join(get_args(SinkName))
        raise SettingsError(f"--sink {name}: there is no such store", f"choose from {known}")
    settings = load(SinkSettings)
    if name in SEARCH_SINKS:
        place = search_place_of(settings, settings.store_timeout_s)
        connection, *_ = check_search_server(place, ())
        if not connection.is_well:
            raise StoreError(connection.text, connection.fix)
    elif name == "postgres":
        url = settings.database_url.get_secret_value() or "postgresql://me@127.0.0.1/db"
        postgres_place(url, settings.postgres_schema, password_file=None, timeout_s=1)
        if not settings.database_url.get_secret_value():
            server_programs()
    else:
        files_store(settings.sink_dir)
    return cast("SinkName", name)


def _data(given: Path | None, output: Path) -> Path:
    """Return the folder to stream: the one given, else nasdaq/, else a synthetic day."""
    if given is not None:
        return given
    try:
        find_archives(DEFAULT_DATA)
    except ArchiveError:
        table_console().print(
            f"{DEFAULT_DATA}/ holds no trade files yet: streaming a synthetic day of 200,000 trades"
        )
        folder = output / "synthetic"
        make_private(folder)
        write_day(make_day(), folder)
        return folder
    return DEFAULT_DATA
