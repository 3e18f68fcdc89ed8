"""`tape inspect FILE --suggest-columns`: a columns file, and what it makes of the file's rows."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from tape.archives import RowBatch, find_archives, read_archive
from tape.archives.columns_guess import suggest
from tape.archives.columns_reader import read_columns_file
from tape.archives.given import Given
from tape.archives.suggestion import Suggestion
from tape.cli.output import notes_console
from tape.errors import SettingsError
from tape.model.fields import TIME_MAX_NS
from tape.process.terminal_text import printable
from tape.process.whole_file import OutputFile


def suggest_columns(
    paths: Sequence[Path], output: Path | None, time_zone: str | None, *, force: bool
) -> int:
    """Write a columns file for one file; returns the exit code.

    That is 2 where something is left to be said, or not a row can be read by it.
    """
    if len(paths) != 1 or paths[0].is_dir():
        raise SettingsError("--suggest-columns is about one file", "name one, not a folder")
    path = paths[0]
    file = None if output is None else OutputFile(output, inputs=paths, force=force)
    if file is not None:
        file.check()
    find_archives(path)  # says in a sentence what cannot be read at all
    made = suggest(path, time_zone)
    text = made.text(printable(path.name))
    if file is None:
        typer.echo(text, nl=False)
    else:
        with file:
            file.write(text.encode())
    complete = _say(made, text, path, time_zone)
    return 0 if complete and not made.open else 2


def _say(made: Suggestion, text: str, path: Path, time_zone: str | None) -> bool:
    """Say what was guessed and what it makes of the first rows; returns whether rows are read."""
    notes = notes_console()
    sentences = [f"guessed: {one}" for one in made.guesses]
    sentences += [f"to be said: {one}" for one in made.open]
    batch = None if made.open else _tried(text, path, time_zone)
    if batch is not None:
        others = f", {batch.skipped:,} about other things" if batch.skipped else ""
        sentences.append(f"by it, of the first rows {len(batch.values):,} are trades{others}")
        if batch.rejected:
            first = batch.rejected[0]
            sentences.append(
                f"rejected: {len(batch.rejected):,}; the first: {first.source}: "
                f"{first.rejected.detail}"
            )
    for sentence in sentences:
        notes.print(printable(sentence), markup=False, highlight=False, soft_wrap=True)
    return batch is not None and len(batch.values) > 0


def _tried(text: str, path: Path, time_zone: str | None) -> RowBatch | None:
    """Return the first rows of the file as the columns file has them."""
    with tempfile.TemporaryDirectory(prefix="tape-columns-") as folder:
        file = Path(folder) / "suggested.toml"
        file.write_text(text, encoding="utf-8")
        columns = read_columns_file(file)
    (archive,) = find_archives(path).archives
    given = Given(columns, time_zone)
    return next(read_archive(replace(archive, given=given), latest_ns=TIME_MAX_NS), None)
