"""In which form a command prints its data: the option `--format`, and what it does."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
import typer
from rich.console import RenderableType

from tape.cli.output import print_json, table_console
from tape.errors import SettingsError
from tape.process.sheet_text import sheet_cell
from tape.process.terminal_text import printable

Form = Literal["table", "json", "jsonl", "csv"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)
USUAL: Final = "TAPE_FORMAT"
"""The variable that says which form is meant where no option does: for scripts."""

AsForm = Annotated[
    Form | None,
    typer.Option(
        "--format",
        help="Print a table, one JSON object, one object per line (jsonl), or CSV.",
        show_default=f"table, or what {USUAL} says",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="The same as --format json.")]


def form_of(form: Form | None, as_json: bool) -> Form:
    """Return the form that is asked for; a table where nothing is, on a terminal and elsewhere.

    Raises `SettingsError` where two forms are asked for, or TAPE_FORMAT names none.
    """
    if as_json:
        if form not in (None, "json"):
            raise SettingsError(
                f"--json and --format {form} are two forms", "leave one of them out"
            )
        return "json"
    if form is not None:
        return form
    usual = os.environ.get(USUAL) or "table"
    for one in FORMS:
        if usual == one:
            return one
    raise SettingsError(f"{USUAL}={usual} is no form", f"choose from {', '.join(FORMS)}")


def show(
    form: Form,
    whole: object,
    tables: Callable[[], Iterable[RenderableType]],
    rows: Iterable[object] | None = None,
    columns: Sequence[str] = (),
) -> None:
    """Print a command's data on standard output.

    Args:
        form: as what.
        whole: everything, as one JSON object.
        tables: returns what a person sees; called for a table only.
        rows: what has a line each in `jsonl` and `csv`; without any, the whole has the only one.
        columns: names at the head of CSV, as long as no row has others.
    """
    lines = [whole] if rows is None else rows
    match form:
        case "json":
            print_json(whole)
        case "jsonl":
            for line in lines:
                print_json(line)
        case "csv":
            typer.echo(csv_text(lines, columns), nl=False)
        case "table":
            table_console().print(*tables(), highlight=False)


def csv_text(rows: Iterable[object], columns: Sequence[str] = ()) -> str:
    r"""Return objects as CSV below their names; what is nested is JSON within its cell.

    Nothing in it steers a terminal, and no spreadsheet takes a text for a formula.

    >>> csv_text([{"a": 1.5, "b": "=x"}, {"a": None, "c": [1, "y"]}])
    'a,b,c\n1.5,\'=x,\n,,"[1, ""y""]"\n'
    """
    read = [msgspec.to_builtins(row, builtin_types=(Decimal,), enc_hook=_from_raw) for row in rows]
    names = list(dict.fromkeys([*columns, *(name for row in read for name in row)]))
    if not names:
        return ""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(names)
    table.writerows([_cell(row.get(name)) for name in names] for row in read)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return sheet_cell(printable(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | dict):
        return printable(json.dumps(value, default=float))
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _from_raw(value: Any) -> Any:
    """Return what a message holds, its numbers with all their digits."""
    assert isinstance(value, msgspec.Raw)  # noqa: S101 - nothing else is no JSON
    return json.loads(bytes(value), parse_float=Decimal)
