"""`tape reviews`: what people decided about episodes."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.output import Force, counted, notes_console
from tape.errors import SettingsError
from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
from tape.kafka.reviews_topic import reviews_that_count
from tape.model.review import DECISIONS, Review, encode_review
from tape.process.terminal_text import cell
from tape.process.whole_file import OutputFile
from tape.settings.load import load
from tape.settings.page import PageSettings

app = typer.Typer(no_args_is_help=True, help="What people decided about episodes: list, export.")

COLUMNS = Review.__struct_fields__
NOTE_SHOWN = 60
"""Characters of a note in the table; the other forms have all of it."""
State = Annotated[str, typer.Option(help=f"Only these: {', '.join(DECISIONS)}.")]


@app.command("list")
def list_(state: State = "", form: AsForm = None, as_json: AsJson = False) -> int:
    """Show the decision about each episode that counts, the last one at the end.

    Example: tape reviews list --state escalated
    """
    shape = form_of(form, as_json)
    found = _found(state)
    show(shape, {"reviews": found}, lambda: [_table(found)], found, COLUMNS)
    _say(found)
    return 0


def _table(found: list[Review]) -> Table:
    table = Table("at (UTC)", "by", "decision", "reason", "episode", "note", box=None)
    for one in found:
        words = (one.at[:19], one.by, one.state, one.reason, one.episode_id, one.note[:NOTE_SHOWN])
        table.add_row(*map(cell, words))
    return table


@app.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="File for them: .jsonl.")],
    state: State = "",
    force: Force = False,
) -> int:
    """Write the decisions that count as JSON lines, as `tape learn` reads them.

    Example: tape reviews export --output reviews.jsonl
    """
    if output.suffix != ".jsonl":
        raise SettingsError(f"--output {output} does not end in .jsonl", "name it so")
    file = OutputFile(output, inputs=[], force=force)
    file.check()
    found = _found(state)
    with file:
        for one in found:
            file.write(encode_review(one) + b"\n")
    _say(found)
    return 0


def _found(state: str) -> list[Review]:
    if state and state not in DECISIONS:
        raise SettingsError(
            f"--state: there is no decision {state!r}", f"choose from {', '.join(DECISIONS)}"
        )
    settings = load(PageSettings)
    client = settings.client_config()
    ready_broker(client, [], wait_s=COMMAND_WAIT_S)
    found, unreadable = reviews_that_count(client, settings.reviews)
    if unreadable:
        notes_console().print(f"{settings.reviews}: {counted(unreadable, 'record')} cannot be read")
    return [one for one in found if state in ("", one.state)]


def _say(found: list[Review]) -> None:
    counts = Counter(one.state for one in found)
    told = ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
    notes_console().print(f"decisions: {told or 'none'}", highlight=False)
