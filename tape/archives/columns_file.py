"""What a columns file can say, for files whose columns have other names and units.

`columns_reader` reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tape.archives.name_patterns import NamePattern
from tape.codec.row_fields import NAMES
from tape.model.fields import I32_MAX, NANOS, U8_MAX, U16_MAX, U32_MAX

SECTIONS: Final[Mapping[str, frozenset[str] | None]] = {
    "columns": frozenset(NAMES),
    "file": frozenset({"header", "delimiter", "decimal"}),
    "time": frozenset({"unit", "zone", "day", "order"}),
    "price": frozenset({"unit"}),
    "symbol": frozenset({"value", "file_name"}),
    "trades": frozenset({"column", "values"}),
    "side": None,
    "defaults": frozenset(
        {"rtype", "publisher_id", "instrument_id", "depth", "flags", "ts_in_delta", "sequence"}
    ),
}
"""The tables and their keys; those of `side` are the file's own codes."""

TIME_UNITS: Final[Mapping[str, int]] = {
    "iso": 0,
    "s": NANOS,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
    "s since midnight": NANOS,
}
"""Nanoseconds of each; 0 for text."""

PRICE_UNITS: Final = {"dollars": 9, "cents": 7, "1e-4": 5, "1e-9": 0}
"""By which power of ten a price becomes 1e-9 dollars."""

ORDERS: Final = ("YMD", "DMY", "MDY")
LARGEST: Final = {
    "rtype": U8_MAX,
    "publisher_id": U16_MAX,
    "instrument_id": U32_MAX,
    "depth": U8_MAX,
    "flags": U8_MAX,
    "ts_in_delta": I32_MAX,
    "sequence": U32_MAX,
}
FROM_FILE_NAME: Final = "file name"
OTHERS: Final = "*"
"""Among the side codes: all that are not named."""

Column = str | int
"""A column by its name, or by its number from 1 on."""


@dataclass(frozen=True, slots=True, eq=False)  # by identity, so that archives have a hash
class ColumnsFile:
    """What a columns file says; a field that it does not name has its own name.

    Attributes:
        path: the file, for sentences about it.
        columns: which columns hold each field; several are joined.
        header: the first line names the columns.
        delimiter: None to see it from the first line.
        decimal: "." or ","; None to see it from the prices.
        time_unit: a key of `TIME_UNITS`; None to see it from the times.
        zone: IANA name for times that name no zone.
        day: YYYY-MM-DD, or `FROM_FILE_NAME`, for times since midnight.
        order: in which order days are written.
        price_power: a value of `PRICE_UNITS`; None to see it from the prices.
        symbol: the symbol of all rows.
        symbol_pattern: finds it in the file's name, as its first group.
        trades: the column that says whether a row is a trade, and its values that say so.
        sides: A, B or N by the file's own codes.
        defaults: numbers for fields that have no column.
    """

    path: Path
    columns: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)
    header: bool = True
    delimiter: str | None = None
    decimal: str | None = None
    time_unit: str | None = None
    zone: str | None = None
    day: str | None = None
    order: str = "YMD"
    price_power: int | None = None
    symbol: str | None = None
    symbol_pattern: NamePattern | None = None
    trades: tuple[Column, frozenset[str]] | None = None
    sides: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, int] = field(default_factory=dict)
