"""Data frames as files of trades: what is read of a file, is read of a frame in the same way.

Any frame is taken that can give itself as Arrow: of pandas, polars, pyarrow, duckdb. It is written
as a CSV file into a folder of its own, which goes with the frame, and read from there. So units,
empty cells, wrong values and equal trades mean what they mean in a file.
"""

import hashlib
import os
import re
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tape.api.arguments import table_of, text_of
from tape.api.frame_text import write_frame
from tape.archives.columns_file import SECTIONS, Column, ColumnsFile
from tape.archives.columns_guess import suggest
from tape.archives.columns_reader import columns_of, read_columns_file, zone_named
from tape.archives.deciding import SAMPLE_ROWS
from tape.archives.discovery import Archive
from tape.archives.given import Given
from tape.archives.layout import NEEDED
from tape.codec.row_fields import NAMES
from tape.errors import ArchiveError, SettingsError, TapeError
from tape.process.terminal_text import printable
from tape.settings.misspelt import nearest

Columns = Mapping[str, Any] | str | os.PathLike[str]
"""The columns of the fields by name; or tables as in a columns file; or the path of one."""

FILE: Final = "frame.csv"
SAFE_NAME: Final = re.compile(r"[^\x00-\x1f\"]+")
TIMES: Final = ("ts_event", "ts_recv")
HINTS: Final = {
    "time_zone": 'name it: time_zone="America/New_York", or "UTC"',
    "price": 'say it: columns={"price": {"unit": "dollars"}}, or "cents", "1e-4" or "1e-9"',
    "other": "see docs/library.md",
}
"""What to do where a frame cannot be read as a whole."""


def is_frame(source: object) -> bool:
    """Return whether something is a frame, or columns by name, rather than a path or several."""
    gives_arrow = hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")
    is_lazy = hasattr(source, "collect") and hasattr(source, "collect_schema")
    return gives_arrow or is_lazy or isinstance(source, Mapping)


def given_of(columns: Columns | None, time_zone: str | None) -> Given:
    """Return what a caller says of columns and times; raises `SettingsError` for what is wrong."""
    zone = None if time_zone is None else text_of(time_zone, "time_zone", '"America/New_York"')
    zone = None if zone is None else zone_named(zone, "time_zone")
    if columns is None:
        return Given(None, zone)
    if isinstance(columns, str | os.PathLike):
        return Given(read_columns_file(Path(columns)), zone)
    said = table_of(columns, "columns", '{"price": "Px", "size": "Qty"}, or the path of a file')
    return Given(columns_of(_tables(said), "columns"), zone)


def frame_archive(frame: Any, given: Given, owner: object) -> Archive:
    """Return a frame as an archive, which is there for as long as its `owner` is.

    Raises `ArchiveError` if the frame lacks what is needed.
    """
    table = _arrow(frame)
    names = _wanted(table.column_names, given.columns)
    _check_names(table, given, names)
    columns = _with_price_unit(table, given)
    for name in names:
        _check_zone(name, table.schema.field(name).type, columns, given.time_zone)
    folder = Path(tempfile.mkdtemp(prefix="tape-frame-"))
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    path = folder / FILE
    write_frame(table.select(names), path, _times_of(columns))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Archive(path, None, digest, path.stat().st_size, Given(columns, given.time_zone))


def unreadable(reason: str, detail: str) -> ArchiveError:
    """Return why a frame cannot be read as a whole, in a caller's words."""
    key = reason if reason in HINTS else "price" if "`price`" in detail else "other"
    cause = detail.partition(": give ")[0].partition(" say it in ")[0]
    return ArchiveError(f"the frame cannot be read: {printable(cause)}", HINTS[key])


def needs(module: str, what: str) -> TapeError:
    """Return the error for a package that is not installed."""
    return SettingsError(f"{what} needs {module}", "pip install 'tapewatch[desk]'")


def _tables(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables as a columns file has them, from these or from the columns alone."""
    if not columns:
        return {}
    nested = [isinstance(value, Mapping) for value in columns.values()]
    if all(nested):
        return {name: dict(value) for name, value in columns.items()}
    if any(nested):
        raise SettingsError(
            "columns: some values are tables, and some are columns",
            'put the columns into a table of their own: {"columns": {"price": "Px"}, ...}',
        )
    known = SECTIONS["columns"] or frozenset()
    for name, value in columns.items():
        if name in known:
            continue
        if value in known:
            raise SettingsError(
                f"columns: {name!r} is no field of a trade, but {value!r} is",
                f"write it the other way round: {{{value!r}: {name!r}}}",
            )
        near = nearest(str(name), known)
        raise SettingsError(
            f"columns: {name!r} is no field of a trade",
            f"the nearest one is {near}" if near else f"choose from {', '.join(NAMES)}",
        )
    several = (list, tuple)
    return {
        "columns": {
            name: list(value) if isinstance(value, several) else value
            for name, value in columns.items()
        }
    }


def _arrow(frame: Any) -> Any:
    """Return a frame as a table of Arrow, an index that is more than a number as a column."""
    try:
        import pyarrow as pa
    except ImportError:
        raise needs("pyarrow", "reading a frame") from None
    if hasattr(frame, "collect"):
        frame = frame.collect()
    index = getattr(frame, "index", None)
    try:
        if isinstance(frame, Mapping) and "pandas" in sys.modules:
            frame = sys.modules["pandas"].DataFrame(dict(frame))  # whose times Arrow would cut
        if index is not None and type(index).__name__ != "RangeIndex":
            frame = frame.reset_index()
        return pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArchiveError(
            f"the frame cannot be read: {printable(first)[:200]}",
            "give each column one name and values of one type",
        ) from None


def _wanted(names: Sequence[str], columns: ColumnsFile | None) -> list[str]:
    """Return which columns of a frame say anything about its trades."""
    if columns is not None and not columns.header:
        raise SettingsError("columns: a frame's columns have names", "leave [file] header out")
    named: set[Column] = {*NAMES}
    if columns is not None:
        named |= {one for several in columns.columns.values() for one in several}
        named |= {columns.trades[0]} if columns.trades is not None else set()
    numbers = [one for one in named if isinstance(one, int)]
    if any(one > len(names) for one in numbers):
        raise SettingsError(
            f"columns: the frame has no column {max(numbers)}", f"choose from 1 to {len(names)}"
        )
    named |= {names[one - 1] for one in numbers}
    return [name for name in names if name in named]


def _check_names(table: Any, given: Given, names: Sequence[str]) -> None:
    """Raise `ArchiveError` if a needed column is not there; it says which may be meant."""
    odd = [name for name in names if not SAFE_NAME.fullmatch(name)]
    if odd:
        raise ArchiveError(
            f"the frame has a column {printable(odd[0])!r}", "give it a name of one line"
        )
    own = given.columns
    said = {} if own is None else own.columns
    present = {key for key in NAMES if key in table.column_names} | set(said)
    if own is not None and (own.symbol is not None):
        present.add("symbol")
    absent = [
        str(one)
        for several in said.values()
        for one in several
        if isinstance(one, str) and one not in table.column_names
    ]
    if absent:
        near = nearest(absent[0], table.column_names)
        raise ArchiveError(
            f"columns names {absent[0]!r}, which the frame does not have",
            f"the nearest one is {near!r}"
            if near
            else f"choose from {_listed(table.column_names)}",
        )
    missing = [key for key in (*NEEDED, "symbol") if key not in present]
    if missing:
        raise ArchiveError(
            f"the frame has no column {' and no column '.join(missing)}; it has "
            f"{_listed(table.column_names)}",
            _suggested(table, given.time_zone, {name: _plain(one) for name, one in said.items()}),
        )


def _plain(columns: Sequence[Column]) -> Column | list[Column]:
    return columns[0] if len(columns) == 1 else list(columns)


def _suggested(table: Any, zone: str | None, said: Mapping[str, object]) -> str:
    """Return what a caller may write, as far as the first rows tell."""
    with tempfile.TemporaryDirectory(prefix="tape-frame-") as folder:
        path = Path(folder) / FILE
        names = [name for name in table.column_names if SAFE_NAME.fullmatch(name)]
        try:
            write_frame(table.select(names).slice(0, SAMPLE_ROWS), path, set())
            found = suggest(path, zone).tables.get("columns", {})
        except ArchiveError:
            found = {}
    found = {name: column for name, column in {**found, **said}.items() if column != name}
    if not found:
        return 'name them: columns={"ts_event": "...", "price": "...", "size": "...", ...}'
    text = ", ".join(f"{name!r}: {column!r}" for name, column in found.items())
    symbol = "symbol" in found or "symbol" in table.column_names
    more = "" if symbol else '; for one symbol only: columns={"symbol": {"value": "NVDA"}, ...}'
    return printable(f"it may be columns={{{text}}}{more}").replace("'", '"')


def _listed(names: Iterable[str]) -> str:
    listed = ", ".join(map(str, names)) or "none"
    return printable(listed if len(listed) <= 200 else f"{listed[:200]}…")


def _with_price_unit(table: Any, given: Given) -> ColumnsFile:
    """Return what is said of columns, where the price has decimals also that these are dollars."""
    import pyarrow as pa

    own = given.columns or columns_of({}, "columns")
    (name, *_) = own.columns.get("price", ("price",))
    if isinstance(name, int):
        name = table.column_names[name - 1]
    kind = table.schema.field(name).type
    if own.price_power is None and (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return replace(own, price_power=9)
    return own


def _times_of(columns: ColumnsFile | None) -> set[Column]:
    """Return which columns hold times."""
    said = {} if columns is None else columns.columns
    return {one for key in TIMES for one in said.get(key, (key,))}


def _check_zone(name: str, kind: Any, columns: ColumnsFile, zone: str | None) -> None:
    """Raise `ArchiveError` for times that name no zone, if nobody did."""
    import pyarrow as pa

    of = _times_of(columns)
    without = pa.types.is_timestamp(kind) and kind.tz is None
    if name in of and without and (zone or columns.zone) is None:
        raise ArchiveError(
            f"the times of column {printable(name)!r} have no time zone", HINTS["time_zone"]
        )
