"""A row as a trade: the literal form, for every dialect; the compiled one must equal it."""

import re
from dataclasses import dataclass
from typing import Final, Protocol

from tape.archives.frames import LINE_MAX
from tape.archives.plain_fields import NAMES
from tape.archives.sidecars import Symbology
from tape.rejected import Reason, Rejected
from tape.trade import Trade
from tape.trade_fields import (
    U8_MAX,
    U16_MAX,
    U32_MAX,
    Unreadable,
    checked_price,
    checked_side,
    checked_size,
    checked_symbol,
    checked_time,
    decimal_price,
    integer,
    iso_time,
    signed,
    time_ns,
)

FIELDS: Final = NAMES
UNDEFINED: Final = {
    "ts_recv": ("", "18446744073709551615"),
    "ts_event": ("", "18446744073709551615"),
    "price": ("", "9223372036854775807"),
    "size": ("",),
    "symbol": ("",),
}
PANDAS_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?\+00:00")


@dataclass(frozen=True, slots=True)
class Header:
    """Where each of DataBento's fields stands in a row; -1 for one that is not there."""

    at: tuple[int, ...]
    columns: int


def read_header(line: bytes) -> Header | Rejected:
    """Return what the first line of a file says of its columns, or why it is no header."""
    try:
        names = line.decode("utf-8-sig").rstrip("\r\n ").split(",")
    except UnicodeDecodeError:
        return Rejected("header_unexpected", "the first line is not UTF-8")
    known = [name for name in FIELDS if name in names]
    if not known and b"\0" not in line:
        return Rejected("header_missing", "the first line names none of the columns")
    optional = {"symbol", "depth"} if "order_id" in names else {"symbol"}  # orders have no depth
    missing: list[str] = [name for name in FIELDS if name not in names and name not in optional]
    twice: list[str] = sorted({name for name in known if names.count(name) > 1})
    if missing or twice:
        parts: list[tuple[str, list[str]]] = [("missing", missing), ("twice", twice)]
        text = "; ".join(f"{what}: {', '.join(which)}" for what, which in parts if which)
        return Rejected("header_unexpected", f"columns {text}")
    at = tuple(names.index(name) if name in names else -1 for name in FIELDS)
    return Header(at, len(names))


class Fields(Protocol):
    """Takes a row apart into DataBento's fields."""

    def __call__(self, line: bytes) -> dict[str, str]:
        """Return the fields by name; raises `Unreadable`."""


class CsvFields:
    """Takes rows of CSV apart."""

    def __init__(self, header: Header) -> None:
        self._header = header

    def __call__(self, line: bytes) -> dict[str, str]:
        """Return the fields by name; raises `Unreadable`."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise Unreadable("encoding", "the row is not UTF-8") from None
        if '"' in text:
            raise Unreadable("row_quote", "quotes are not part of this format")
        fields = text.split(",")
        if len(fields) != self._header.columns or "\r" in text:
            wanted = self._header.columns
            raise Unreadable("row_columns", f"{len(fields)} columns, the header has {wanted}")
        return {name: fields[n] for name, n in zip(FIELDS, self._header.at, strict=True) if n >= 0}


class RowReader:
    """Reads rows of one file; `latest_ns` bounds their times."""

    def __init__(self, fields: Fields, symbology: Symbology, latest_ns: int) -> None:
        self._fields, self._symbology, self._latest_ns = fields, symbology, latest_ns

    def read(self, line: bytes) -> Trade | Rejected | None:
        """Return the trade of a line, why it has none, or None if it is not about a trade."""
        line = line.rstrip(b" \r\n")
        if not line:
            return None
        if len(line) > LINE_MAX:
            text = f"{len(line)} bytes, at most {LINE_MAX} are read"
            return Rejected("row_too_long", text)
        try:
            return self._trade(self._fields(line))
        except Unreadable as unreadable:
            return unreadable.rejected

    def undefined(self, line: bytes) -> list[str]:
        """Return which fields of a line have the value that stands for none."""
        try:
            row = self._fields(line.rstrip(b" \r\n"))
        except Unreadable:
            return []
        return [name for name, marks in UNDEFINED.items() if row.get(name) in marks]

    def _trade(self, row: dict[str, str]) -> Trade | None:
        if not row or (len(row["action"]) == 1 and row["action"] != "T"):
            return None
        price_nanos = _price(row["price"])
        size = checked_size(row["size"].encode())
        numbers = {
            name: integer(row.get(name, "0").encode(), name, largest)
            for name, largest in (
                ("rtype", U8_MAX),
                ("publisher_id", U16_MAX),
                ("instrument_id", U32_MAX),
                ("depth", U8_MAX),
                ("flags", U8_MAX),
                ("sequence", U32_MAX),
            )
        }
        ts_in_delta_ns = signed(row["ts_in_delta"].encode(), "ts_in_delta")
        ts_event_ns = self._time(row["ts_event"], "ts_event")
        ts_recv_ns = self._time(row["ts_recv"], "ts_recv")
        if row["action"] != "T":
            return None
        return Trade(
            ts_recv_ns=ts_recv_ns,
            ts_event_ns=ts_event_ns,
            side=checked_side(row["side"]),
            price_nanos=price_nanos,
            size=size,
            ts_in_delta_ns=ts_in_delta_ns,
            symbol=self._symbol(row.get("symbol"), numbers["instrument_id"], ts_event_ns),
            rtype=numbers["rtype"],
            publisher_id=numbers["publisher_id"],
            instrument_id=numbers["instrument_id"],
            depth=numbers["depth"],
            flags=numbers["flags"],
            sequence=numbers["sequence"],
        )

    def _time(self, text: str, name: str) -> int:
        if "T" in text:
            ns = time_ns(text, name)
        elif "-" in text[1:]:
            match = PANDAS_TIME.fullmatch(text)
            if match is None:
                raise Unreadable("time_syntax", f"`{name}` is in no form that is known")
            ns = time_ns(f"{match[1]}T{match[2]}.{(match[3] or '').ljust(9, '0')}Z", name)
        elif text.isascii() and text.isdigit() and len(text) <= 20:
            ns = int(text)
        else:
            negative = text[:1] == "-" and text[1:].isdigit()
            reason: Reason = "time_range" if negative else "time_syntax"
            raise Unreadable(reason, f"`{name}` is in no form that is known")
        return checked_time(ns, name, self._latest_ns)

    def _symbol(self, text: str | None, instrument_id: int, ts_event_ns: int) -> str:
        if text is not None:
            return checked_symbol(text)
        day = iso_time(ts_event_ns)[:10]
        symbol = self._symbology.symbol(instrument_id, day)
        if symbol is None:
            raise Unreadable("symbol_unknown", self._symbology.missing(instrument_id, day))
        return checked_symbol(symbol)


def _price(text: str) -> int:
    """Return 1e-9 dollars: with a point a decimal of dollars, else an integer of 1e-9 dollars."""
    if not text:
        raise Unreadable("price_undefined", "`price` is empty")
    raw = text.encode()
    digits = raw[1:] if raw[:1] == b"-" else raw
    if b"." in raw or not digits.isdigit():
        return decimal_price(raw)
    if len(digits) > 19:  # before int(), whose cost grows with the digits
        raise Unreadable("number_range", f"`price` has {len(digits)} digits")
    return checked_price(int(raw))
