"""`tape rejected`: what could not be read, why, and sending it again after a fix."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from tape.cli.forms import AsForm, Form, form_of, show
from tape.cli.output import counted, notes_console
from tape.errors import ArchiveError, SettingsError
from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
from tape.kafka.rejected_topic import (
    RejectedRecord,
    fixed_records,
    rejected_records,
    send_back,
)
from tape.process.terminal_text import cell
from tape.settings.broker import BrokerSettings
from tape.settings.load import load

app = typer.Typer(
    help="Look at rejected records, and send them again.",
    no_args_is_help=True,
    add_completion=False,
)
FIELDS: Final = ("reason", "detail", "source", "app", "size")
SHOWN_BYTES: Final = 300
"""Of a record that is shown."""
NOT_ALL = 2
"""Exit code where records that were asked for could not be sent as they are."""

Reason = Annotated[str | None, typer.Option(help="Only records of this reason.")]
AsLines = Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")]


def _records(reason: str | None) -> tuple[BrokerSettings, list[RejectedRecord]]:
    settings = load(BrokerSettings)
    ready_broker(settings.client_config(), [], wait_s=COMMAND_WAIT_S)
    found = rejected_records(settings.client_config(), settings.rejected)
    wanted = [record for record in found if reason in (None, record.reason)]
    if found and not wanted:
        there = Counter(record.reason for record in found).most_common()
        listed = ", ".join(f"{name} {count:,}" for name, count in there)
        raise ArchiveError(
            f"--reason {reason}: no record on {settings.rejected} was rejected for it",
            f"choose from {listed}",
        )
    return settings, wanted


@app.command("list")
def list_(form: AsForm = None, as_lines: AsLines = False) -> int:
    """Count the rejected records by reason and app.

    Example: tape rejected list
    """
    shape = _form(form, as_lines)
    _, found = _records(None)
    counts = Counter((record.reason, record.app) for record in found)
    first = {(r.reason, r.app): r.source for r in reversed(found)}
    rows: list[dict[str, Any]] = [
        {"reason": reason, "app": who, "count": count, "first": first[reason, who]}
        for (reason, who), count in counts.most_common()
    ]
    table = Table("reason", "app", "records", "first source")
    for row in rows:
        source = cell(row["first"])
        table.add_row(cell(row["reason"]), cell(row["app"]), f"{row['count']:,}", source)
    nothing = "nothing was rejected"
    columns = ("reason", "app", "count", "first")
    show(shape, {"rejected": rows}, lambda: [table if rows else nothing], rows, columns)
    return 0


def _form(form: Form | None, as_lines: bool) -> Form:
    if as_lines and form not in (None, "jsonl"):
        raise SettingsError(
            f"--json is here the same as --format jsonl, not {form}", "leave it out"
        )
    return "jsonl" if as_lines else form_of(form, as_json=False)


@app.command("show")
def show_records(
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most N.")] = 10,
    form: AsForm = None,
    as_lines: AsLines = False,
) -> int:
    """Print rejected records with their reasons, sources and content.

    Example: tape rejected show --reason number_syntax
    """
    shape = _form(form, as_lines)
    _, found = _records(reason)
    rows = [
        {name: getattr(record, name) for name in FIELDS}
        | {"value": record.value[:SHOWN_BYTES].decode(errors="backslashreplace")}
        for record in found[:limit]
    ]
    show(shape, {"rejected": rows}, lambda: map(_paragraph, rows), rows, (*FIELDS, "value"))
    notes_console().print(f"{min(limit, len(found)):,} of {len(found):,}")
    return 0


def _paragraph(row: dict[str, Any]) -> str:
    head = f"[bold]{cell(row['reason'])}[/bold]  {cell(row['detail'])}"
    place = f"  {cell(row['app'])}, {cell(row['source'])}, {counted(row['size'], 'byte')}"
    return f"{head}\n{place}\n  {cell(ascii(row['value']))}"


@app.command()
def retry(
    reason: Reason = None,
    fixed: Annotated[
        Path | None,
        typer.Option(readable=False, help="Send the messages of this .jsonl file instead."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Send rejected messages, or fixed ones, to the input topic again.

    A trade among the last 1,024 of its symbol is dropped as a duplicate; the rest is judged.
    Exit code 2 if some cannot be sent as they are, or none was rejected for the reason.

    Example: tape rejected retry --reason time_range --yes
    """
    records: list[tuple[bytes | None, bytes]] = []
    if fixed is not None and reason is not None:
        raise SettingsError(
            "--reason chooses what was rejected, --fixed sends a file", "give one of them"
        )
    if fixed is not None:
        records += fixed_records(fixed)
    settings, found = _records(reason if fixed is None else None)
    left = 0
    if fixed is None:
        records += [(r.key, r.value) for r in found if r.can_be_retried]
        left = len(found) - len(records)
        if left:
            notes_console().print(
                f"{left:,} of the records are rows of files or were cut: fix them and use --fixed"
            )
    if not records:
        notes_console().print("nothing to send")
        return NOT_ALL if left else 0
    question = f"send {counted(len(records), 'record')} to {settings.input}?"
    if not yes and not typer.confirm(question, err=True):
        return 0
    count = send_back(settings.client_config(), settings.input, records)
    notes_console().print(f"{counted(count, 'record')} sent to {settings.input}")
    return NOT_ALL if left else 0
