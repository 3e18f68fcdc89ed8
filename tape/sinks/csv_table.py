"""Anomalies as a table for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from tape.model.fields import iso_time, price_text
from tape.process.sheet_text import sheet_cell
from tape.process.whole_file import OutputFile
from tape.sinks.fields import FIELDS, TIMES, VERDICT, cells_of, read
from tape.sinks.sink import Item, Poison


class CsvSink:
    """Writes one row per anomaly into an open file, below a row of names."""

    def __init__(self, file: OutputFile) -> None:
        self._file = file
        self._row((*FIELDS, *VERDICT, "reasons"))

    def write(self, items: Sequence[Item], /) -> list[Poison]:
        """Append rows."""
        anomalies, poison = read(items)
        for found in anomalies:
            cells = cells_of(found)
            cells |= {name: iso_time(cells[name]) for name in TIMES if cells[name] is not None}
            cells["price"] = price_text(found.trade.price_nanos)
            cells["anomalies"] = "; ".join(found.rules)
            why = "; ".join(reason.text for reason in found.reasons)
            self._row([*(cells[name] for name in (*FIELDS, *VERDICT)), why])
        return poison

    def flush(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""

    def _row(self, cells: Iterable[Any]) -> None:
        text = io.StringIO()
        safe = [sheet_cell(one) if isinstance(one, str) else one for one in cells]
        csv.writer(text, lineterminator="\n").writerow(safe)
        self._file.write(text.getvalue().encode())
