"""How each encoding is cut into rows, turned into numbers, and read where it is not plain."""

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Literal, Protocol

import numpy as np

from tape.archives.beginnings import misnamed, other_encoding, without_separator_line
from tape.archives.columns_file import read_columns_file
from tape.archives.dbn_file import ALL, DbnFile
from tape.archives.deciding import AGREED, SAMPLE_BYTES, SAMPLE_ROWS, decide
from tape.archives.discovery import TEXT, Archive, encoding_of
from tape.archives.forms_plan import plan_for
from tape.archives.forms_scanner import convert_form
from tape.archives.given import file_beside
from tape.archives.layout import Layout, read_layout
from tape.archives.quoted_lines import whole_rows
from tape.archives.reference_json import json_reader
from tape.archives.reference_rows import OPTIONAL, CsvFields, Fields
from tape.archives.sidecars import Symbology
from tape.archives.zstd import Piece, pieces
from tape.codec.csv_scanner import convert_csv
from tape.codec.dbn_scanner import COLUMNS, LINE_BYTES, convert_dbn, put_line, walk
from tape.codec.forms import RECORDS, Form
from tape.codec.json_scanner import convert_json
from tape.codec.row_fields import NAMES, Names, PlainForm, Rows, plain_form
from tape.codec.text import BAD, U8
from tape.model.fields import Unreadable
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


class _Lines:
    """What the encodings in lines share."""

    fields: Fields
    form: Form

    def __init__(self, archive: Archive) -> None:
        self._path = archive.path
        self._given, self._zone = archive.given.columns, archive.given.time_zone
        beside = file_beside(archive.path)
        if self._given is None and beside is not None:
            self._given = read_columns_file(beside)
        self.symbology = Symbology(archive.path.parent)
        self.by_instrument = False

    def pieces(self, size: int) -> Iterator[Piece]:
        return self.whole(pieces(self._path, size))

    def whole(self, found: Iterator[Piece]) -> Iterator[Piece]:
        return found

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

    def _head(self) -> list[bytes]:
        """Return the file's first lines, the same whatever chunks it is read in."""
        for piece in self.pieces(SAMPLE_BYTES):
            if isinstance(piece, bytes):
                piece = piece.removeprefix(BOM_UTF8)
                whole = piece.rfind(b"\n", 0, SAMPLE_BYTES) + 1
                return piece[:whole].split(b"\n", SAMPLE_ROWS)[:SAMPLE_ROWS]
        return []

    def _decide(self, lines: list[bytes], names: frozenset[str] | None) -> Rejected | None:
        """Decide the form by the first rows; without `names`, the rows say which fields exist."""
        rows = []
        for line in lines:
            try:
                rows.append(self.fields(line.rstrip(b" \r")))
            except Unreadable:
                continue
        rows = [row for row in rows if row]
        seen = Counter(name for row in rows for name in row)
        self._usual = [name for name, count in seen.items() if count >= AGREED * len(rows)]
        present = names if names is not None else frozenset(seen)
        form = decide(rows, present, self._given, self._zone, self._path.name)
        if isinstance(form, Rejected):
            return form
        self.form, self._plain, self._rows = form, plain_form(form), rows
        self._first_time = rows[0].get("ts_event", "") if rows else ""
        self.by_instrument = bool(rows) and not any("symbol" in row for row in rows)
        return None


class _Csv(_Lines):
    """CSV of any form: DataBento's own in the fastest way, others by their plan."""

    first_line: int = 2
    encoding: Encoding = "csv"
    layout: Layout | None = None
    _above = 0
    """How many lines stand above the header."""

    def whole(self, found: Iterator[Piece]) -> Iterator[Piece]:
        piece = next(found, None)
        if not isinstance(piece, bytes):
            return chain(() if piece is None else (piece,), found)
        first = without_separator_line(piece)
        self._above = int(len(first) < len(piece))
        line = first.partition(b"\n")[0]
        layout = read_layout(line, self._given, self._path.name)
        if isinstance(layout, Rejected) or not layout.columns:
            return chain((first,), found)
        return whole_rows(chain((first,), found), layout)

    def begin(self, piece: bytes) -> bytes | Rejected:
        other = misnamed(piece)
        if other is not None:
            return other
        line, _, rest = piece.partition(b"\n")
        layout = read_layout(line, self._given, self._path.name)
        if isinstance(layout, Rejected):
            return layout
        headers = int(layout.columns > 0)
        if not headers:
            rest = piece.removeprefix(BOM_UTF8)
        self.first_line = 1 + self._above + headers
        self.layout = layout
        self.fields = CsvFields(layout)
        head = self._head()[headers:]
        fault = self._decide(head, layout.fields)
        if fault is not None:
            return fault
        self.by_instrument = "symbol" not in layout.fields
        self._at = np.array([layout.at.get(name, (-1,))[0] for name in NAMES], np.int64)
        self._columns = layout.columns
        self._plan = None
        if not self._is_vendors(layout, b"".join(head)):
            self._plan = plan_for(layout, self.form, self._first_time)
            # where there is no plan either, rows are read literally
            self._plain = PlainForm(BAD, BAD, fixed=False, least=0)
        return rest

    def _is_vendors(self, layout: Layout, sample: bytes) -> bool:
        """Return whether most rows are written as DataBento writes them."""
        if layout.delimiter != "," or self._plain.event_unit == BAD:
            return False
        if not {*NAMES} - {"depth", "symbol"} <= layout.at.keys():
            return False
        times = [row["ts_event"] for row in self._rows]
        usual = sum(len(one) in (18, 19) if one.isdigit() else len(one) == 30 for one in times)
        decimals = [row["price"].partition(".")[2] for row in self._rows]
        most = 0 if self._plain.fixed else 9
        others = sum(len(one) > most or (most > 0 and not one) for one in decimals)
        strange = sample.count(b'"') + sample.count(b"\r")
        empty = sum(not all(row[name] for name in OPTIONAL & row.keys()) for row in self._rows)
        return 2 * max(len(times) - usual, others, strange, empty) <= len(times)

    def convert(
        self, data: U8, at: Position, asked: int, latest_ns: int, names: Names, out: U8, rows: Rows
    ) -> Position:
        if self._plan is not None:
            return convert_form(data, *at, asked, self._plan, latest_ns, names, out, rows)
        form, columns = self._plain, self._columns
        return convert_csv(data, *at, asked, self._at, columns, form, latest_ns, names, out, rows)


class _Json(_Lines):
    """JSON lines of any form."""

    first_line: int = 1
    encoding: Encoding = "json"
    layout: Layout | None = None

    def begin(self, piece: bytes) -> bytes | Rejected:
        other = misnamed(piece)
        if other is not None:
            return other
        encoding = other_encoding(piece[: piece.index(b"\n")])
        if encoding is not None:
            return Rejected("header_unexpected", encoding)
        piece = piece.removeprefix(BOM_UTF8)
        fields = json_reader(piece[: piece.index(b"\n")], self._given, self._path.name)
        if isinstance(fields, Rejected):
            return fields
        self.fields = fields
        fault = self._decide(self._head(), None)
        if fault is None:
            fields.need(self._usual)
        return fault or piece

    def convert(
        self, data: U8, at: Position, asked: int, latest_ns: int, names: Names, out: U8, rows: Rows
    ) -> Position:
        return convert_json(data, *at, asked, self._plain, latest_ns, names, out, rows)


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


def format_of(archive: Archive) -> Format:
    """Return the format that a file's name says."""
    kinds: dict[str, type[_Csv | _Json | _Dbn]] = {
        "csv": _Csv,
        "json": _Json,
        "dbn": _Dbn,
        TEXT: _Csv,
    }
    return kinds[encoding_of(archive.path)](archive)
