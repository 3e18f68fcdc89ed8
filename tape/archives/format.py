"""What reading needs of an encoding: rows cut apart, and turned into numbers and messages."""

from collections.abc import Iterator
from typing import Literal, Protocol

from tape.archives.layout import Layout
from tape.archives.reference_rows import Fields
from tape.archives.sidecars import Symbology
from tape.archives.zstd import Piece
from tape.codec.forms import Form
from tape.codec.row_fields import Names, Rows
from tape.codec.text import U8
from tape.model.rejected import Rejected

Encoding = Literal["csv", "json", "dbn"]
Position = tuple[int, int, int]
"""Where a conversion stands: byte of the chunk, row, byte of the messages."""


class Format(Protocol):
    """One file in its encoding.

    Attributes:
        symbology: symbols by instrument and day, complete once the first piece has come.
        by_instrument: the rows have no symbols of their own.
        fields: takes a row apart where it is not plain.
        form: what the numbers and times mean, complete once the file has begun.
        first_line: number of the line in the file that is the first row.
        encoding: what the file is.
        layout: the columns of CSV, once the file has begun.
    """

    symbology: Symbology
    by_instrument: bool
    fields: Fields
    form: Form
    first_line: int
    encoding: Encoding
    layout: Layout | None

    def pieces(self, size: int) -> Iterator[Piece]:
        """Yield chunks of whole rows, long lines, and at last any fault."""

    def whole(self, found: Iterator[Piece]) -> Iterator[Piece]:
        """Yield chunks of a text as those whose lines are whole rows; none changes its length."""

    def begin(self, piece: bytes) -> bytes | Rejected:
        """Take the header out of the first chunk; returns the rest, or why there is no header."""

    def left_out(self) -> int:
        """Return how many records were no rows since this was last asked, and are to be counted."""

    def count(self, data: bytes) -> int:
        """Return how many rows a chunk has."""

    def behind(self, data: bytes, rows: int) -> bytes:
        """Return what lies behind this many rows of a chunk."""

    def convert(
        self, data: U8, at: Position, asked: int, latest_ns: int, names: Names, out: U8, rows: Rows
    ) -> Position:
        """Fill rows and messages from `at` on; returns where that ended.

        It ends behind the last row, or at one with a symbol that is not in `names`; row `asked`
        is then left to be read literally.
        """

    def line(self, data: bytes, start: int) -> bytes:
        """Return the row that begins at `start`, as text, without its end of line."""
