"""Tables of many rows as files, column by column: a row at a time would take minutes.

What writes a format is imported when it is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from tape.errors import SettingsError
from tape.process.whole_file import OutputFile

Kind = Literal["time", "price", "whole", "number", "yes", "text"]
"""Of a column: ns since 1970, 1e-9 dollars, integers, floats (NaN: no value), booleans, and places
in a list of texts (-1: no value)."""

FILES: Final = {
    ".parquet": "tape.sinks.parquet_table:ParquetTable",
    ".csv.zst": "tape.sinks.csv_text:PackedCsvTable",
    ".csv": "tape.sinks.csv_text:CsvTable",
}
"""Where each is that writes a table: module and class."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of some rows.

    Attributes:
        values: one per row, as `Kind` says.
        texts: of a column of texts all that it may hold.
        missing: which rows have no value; None for what the values say themselves.
    """

    name: str
    kind: Kind
    values: npt.NDArray[Any]
    texts: Sequence[str] = ()
    missing: npt.NDArray[np.bool_] | None = None

    def nulls(self) -> npt.NDArray[np.bool_] | None:
        """Return which rows have no value, None for none of them."""
        if self.missing is not None:
            return self.missing
        missing: npt.NDArray[np.bool_] | None = None
        if self.kind in ("number", "text"):
            missing = np.isnan(self.values) if self.kind == "number" else self.values < 0
        return missing


class Table(Protocol):
    """Takes rows; `flush` ends the table, `close` follows in any case."""

    def write(self, columns: Sequence[Column], /) -> None:
        """Append rows; the columns are those of the first call, in the same order."""

    def flush(self) -> None:
        """Write what is held."""

    def close(self) -> None:
        """Let go of the file, which has to be open."""


def suffix_of(path: Path) -> str:
    """Return the suffix that says how a table is written; empty for none of `FILES`.

    >>> suffix_of(Path("a.trades.csv.zst")), suffix_of(Path("a.txt"))
    ('.csv.zst', '')
    """
    return next((suffix for suffix in FILES if path.name.endswith(suffix)), "")


def open_table(file: OutputFile, what: str) -> Table:
    """Return what writes a table into an open file.

    `what` it is stands in a Parquet file (`tape.process.origin`): scores, bars or trades.
    """
    module, _, kind = FILES[suffix_of(file.path)].partition(":")
    found: Any = getattr(import_module(module), kind)(file, what)
    table: Table = found
    return table


def check_table(path: Path, suffixes: Sequence[str] = tuple(FILES)) -> None:
    """Raise `SettingsError` if a table cannot be written under this name."""
    if not path.name.endswith(tuple(suffixes)):
        raise SettingsError(
            f"--output {path} has no known suffix", f"name one that ends in {', '.join(suffixes)}"
        )
    if path.is_dir():
        raise SettingsError(f"--output {path}: this is a folder", "name a file")
    try:
        import pyarrow  # noqa: F401 - only whether it is there
    except ImportError:
        raise SettingsError("tables need pyarrow", "pip install 'tapewatch[desk]'") from None
