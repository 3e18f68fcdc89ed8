"""The vendor's binary encoding as a format: its records are the rows."""

from collections.abc import Iterator

import numpy as np

from tape.archives.dbn_file import ALL, DbnFile
from tape.archives.discovery import Archive
from tape.archives.format import Encoding, Format, Position
from tape.archives.layout import Layout
from tape.archives.reference_rows import CsvFields, Fields
from tape.archives.zstd import Piece
from tape.codec.dbn_scanner import COLUMNS, LINE_BYTES, convert_dbn, put_line, walk
from tape.codec.forms import RECORDS
from tape.codec.row_fields import Names, Rows
from tape.codec.text import U8
from tape.model.rejected import Rejected


class _Dbn:
    """The vendor's binary encoding."""

    first_line: int = 1
    encoding: Encoding = "dbn"
    layout: Layout | None = None
    by_instrument: bool = True

    def __init__(self, archive: Archive) -> None:
        self._file = DbnFile(archive.path)
        self.symbology = self._file.symbology
        at = {name: (n,) for n, name in enumerate(COLUMNS)}
        self.fields: Fields = CsvFields(Layout(",", len(COLUMNS), at))
        self.form = RECORDS

    def pieces(self, size: int) -> Iterator[Piece]:
        return self._file.records(size // 2)

    def whole(self, found: Iterator[Piece]) -> Iterator[Piece]:
        return found

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


def dbn_format(archive: Archive) -> Format:
    """Return the format of a file of DBN records."""
    return _Dbn(archive)
