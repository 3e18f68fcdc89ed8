"""`tape producer`: what was sent of each file, and sending files again."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.output import counted, notes_console
from tape.errors import SettingsError
from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
from tape.kafka.topics import partition_counts, pipeline_topics
from tape.process.terminal_text import cell, printable
from tape.settings.load import load
from tape.settings.producer import ProducerSettings
from tape.streaming.forgetting import forget as forget_files
from tape.streaming.marks import look_at_topic, made_anew
from tape.streaming.positions import Book, Position, positions_topic, read_positions

app = typer.Typer(
    help="Show what the producer has sent, and have files sent again.",
    no_args_is_help=True,
    add_completion=False,
)
SHORT = 12
"""Digits of a hash that are shown; `forget` takes them."""


@app.command()
def status(form: AsForm = None, as_json: AsJson = False) -> int:
    """Show what was sent of each file: rows, trades, rejected, state, and when.

    Ends with 2 where the broker has no such topic: it was never sent to, or is misspelt.

    Example: tape producer status
    """
    shape = form_of(form, as_json)
    settings = load(ProducerSettings)
    client = settings.client_config()
    ready_broker(client, [], wait_s=COMMAND_WAIT_S)
    book = read_positions(client, positions_topic(settings.input))
    made_again = bool(book.files) and made_anew(book, look_at_topic(settings))
    is_there = partition_counts(client, [settings.input]) != [0]
    code = 0 if is_there or book.files else 2
    about = {"input": settings.input, "topic_exists": is_there, "made_anew": made_again}
    why = "" if is_there else f": the broker has no topic {settings.input} (the setting `input`)"
    nothing, rows = f"nothing was sent yet{why}", _fields(book)
    whole = {**about, "files": rows}
    show(shape, whole, lambda: [_table(book) if book.files else nothing], rows)
    if made_again and shape == "table":
        notes_console().print(
            f"{settings.input} was made again since: `tape producer forget --all` sends these again"
        )
    return code


@app.command()
def forget(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Paths, names, or first digits of hashes, as `status` shows them."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Forget every file.")] = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Forget that files were sent: the next start of the producer sends them again.

    Each trade gets the same id again. A running producer of the same INSTANCE is ended.

    Example: tape producer forget nasdaq/xnas-itch-20250505.trades.csv.zst
    """
    shape = form_of(form, as_json)
    if every == bool(files):
        raise SettingsError(
            "no file is named", "say which files are to be forgotten, or --all for every one"
        )
    settings = load(ProducerSettings)
    ready_broker(
        settings.client_config(), pipeline_topics(*settings.topics()), wait_s=COMMAND_WAIT_S
    )
    forgotten = forget_files(settings, None if every else files)
    rows = [{"sha256": sha256, "file": name} for sha256, name in forgotten.items()]
    told = [f"forgotten: {cell(printable(f))} ({s[:SHORT]})" for s, f in forgotten.items()]
    show(shape, {"forgotten": rows}, lambda: told, rows)
    if shape == "table":
        notes_console().print(
            f"{counted(len(rows), 'file')} forgotten; the next start of the producer sends those "
            "again that are in DATA_DIR"
        )
    return 0


def _fields(book: Book) -> list[dict[str, object]]:
    return [
        {
            "sha256": sha256,
            **msgspec.to_builtins(one),
            "rejected_rows": sum(one.rejected.values()),
        }
        for sha256, one in _sorted(book)
    ]


def _sorted(book: Book) -> list[tuple[str, Position]]:
    return sorted(book.files.items(), key=lambda item: (item[1].at, item[1].file, item[0]))


def _table(book: Book) -> Table:
    table = Table("file", "hash", "rows", "trades", "rejected", "state", "when")
    for sha256, one in _sorted(book):
        reasons = {**one.rejected, **one.faults}
        rejected = ", ".join(f"{cell(name)} {count:,}" for name, count in sorted(reasons.items()))
        table.add_row(
            cell(printable(Path(one.file).name)) or "(of an earlier version)",
            sha256[:SHORT],
            f"{one.rows:,}",
            "not counted" if one.uncounted == one.rows > 0 else f"{one.trades:,}",
            rejected or "0",
            one.state,
            cell(one.at) or "-",
        )
    return table
