"""What columns files of trades have, as their user would name them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tape.archives.discovery import Archive
from tape.archives.format import Encoding
from tape.archives.formats import format_of
from tape.archives.layout import split
from tape.archives.row_texts import RowTexts
from tape.codec.row_fields import NAMES
from tape.errors import ArchiveError

VENDORS: Final = frozenset(NAMES)
NEEDED: Final = VENDORS - {"depth", "symbol"}
"""Columns of DataBento's trades that all of its files have."""
HEAD: Final = "hd"
"""Under it DataBento's JSON nests what all its records have."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A file as its columns.

    Attributes:
        encoding: how its rows are written.
        columns: their names in the file's order, or of JSON in that of its first line; a file
            without a header has numbers.
        fields: which column each field of a trade is, for those that are one column alone.
        delimiter: what separates the columns of CSV.
        has_symbols: whether the rows say what they are trades of.
        has_header: whether the first line names the columns.
    """

    encoding: Encoding
    columns: Sequence[str] = NAMES
    fields: Mapping[str, int] = field(default_factory=dict)
    delimiter: str = ","
    has_symbols: bool = True
    has_header: bool = True

    @property
    def is_vendors(self) -> bool:
        """Return whether the columns are DataBento's of trades, and no others."""
        return NEEDED <= set(self.columns) <= VENDORS

    def says_the_same(self, other: "Shape") -> bool:
        """Return whether rows of the two can stand below each other."""
        mine, its = (
            (one.encoding, tuple(one.columns), one.delimiter, one.has_header)
            for one in (self, other)
        )
        return mine == its if self.encoding == "csv" else self.encoding == other.encoding


def shape_of(archive: Archive) -> Shape | None:
    """Return what a file's columns are, None if it cannot be read as trades."""
    form = format_of(archive)
    if form.encoding == "dbn":
        return Shape("dbn")
    try:
        beginning = RowTexts(archive, form)
    except ArchiveError:  # who reads the trades says why
        return None
    if beginning.fault is not None:
        return None
    if form.layout is None:
        return _of_json(beginning.first_row)
    layout = form.layout
    names: Sequence[str] = layout.names
    if not layout.columns:
        count = len(split(beginning.first_row.decode(errors="replace"), layout.delimiter))
        names = [str(1 + n) for n in range(count)]
    return Shape(
        "csv",
        tuple(names),
        {
            name: at[0]
            for name, at in layout.at.items()
            if len(at) == 1 and name not in layout.constants
        },
        layout.delimiter,
        "symbol" in layout.fields,
        layout.columns > 0,
    )


def _of_json(line: bytes) -> Shape:
    members = json.loads(line)
    head = members.pop(HEAD, None)
    nested = list(head) if isinstance(head, dict) else []
    return Shape("json", (*nested, *members), has_symbols="symbol" in members)
