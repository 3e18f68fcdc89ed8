"""How each encoding is cut into rows, turned into numbers, and read where it is not plain."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from tape.archives.dbn_file import ALL, DbnFile
from tape.archives.discovery import TEXT, Archive, encoding_of
from tape.archives.frames import Piece, pieces
from tape.archives.json_rows import has_symbols, json_fields
from tape.archives.plain_csv import convert_csv
from tape.archives.plain_dbn import COLUMNS, LINE_BYTES, convert_dbn, put_line, walk
from tape.archives.plain_fields import Names, Rows
from tape.archives.plain_json import convert_json
from tape.archives.rows import CsvFields, Fields, Header, read_header
from tape.archives.sidecars import Symbology
from tape.rejected import Rejected
from tape.scan import U8

Position = tuple[int, int, int]
"""Where a conversion stands: byte of the chunk, row, byte of the messages."""


class Format(Protocol):
    """One file in its encoding.

    Attributes:
        symbology: symbols by instrument and day, complete once the first piece has come.
        by_instrument: the rows have no symbols of their own.
        fields: takes a row apart where it is not plain.
        first_line: number of the line in the file that is the first row.
    """

    symbology: Symbology
    by_instrument: bool
    fields: Fields
    first_line: int

    def pieces(self, size: int) -> Iterator[Piece]:
        """Yield chunks of whole rows, long lines, and at last any fault."""

    def begin(self, piece: bytes) -> bytes | Rejected:
        """Take the header out of the first chunk; returns the rest, or why there is no header."""

    def left_out(self) -> int:
        """Return how many records were no rows since this was last asked, and are to be counted."""

    def count(self, data: bytes) -> int:
        """Return how many rows a chunk has."""

    def behind(self, data: bytes, rows: int) -> bytes:
        """Return what lies behind so many rows of a chunk."""

    def convert(
        self, data: U8, at: Position, asked: int, latest_ns: int, names: Names, out: U8, rows: Rows
    ) -> Position:
        """Fill rows and messages from `at` on; returns where that ended.

        It ends behind the last row, or at one with a symbol that is not in `names`; row `asked`
        is then left to be read literally.
        """

    def line(self, data: bytes, start: int) -> bytes:
        """Return the row that begins at `start`, as text, without its end of line."""


class _Lines:
    """What the encodings in lines share."""

    def __init__(self, archive: Archive) -> None:
        self._path = archive.path
        self.symbology = Symbology(archive.path.parent)
        self.by_instrument = False

    def pieces(self, size: int) -> Iterator[Piece]:
        return pieces(self._path, size)

    def left_out(self) -> int:
        return 0

    def count(self, data: bytes) -> int:
        return data.count(b"\n")

    def behind(self, data: bytes, rows: int) -> bytes:
        at = 0
        for _ in range(rows):
            at = data.index(b"\n", at) + 1
        return data[at:]

    def line(self, data: bytes, start: int) -> bytes:
        return data[start : data.index(b"\n", start)]


class _Csv(_Lines):
    """CSV in any of DataBento's dialects."""

    first_line: int = 2
    fields: Fields

    def begin(self, piece: bytes) -> bytes | Rejected:
        line, _, rest = piece.partition(b"\n")
        header = read_header(line)
        if isinstance(header, Rejected):
            return header
        self.fields = CsvFields(header)
        self._at = np.array(header.at, np.int64)
        self._columns = header.columns
        self.by_instrument = header.at[-1] < 0
        return rest

    def convert(
        self, data: U8, at: Position, asked: int, latest_ns: int, names: Names, out: U8, rows: Rows
    ) -> Position:
        columns = self._columns
        return convert_csv(data, *at, asked, self._at, columns, latest_ns, names, out, rows)


class _Json(_Lines):
    """JSON lines as DataBento writes them."""

    first_line: int = 1

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.fields: Fields = json_fields

    def begin(self, piece: bytes) -> bytes | Rejected:
        named = has_symbols(piece[: piece.index(b"\n")])
        if isinstance(named, Rejected):
            return named
        self.by_instrument = not named
        return piece

    def convert(
        self, data: U8, at: Position, asked: int, latest_ns: int, names: Names, out: U8, rows: Rows
    ) -> Position:
        return convert_json(data, *at, asked, latest_ns, names, out, rows)


class _Dbn:
    """The vendor's binary encoding."""

    first_line: int = 1
    by_instrument: bool = True

    def __init__(self, archive: Archive) -> None:
        self._file = DbnFile(archive.path)
        self.symbology = self._file.symbology
        self.fields: Fields = CsvFields(Header((*range(len(COLUMNS)), -1), len(COLUMNS)))

    def pieces(self, size: int) -> Iterator[Piece]:
        return self._file.records(size // 2)

    def begin(self, piece: bytes) -> bytes | Rejected:
        return piece

    def left_out(self) -> int:
        return self._file.left_out()

    def count(self, data: bytes) -> int:
        return walk(np.frombuffer(data, np.uint8), ALL)[1]

    def behind(self, data: bytes, rows: int) -> bytes:
        return data[walk(np.frombuffer(data, np.uint8), rows)[0] :]

    def convert(
        self, data: U8, at: Position, asked: int, latest_ns: int, names: Names, out: U8, rows: Rows
    ) -> Position:
        return convert_dbn(data, *at, asked, latest_ns, names, out, rows)

    def line(self, data: bytes, start: int) -> bytes:
        out = np.empty(LINE_BYTES, np.uint8)
        end = put_line(np.frombuffer(data, np.uint8), start, out)
        return out[: end - 1].tobytes()


def format_of(archive: Archive) -> Format:
    """Return the format that a file's name says."""
    kinds: dict[str, type[_Csv | _Json | _Dbn]] = {
        "csv": _Csv,
        "json": _Json,
        "dbn": _Dbn,
        TEXT: _Csv,
    }
    return kinds[encoding_of(archive.path)](archive)
