"""Rows as a table for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from tape.process.sheet_text import sheet_cell
from tape.process.whole_file import OutputFile
from tape.sinks.message_rows import MessageRows
from tape.sinks.sink import Item, Poison


class CsvSink:
    """Writes the rows of a table into an open file, below a row of names."""

    def __init__(self, file: OutputFile, table: MessageRows) -> None:
        self._file, self._table = file, table
        self._row(table.columns)

    def write(self, items: Sequence[Item], /) -> list[Poison]:
        """Append rows."""
        rows, poison = self._table.cells(items)
        for cells in rows:
            self._row(cells[name] for name in self._table.columns)
        return poison

    def flush(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""

    def _row(self, cells: Iterable[Any]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(map(_cell, cells))
        self._file.write(text.getvalue().encode())


def _cell(value: Any) -> Any:
    """Return what stands in a cell: text that is no formula, numbers as they are.

    A decimal keeps its digits, and has neither an exponent nor, below zero, an apostrophe.
    """
    if isinstance(value, str):
        return sheet_cell(value)
    return f"{value:f}" if isinstance(value, Decimal) else value
