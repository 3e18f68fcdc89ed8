"""Which format a file has, by its name."""

from collections.abc import Callable, Mapping
from typing import Final

from tape.archives.dbn_format import dbn_format
from tape.archives.discovery import Archive
from tape.archives.file_names import TEXT, encoding_of
from tape.archives.format import Format
from tape.archives.line_formats import csv_format, json_format

FORMATS: Final[Mapping[str, Callable[[Archive], Format]]] = {
    "csv": csv_format,
    "json": json_format,
    "dbn": dbn_format,
    TEXT: csv_format,
}
"""By what `encoding_of` says of the name."""


def format_of(archive: Archive) -> Format:
    """Return the format that a file's name says."""
    return FORMATS[encoding_of(archive.path)](archive)
