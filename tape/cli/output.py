"""What all commands share: where they write, how wide, and colours that can go."""

import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Final, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from tape.archives.outcome import Outcome
from tape.process.terminal_text import json_text, printable_lines

Force = Annotated[
    bool, typer.Option("--force", help="Replace output files even if another program made them.")
]


UNCUT: Final = 10_000
"""Columns where there is no terminal, so that a file or a pipe gets each row on one line."""


def print_json(value: Any) -> None:
    """Print one JSON object as one line on standard output."""
    typer.echo(json_text(value))


def say(text: str, *, err: bool = False) -> None:
    """Print a sentence, whatever names of files and symbols stand in it."""
    typer.echo(printable_lines(text), err=err)


def without_colour() -> None:
    """Turn colours off for consoles made from now on, as NO_COLOR does."""
    os.environ["NO_COLOR"] = "1"


class _Console(Console):
    """Escapes what could steer the terminal, in every text and every cell of a table."""

    def render_str(self, text: str, **how: Any) -> Text:
        """Return the text as Rich shows it, made safe."""
        return super().render_str(printable_lines(text), **how)


def table_console() -> Console:
    """Return the console for results; made late, so that --no-color counts."""
    return _Console(emoji=False, width=_width(sys.stdout))


def notes_console() -> Console:
    """Return the console for progress and summaries, on standard error."""
    return _Console(stderr=True, emoji=False, width=_width(sys.stderr))


def _width(stream: TextIO) -> int | None:
    """Return how wide lines may be; None for what the terminal, or COLUMNS, says."""
    return None if stream.isatty() or os.environ.get("COLUMNS") else UNCUT


def counted(count: int, noun: str) -> str:
    """Return how many there are, in words that fit one as well as several.

    >>> counted(1, "file"), counted(1_200, "trade"), counted(0, "day")
    ('1 file', '1,200 trades', '0 days')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def beside(figures: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    """Return figures by name with what was rejected and skipped beside them, if anything was.

    Nothing stands beside them otherwise, so that a program may go through the names.
    """
    return {**figures, **(outcome.as_json() if outcome.exit_code else {})}


def say_outcome(outcome: Outcome, *, remedy: bool = True) -> None:
    """Say on standard error what was rejected and skipped; see `Outcome.sentences`."""
    notes = notes_console()
    for sentence in outcome.sentences(remedy=remedy):
        notes.print(sentence, markup=False, highlight=False, soft_wrap=True)


def row_bars() -> Progress:
    """Return bars of rows with their rate and the time left; nothing without a terminal."""
    console = notes_console()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} rows, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
