"""Rows of a result: a table that becomes a frame of pandas, polars or Arrow, and shows itself."""

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, overload

from tape.api.frames import needs
from tape.process.terminal_text import printable

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

SHOWN: Final = 10
"""Rows that are shown of a long table."""
DIGITS: Final = 4
"""Decimals of a number that are shown: sub-penny prices have four."""
WIDE: Final = 60
"""Letters of a cell that are shown as text."""


class Rows(Sequence[dict[str, Any]]):
    """Rows with named columns: `rows[0]` is a dict, `rows["price"]` a column as a list.

    >>> import pyarrow as pa
    >>> rows = Rows(pa.table({"symbol": ["NVDA", "A<B"], "price": [142.45, None]}))
    >>> rows[0], rows["symbol"], len(rows)
    ({'symbol': 'NVDA', 'price': 142.45}, ['NVDA', 'A<B'], 2)
    >>> rows
    symbol   price
    NVDA    142.45
    A<B
    2 rows
    >>> "A&lt;B" in rows._repr_html_()
    True
    """

    def __init__(self, table: "pa.Table") -> None:
        self._table = table

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._table.column_names)

    def to_arrow(self) -> "pa.Table":
        """Return the rows as a table of Arrow."""
        return self._table

    def to_pandas(self) -> "pd.DataFrame":
        """Return the rows as a frame of pandas; times are of UTC."""
        return arrow_to_pandas(self._table)

    def to_polars(self) -> "pl.DataFrame":
        """Return the rows as a frame of polars; times are of UTC."""
        return arrow_to_polars(self._table)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows to whoever takes Arrow's streams, as `pl.DataFrame(rows)` does."""
        return self._table.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> "Rows": ...
    @overload
    def __getitem__(self, at: str) -> list[Any]: ...
    def __getitem__(self, at: int | slice | str) -> "dict[str, Any] | Rows | list[Any]":
        """Return a row, some rows, or a column by its name."""
        if isinstance(at, str):
            return list(self._table.column(at).to_pylist())
        if isinstance(at, slice):
            return Rows(self._table.take(list(range(*at.indices(len(self))))))
        nth = range(len(self))[at]
        return dict(self._table.slice(nth, 1).to_pylist()[0])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._table.to_batches():
            yield from batch.to_pylist()

    def __repr__(self) -> str:
        return "\n".join([*_lines(self._table), self._count()])

    def _repr_html_(self) -> str:
        return f"{html_table(self._table)}<p>{self._count()}</p>"

    def _count(self) -> str:
        more = f", the first {SHOWN} are shown" if len(self) > SHOWN else ""
        return f"{len(self):,} row{'s' if len(self) != 1 else ''}{more}"


def arrow_to_pandas(table: "pa.Table") -> "pd.DataFrame":
    """Return a table as a frame of pandas."""
    try:
        import pandas  # noqa: F401 - only whether it is there
    except ImportError:
        raise needs("pandas", "to_pandas()") from None
    frame: pd.DataFrame = table.to_pandas()
    return frame


def arrow_to_polars(table: "pa.Table") -> "pl.DataFrame":
    """Return a table as a frame of polars."""
    try:
        import polars as pl
    except ImportError:
        raise needs("polars", "to_polars()") from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes no series
    return frame


def html_table(table: "pa.Table") -> str:
    """Return the first rows of a table as HTML, in which nothing of it is taken for HTML."""
    heads = "".join(f"<th>{html.escape(printable(name))}</th>" for name in table.column_names)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
        for row in _cells(table)
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _lines(table: "pa.Table") -> Iterator[str]:
    """Yield the first rows of a table as text, numbers to the right."""
    import pyarrow as pa

    names = [printable(name) for name in table.column_names]
    rows = [[_cut(cell) for cell in row] for row in _cells(table)]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    right = [pa.types.is_floating(one) or pa.types.is_integer(one) for one in table.schema.types]
    for row in [names, *rows]:
        cells = zip(row, widths, right, strict=True)
        yield "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in cells
        ).rstrip()


def _cut(text: str) -> str:
    return text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"


def _cells(table: "pa.Table") -> Iterator[list[str]]:
    """Yield the first rows as text that can be shown anywhere."""
    import pyarrow as pa

    columns = []
    for column in table.slice(0, SHOWN).columns:
        if pa.types.is_timestamp(column.type):
            local = column.cast(pa.timestamp("ns"))
            columns.append([text or "" for text in local.cast(pa.string()).to_pylist()])
        else:
            columns.append([_text(value) for value in column.to_pylist()])
    for row in zip(*columns, strict=True):
        yield list(row)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{round(value, DIGITS):,.12g}" if abs(value) >= 1 else f"{value:.{DIGITS}g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return "; ".join(_text(one) for one in value)
    if isinstance(value, dict):
        return _text(value.get("text", str(value)))
    return printable(str(value))
