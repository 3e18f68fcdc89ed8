"""Where a file's fields stand: its delimiter, its header, and what is missing or is no trade."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tape.archives.beginnings import other_encoding
from tape.archives.columns_file import Column, ColumnsFile
from tape.codec.row_fields import NAMES
from tape.model.fields import Unreadable
from tape.model.rejected import DETAIL_MAX, Rejected
from tape.process.terminal_text import printable

DELIMITERS: Final = (",", ";", "\t", "|")
NEEDED: Final = ("ts_event", "price", "size")
KIND: Final = "kind"
"""Stands for the column that says whether a row is a trade."""

BARS: Final = ({"open", "high", "low", "close"}, {"o", "h", "l", "c"})
QUOTES: Final = (
    {"bid_px", "ask_px"},
    {"bid_px_00", "ask_px_00"},
    {"bid_price", "ask_price"},
    {"bid", "ask"},
    {"bp", "ap"},
)
BOOK: Final = {"order_id", "bid_px_00", "ask_px_00"}
"""Columns of order books, where only some rows are trades."""

ORDER_TRADES: Final = "fetch or export trades (DataBento's schema trades)"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a file hold the fields.

    Attributes:
        delimiter: one character.
        columns: how many the header has; 0 if there is no header to say it.
        at: the columns of each field, by their position; several are joined.
        constants: texts of fields that are the same in all rows.
        names: the columns by name, as the header has them.
    """

    delimiter: str
    columns: int
    at: Mapping[str, tuple[int, ...]]
    constants: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] = ()

    @property
    def fields(self) -> frozenset[str]:
        """Return the fields that the file has."""
        return frozenset(self.at) | frozenset(self.constants)


def read_layout(line: bytes, given: ColumnsFile | None, file: str) -> Layout | Rejected:
    """Return what the first line of a CSV file says of its columns, or why it says nothing."""
    other = other_encoding(line)
    if other is not None:
        return Rejected("header_unexpected", other)
    text = line.decode("utf-8-sig").rstrip("\r\n ")
    if "\r" in text:
        return Rejected("header_unexpected", "its lines end with \\r alone: save it with \\n")
    wanted = _wanted(given)
    delimiter = _delimiter(text, given, wanted)
    try:
        names = [name.strip() for name in split(text, delimiter)]
    except Unreadable as unreadable:
        return Rejected("header_unexpected", f"the first line: {unreadable.rejected.detail}")
    constants = constants_of(given, file)
    if isinstance(constants, Rejected):
        return constants
    if given is not None and not given.header:
        at = {key: tuple(int(one) - 1 for one in columns) for key, columns in wanted.items()}
        return _checked(Layout(delimiter, 0, at, constants, ()), names)
    absent = [
        str(one)
        for key, columns in wanted.items()
        for one in columns
        if given is not None and key in _said(given) and _position(names, one) is None
    ]
    if given is not None and absent:
        text = f"{given.path.name} names {', '.join(map(repr, absent))}; {found_columns(names)}"
        return Rejected("header_unexpected", printable(text)[:DETAIL_MAX])
    at = {
        key: tuple(position for one in columns if (position := _position(names, one)) is not None)
        for key, columns in wanted.items()
        if all(_position(names, one) is not None for one in columns)
    }
    for key in constants:
        at.pop(key, None)
    read = (one for columns in wanted.values() for one in columns if isinstance(one, str))
    twice = sorted({printable(one) for one in read if names.count(one) > 1})
    return _checked(Layout(delimiter, len(names), at, constants, names), names, twice)


def split(text: str, delimiter: str) -> list[str]:
    """Return the fields of a line, out of their quotes (RFC 4180); raises `Unreadable`."""
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        raise Unreadable("row_quote", "a quote is not closed, or is inside of a field") from None


def found_columns(names: Sequence[str]) -> str:
    """Return in words which columns there are, and which are needed."""
    listed = ", ".join(names)
    if len(listed) > 80:
        listed = f"{listed[:80]}…"
    return printable(f"columns found: {listed}; needed: {', '.join(NEEDED)} and symbol")


def not_trades(names: Sequence[str]) -> Rejected | None:
    """Return what a file without prices of trades is, by its columns, if that can be said."""
    lower = {name.lower() for name in names}
    if any(bars <= lower for bars in BARS):
        return Rejected(
            "not_trades", f"these are bars (open, high, low, close), not trades: {ORDER_TRADES}"
        )
    if "price" not in lower and any(quotes <= lower for quotes in QUOTES):
        return Rejected("not_trades", f"these are quotes, not trades: {ORDER_TRADES}")
    return None


def constants_of(given: ColumnsFile | None, file: str) -> dict[str, str] | Rejected:
    """Return the fields that a columns file gives to all rows of a file."""
    if given is None:
        return {}
    if given.symbol is not None:
        return {"symbol": given.symbol}
    if given.symbol_pattern is None:
        return {}
    symbol = given.symbol_pattern.symbol(file)
    if symbol is None:
        return Rejected("form_unclear", "[symbol] file_name: finds no symbol in this file's name")
    return {"symbol": symbol}


def _said(given: ColumnsFile) -> set[str]:
    return set(given.columns) | ({KIND} if given.trades is not None else set())


def _wanted(given: ColumnsFile | None) -> dict[str, tuple[Column, ...]]:
    """Return by which columns each field is looked for."""
    own: dict[str, tuple[Column, ...]] = {name: (name,) for name in NAMES}
    if given is None:
        return own
    wanted = {} if not given.header else own
    wanted |= given.columns
    if given.trades is not None:
        wanted[KIND] = (given.trades[0],)
        wanted.pop("action", None)
    return wanted


def _position(names: Sequence[str], column: Column) -> int | None:
    if isinstance(column, int):
        return column - 1 if column <= len(names) else None
    return names.index(column) if column in names else None


def _delimiter(
    text: str, given: ColumnsFile | None, wanted: Mapping[str, tuple[Column, ...]]
) -> str:
    """Return what separates the columns: with it, most fields are found, or there are most."""
    if given is not None and given.delimiter is not None:
        return given.delimiter

    def found(delimiter: str) -> tuple[int, int]:
        try:
            names = [name.strip() for name in split(text, delimiter)]
        except Unreadable:
            return 0, 0
        return sum(
            _position(names, one) is not None for key in wanted.values() for one in key
        ), len(names)

    return max(DELIMITERS, key=found)


def _checked(layout: Layout, names: Sequence[str], twice: Sequence[str] = ()) -> Layout | Rejected:
    """Return the layout if all that is needed is there and nothing is there twice."""
    missing = [name for name in NEEDED if name not in layout.at]
    if missing:
        other = not_trades(names)
        if other is not None:
            return other
    elif "action" not in layout.at and KIND not in layout.at and BOOK & set(names):
        return Rejected(
            "header_unexpected", "missing: action; without it an order book's rows all look traded"
        )
    if twice:
        return Rejected("header_unexpected", f"columns twice: {', '.join(twice)}"[:DETAIL_MAX])
    if not missing and ("symbol" in layout.fields or "instrument_id" in layout.at):
        return layout
    if layout.columns and not any(name in NAMES for name in names):
        return Rejected("header_missing", found_columns(names)[:DETAIL_MAX])
    lacking = ", ".join(missing or ["symbol"])
    return Rejected("header_unexpected", f"missing: {lacking}; {found_columns(names)}"[:DETAIL_MAX])
