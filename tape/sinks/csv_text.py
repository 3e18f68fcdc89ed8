"""Tables as CSV, whole columns at a time: times and prices are written as DataBento writes them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import I64, U8
from tape.model.fields import NANOS, iso_time
from tape.process.sheet_text import sheet_cell
from tape.process.whole_file import OutputFile
from tape.sinks.tables import Column
from tape.sinks.zstd_frames import ZstdFrames

DAY_NS: Final = 86_400 * NANOS
DATE: Final = len("2025-05-05T")
TIME: Final = len("2025-05-05T08:00:00.044832190Z")
THREE: Final = np.array([list(b"%03d" % n) for n in range(1_000)], np.uint8)
"""Three digits of each number below 1,000."""
FRAME_ROWS: Final = 20_000
"""Rows of a zstd frame: DataBento's files have several, so these do."""


class CsvTable:
    """Writes a table into an open file, below a row of names.

    Texts are made safe for spreadsheets; in the symbols of trades nothing is changed by that
    which a reader of trades would miss.
    """

    def __init__(self, file: OutputFile, what: str) -> None:
        self._file = file
        self._is_empty = True

    def write(self, columns: Sequence[Column], /) -> None:
        """Append rows."""
        if self._is_empty:
            self._put(",".join(column.name for column in columns).encode() + b"\n")
            self._is_empty = False
        for first in range(0, len(columns[0].values), FRAME_ROWS):
            self._put(_lines([_part(one, first, first + FRAME_ROWS) for one in columns]))

    def flush(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""

    def _put(self, text: bytes) -> None:
        self._file.write(text)


class PackedCsvTable(CsvTable):
    """The same in frames of zstd, as DataBento packs it; the last one says who made the file."""

    def __init__(self, file: OutputFile, what: str) -> None:
        super().__init__(file, what)
        self._frames = ZstdFrames(file)

    def flush(self) -> None:
        """End the file."""
        self._frames.end()

    def _put(self, text: bytes) -> None:
        self._frames.add(text)


def _part(column: Column, first: int, end: int) -> Column:
    missing = None if column.missing is None else column.missing[first:end]
    return Column(column.name, column.kind, column.values[first:end], column.texts, missing)


def _lines(columns: Sequence[Column]) -> bytes:
    """Return rows as lines."""
    import pyarrow.compute as pc

    cells = [_cells(column) for column in columns]
    cells[-1] = pc.binary_join_element_wise(
        cells[-1], "\n", "", null_handling="replace", null_replacement=""
    )
    lines: Any = pc.binary_join_element_wise(
        *cells, ",", null_handling="replace", null_replacement=""
    )
    assert lines.offset == 0  # noqa: S101 - it was just made
    ends = np.frombuffer(lines.buffers()[1], np.int32)
    return bytes(memoryview(lines.buffers()[2])[: ends[len(lines)]]) if len(lines) else b""


def _cells(column: Column) -> Any:
    """Return a column as texts."""
    import pyarrow as pa

    nulls = column.nulls()
    if column.kind == "text":
        if not column.texts:
            return pa.nulls(len(column.values), pa.string())
        places = pa.array(column.values, pa.int32(), mask=nulls)
        return pa.array([_quoted(sheet_cell(one)) for one in column.texts]).take(places)
    if column.kind == "time":
        return _texts(_times(column.values), nulls)
    if column.kind == "price":
        return _prices(column.values, nulls)
    return pa.array(column.values, mask=nulls).cast(pa.string())


def _quoted(text: str) -> str:
    """Return a cell in quotes if it needs them."""
    if not any(one in text for one in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def _texts(text: U8, nulls: npt.NDArray[np.bool_] | None) -> Any:
    """Return rows of as many characters each as strings."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows, width = text.shape
    ends = pa.py_buffer(np.arange(0, (rows + 1) * width, width, dtype=np.int32))
    whole = pa.StringArray.from_buffers(rows, ends, pa.py_buffer(np.ascontiguousarray(text)))
    if nulls is None:
        return whole
    return pc.if_else(pa.array(nulls), pa.scalar(None, pa.string()), whole)


def _digits(values: I64, width: int) -> U8:
    """Return numbers with leading zeros, `width` digits each: a multiple of three."""
    text = np.empty((len(values), width), np.uint8)
    for end in range(width, 0, -3):
        values, last = np.divmod(values, 1_000)
        text[:, end - 3 : end] = THREE[last]
    return text


def _times(ns: I64) -> U8:
    """Return times as ISO 8601 with nanoseconds, in UTC."""
    day, rest = np.divmod(ns, DAY_NS)
    days, which = np.unique(day, return_inverse=True)
    dates = [list(iso_time(one * DAY_NS).encode()[:DATE]) for one in days.tolist()]
    second, fraction = np.divmod(rest, NANOS)
    minute, second = np.divmod(second, 60)
    text = np.empty((len(ns), TIME), np.uint8)
    text[:, :DATE] = np.array(dates, np.uint8).reshape(-1, DATE)[which]
    text[:, 11:13] = THREE[minute // 60][:, 1:]
    text[:, 14:16] = THREE[minute % 60][:, 1:]
    text[:, 17:19] = THREE[second][:, 1:]
    text[:, [13, 16]], text[:, 19], text[:, 29] = ord(":"), ord("."), ord("Z")
    text[:, 20:29] = _digits(fraction, 9)
    return text


def _prices(nanos: I64, nulls: npt.NDArray[np.bool_] | None) -> Any:
    """Return prices in dollars with nine decimals."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole, fraction = np.divmod(np.abs(nanos), NANOS)
    dollars = pa.array(whole, mask=nulls).cast(pa.string())
    if (nanos < 0).any():
        sign = pc.if_else(pa.array(nanos < 0), "-", "")
        dollars = pc.binary_join_element_wise(sign, dollars, "")
    return pc.binary_join_element_wise(dollars, _texts(_digits(fraction, 9), None), ".")
