"""A row as a trade: the literal form, for every form of files; the compiled one must equal it."""

from collections.abc import Mapping
from typing import Final, Protocol

from tape.archives.layout import KIND, Layout, split
from tape.archives.sidecars import Symbology
from tape.archives.zstd import LINE_MAX
from tape.codec.forms import Form
from tape.model.fields import (
    OTHER_ACTIONS,
    U8_MAX,
    U16_MAX,
    U32_MAX,
    Unreadable,
    checked_side,
    checked_symbol,
    integer,
    iso_time,
    signed,
)
from tape.model.rejected import Rejected
from tape.model.trade import Trade

NO_TIME: Final = "18446744073709551615"
"""No time, in DataBento's encodings."""

UNDEFINED: Final = {
    "ts_recv": ("", NO_TIME),
    "ts_event": ("", NO_TIME),
    "price": ("", "9223372036854775807"),
    "size": ("",),
    "symbol": ("",),
}
NUMBERS: Final = (
    ("rtype", U8_MAX),
    ("publisher_id", U16_MAX),
    ("instrument_id", U32_MAX),
    ("depth", U8_MAX),
    ("flags", U8_MAX),
    ("sequence", U32_MAX),
)
OPTIONAL: Final = frozenset(
    {*(name for name, _ in NUMBERS), "ts_recv", "side", "ts_in_delta"},
)
"""Fields that have a default, which stands for an empty one, too."""

ACTION_WORDS: Final = (
    "`action` is neither T nor one of A, C, F, M, N, R: say which rows are trades in a columns "
    "file (docs/files.md): [trades]"
)
JOINTS: Final = {"symbol": "."}
"""What stands between the columns of a field that has several; a blank for others."""

OTHERS: Final = "*"


class Fields(Protocol):
    """Takes a row apart into fields."""

    def __call__(self, line: bytes) -> dict[str, str]:
        """Return the fields by name; raises `Unreadable`."""


class CsvFields:
    """Takes rows of CSV apart."""

    def __init__(self, layout: Layout) -> None:
        self._delimiter, self._columns = layout.delimiter, layout.columns
        self._single = [(name, at[0]) for name, at in layout.at.items() if len(at) == 1]
        self._joined = {name: at for name, at in layout.at.items() if len(at) > 1}
        self._constants = dict(layout.constants)
        self._least = 1 + max(one for at in layout.at.values() for one in at)

    def __call__(self, line: bytes) -> dict[str, str]:
        """Return the fields by name; raises `Unreadable`."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise Unreadable("encoding", "the row is not UTF-8") from None
        fields = split(text, self._delimiter)
        found, wanted = len(fields), self._columns or max(self._least, len(fields))
        if found != wanted or "\r" in text:
            head = f"the header has {wanted}" if self._columns else f"{wanted} are needed"
            raise Unreadable("row_columns", f"{found} columns, {head}")
        row = {name: fields[n] for name, n in self._single}
        for name, places in self._joined.items():
            row[name] = join(name, [fields[n].strip() for n in places])
        return row | self._constants if self._constants else row


def join(name: str, parts: list[str]) -> str:
    """Return the text of a field that has several columns, without those that are empty."""
    return JOINTS.get(name, " ").join(part for part in parts if part)


class RowReader:
    """Reads rows of one file in its form; `latest_ns` bounds their times."""

    def __init__(self, fields: Fields, symbology: Symbology, latest_ns: int, form: Form) -> None:
        self._fields, self._symbology, self._latest_ns = fields, symbology, latest_ns
        self._form = form
        self._defaults: Mapping[str, int] = {
            name: form.defaults.get(name, 0) for name in (*dict(NUMBERS), "ts_in_delta")
        }

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
        form = self._form
        if not row or (form.kinds is not None and row[KIND] not in form.kinds):
            return None
        action = row.get("action", "T")
        if action in OTHER_ACTIONS:
            return None
        if form.price.comma:
            self._with_points(row)
        price_nanos = form.price.nanos(row["price"])
        size = form.size(row["size"])
        numbers = dict(self._defaults)
        for name, largest in NUMBERS:
            if row.get(name, "").strip():
                numbers[name] = integer(form.count(row[name], name).encode(), name, largest)
        if row.get("ts_in_delta", "").strip():
            delta = form.count(row["ts_in_delta"], "ts_in_delta")
            numbers["ts_in_delta"] = signed(delta.encode(), "ts_in_delta")
        latest_ns = self._latest_ns
        ts_event_ns = form.times["ts_event"].ns(row["ts_event"], "ts_event", latest_ns)
        ts_recv_ns = ts_event_ns
        if row.get("ts_recv", "").strip() not in ("", NO_TIME):
            ts_recv_ns = form.times["ts_recv"].ns(row["ts_recv"], "ts_recv", latest_ns)
        if action != "T":
            raise Unreadable("action_unknown", ACTION_WORDS)
        return Trade(
            ts_recv_ns=ts_recv_ns,
            ts_event_ns=ts_event_ns,
            side=self._side(row.get("side", "")),
            price_nanos=price_nanos,
            size=size,
            ts_in_delta_ns=numbers["ts_in_delta"],
            symbol=self._symbol(row, numbers["instrument_id"], ts_event_ns),
            rtype=numbers["rtype"],
            publisher_id=numbers["publisher_id"],
            instrument_id=numbers["instrument_id"],
            depth=numbers["depth"],
            flags=numbers["flags"],
            sequence=numbers["sequence"],
        )

    def _with_points(self, row: dict[str, str]) -> None:
        """Write the numbers of a row with points, as all below takes them."""
        for name, text in row.items():
            if name in ("symbol", "side", "action", KIND):
                continue
            if name in self._form.times and ":" in text:
                continue
            if "." in text:
                raise Unreadable("row_form", f"`{name}` has a point; the file's numbers a comma")
            row[name] = text.replace(",", ".")

    def _side(self, text: str) -> str:
        text, sides = text if text.strip() else "", self._form.sides
        if sides:
            text = sides.get(text, sides.get(OTHERS, text))
        return checked_side(text or "N")

    def _symbol(self, row: dict[str, str], instrument_id: int, ts_event_ns: int) -> str:
        if "symbol" in row:
            return checked_symbol(row["symbol"])
        if not row.get("instrument_id", "").strip():
            raise Unreadable("symbol_unknown", "`instrument_id` is empty, and there is no symbol")
        day = iso_time(ts_event_ns)[:10]
        symbol = self._symbology.symbol(instrument_id, day)
        if symbol is None:
            raise Unreadable("symbol_unknown", self._symbology.missing(instrument_id, day))
        return checked_symbol(symbol)
