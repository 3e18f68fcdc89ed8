"""A frame as text: the CSV file that is then read as any other."""

from collections.abc import Set
from pathlib import Path
from typing import Any

from tape.errors import ArchiveError
from tape.process.terminal_text import printable


def write_frame(table: Any, path: Path, times: Set[str | int]) -> None:
    """Write a table of Arrow as CSV; without quotes where none is needed, which reads faster.

    `times` names the columns that hold times. Raises `ArchiveError` for a column of another kind.
    """
    import pyarrow as pa
    from pyarrow import csv

    try:
        plain = pa.table(
            [
                _plain_column(column, is_time=name in times)
                for name, column in zip(table.column_names, table.columns, strict=True)
            ],
            names=table.column_names,
        )
        try:
            with path.open("wb") as file:
                csv.write_csv(plain, file, csv.WriteOptions(quoting_style="none"))
        except pa.ArrowInvalid:
            with path.open("wb") as file:
                csv.write_csv(plain, file, csv.WriteOptions(quoting_style="needed"))
    except pa.ArrowException as error:
        first = str(error).splitlines()[0]
        raise ArchiveError(
            f"the frame cannot be read: {printable(first)[:200]}",
            "give its columns numbers, texts or times",
        ) from None


def _plain_column(column: Any, *, is_time: bool) -> Any:
    """Return a column as files have it: times with a zone as ns since 1970, the rest as text.

    The end of a line within a text would end the row: a tab, which no value has, stands for it.
    Times as floats get no exponent, as Arrow would write milliseconds, unless digits are lost.
    """
    import pyarrow as pa
    from pyarrow import compute

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            return column.cast(pa.timestamp("ns")).cast(pa.string())
        return column.cast(pa.timestamp("ns", tz=kind.tz)).cast(pa.int64())
    if is_time and pa.types.is_floating(kind):
        return pa.array([None if one is None else repr(one) for one in column.to_pylist()])
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column
    return compute.replace_substring_regex(column.cast(pa.string()), "[\\r\\n]", "\t")
