"""The encodings in lines: CSV of any form, and JSON lines."""

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from itertools import chain

import numpy as np

from tape.archives.beginnings import misnamed, other_encoding, without_separator_line
from tape.archives.columns_reader import read_columns_file
from tape.archives.deciding import AGREED, SAMPLE_BYTES, SAMPLE_ROWS, decide
from tape.archives.discovery import Archive
from tape.archives.format import Encoding, Format, Position
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
from tape.codec.forms import Form
from tape.codec.json_scanner import convert_json
from tape.codec.row_fields import NAMES, Names, PlainForm, Rows, plain_form
from tape.codec.text import BAD, U8
from tape.model.fields import Unreadable
from tape.model.rejected import Rejected


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


def csv_format(archive: Archive) -> Format:
    """Return the format of a file of CSV, with any delimiter."""
    return _Csv(archive)


def json_format(archive: Archive) -> Format:
    """Return the format of a file of JSON lines."""
    return _Json(archive)
