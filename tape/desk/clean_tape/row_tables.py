"""The rows of a tape as files: all with what is known, or the usable ones as `clean_form` says."""

import io
from typing import Any, Final, Protocol

import numpy as np

from tape.codec.array_types import Bools
from tape.codec.row_fields import NAMES
from tape.desk.clean_tape.clean_form import CleanForm
from tape.desk.clean_tape.score_table import score_columns, trade_columns
from tape.desk.clean_tape.scored import PLACED_ROW, RAW_ROW, ROW, Rows, Scoring
from tape.desk.clean_tape.tape_texts import TapeTexts
from tape.model.fields import NO_SEQUENCE
from tape.process.whole_file import OutputFile
from tape.sinks.tables import Column, Kind, open_table
from tape.sinks.zstd_frames import PackedLines

TYPED: Final[dict[str, Kind]] = {
    "ts_recv": "time",
    "ts_event": "time",
    "price": "price",
    **dict.fromkeys(
        (
            *("rtype", "publisher_id", "instrument_id", "depth", "size", "flags", "ts_in_delta"),
            "sequence",
        ),
        "whole",
    ),
}
"""Fields that have a type of their own in Parquet; all other columns are text there."""
NOT_KNOWN: Final = {"ts_recv": 0, "sequence": NO_SEQUENCE}
"""Numbers that stand for what is not known."""


class RowTable(Protocol):
    """Takes the rows of a tape."""

    def write(self, rows: Rows, usable: Bools, /) -> None:
        """Append rows."""

    def flush(self) -> None:
        """Write what is held; raises `ArchiveError` if an input is not what it was."""

    def close(self) -> None:
        """Let go of the file, which has to be open."""


def kind_of_rows(form: CleanForm | None) -> np.dtype[Any]:
    """Return what has to be known of each trade for what `open_rows_table` writes."""
    if form is None:
        return ROW
    return PLACED_ROW if form.way == "lines" else RAW_ROW


def open_rows_table(form: CleanForm | None, file: OutputFile, scoring: Scoring) -> RowTable:
    """Return what writes rows into an open file; the tape is read to its end.

    With a form, the usable trades are written so; else all rows, with what is known of them.
    """
    if form is None:
        return _Scores(file, scoring)
    if form.way == "vendor":
        return _Vendors(file, scoring)
    texts = TapeTexts(scoring.run.archives, scoring.run.files, scoring.by_file)
    if form.way == "lines":
        return _Lines(file, texts)
    return _Parquet(file, texts, form)


class _Scores:
    """Writes all rows, with what is known of them."""

    def __init__(self, file: OutputFile, scoring: Scoring) -> None:
        self._table, self._scoring = open_table(file, "scores"), scoring

    def write(self, rows: Rows, usable: Bools, /) -> None:
        self._table.write(score_columns(rows, self._scoring))

    def flush(self) -> None:
        self._table.flush()

    def close(self) -> None:
        self._table.close()


class _Vendors:
    """Writes DataBento's columns, from numbers."""

    def __init__(self, file: OutputFile, scoring: Scoring) -> None:
        self._table, self._scoring = open_table(file, "trades"), scoring

    def write(self, rows: Rows, usable: Bools, /) -> None:
        self._table.write(trade_columns(rows[usable], self._scoring))

    def flush(self) -> None:
        self._table.flush()

    def close(self) -> None:
        self._table.close()


class _Lines:
    """Writes rows as they stand in the input."""

    def __init__(self, file: OutputFile, texts: TapeTexts) -> None:
        self._out, self._texts = PackedLines(file), texts
        self._out.write(texts.head())

    def write(self, rows: Rows, usable: Bools, /) -> None:
        for text in self._texts.of(rows["place"], usable):
            self._out.write(text)

    def flush(self) -> None:
        self._texts.check()
        self._out.flush()

    def close(self) -> None:
        """Nothing is held."""


class _Parquet:
    """Writes the input's columns: what was read of a trade with its type, all else as text."""

    def __init__(self, file: OutputFile, texts: TapeTexts, form: CleanForm) -> None:
        self._table, self._texts, self._shape = open_table(file, "trades"), texts, form.shape
        at = {self._shape.fields[name]: name for name in TYPED if name in self._shape.fields}
        self._fields = [at.get(n) for n in range(len(self._shape.columns))]

    def write(self, rows: Rows, usable: Bools, /) -> None:
        cells = self._cells(b"".join(self._texts.of(rows["place"], usable)))
        numbers = rows["numbers"][usable]
        self._table.write(
            [
                _text_column(name, cell) if of is None else _typed_column(name, of, cell, numbers)
                for name, of, cell in zip(self._shape.columns, self._fields, cells, strict=True)
            ]
        )

    def flush(self) -> None:
        self._texts.check()
        self._table.flush()

    def close(self) -> None:
        self._table.close()

    def _cells(self, text: bytes) -> list[Any]:
        """Return rows column by column, as texts out of their quotes."""
        import pyarrow as pa
        from pyarrow import csv

        names = [str(n) for n in range(len(self._shape.columns))]
        if not text:
            return [pa.array([], pa.string()) for _ in names]
        table = csv.read_csv(
            io.BytesIO(text),
            read_options=csv.ReadOptions(column_names=names, block_size=len(text) + 1),
            parse_options=csv.ParseOptions(
                delimiter=self._shape.delimiter, newlines_in_values=True
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        return [column.combine_chunks() for column in table.columns]


def _text_column(name: str, cells: Any) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.dictionary_encode(cells)
    found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return Column(name, "text", found.indices.to_numpy(), found.dictionary.to_pylist())


def _typed_column(name: str, field: str, cells: Any, numbers: Any) -> Column:
    import pyarrow.compute as pc

    values = numbers[:, NAMES.index(field)]
    missing = pc.equal(pc.utf8_trim_whitespace(cells), "").to_numpy(zero_copy_only=False)
    if field in NOT_KNOWN:
        missing = missing | (values == NOT_KNOWN[field])
    return Column(name, TYPED[field], values, missing=missing if missing.any() else None)
