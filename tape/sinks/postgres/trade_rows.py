"""Trades as rows in the binary form of COPY, made column by column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.model.fields import NANOS

I64 = npt.NDArray[np.int64]

COLUMNS: Final = (
    *("symbol", "ts_event", "ts_event_ns", "publisher_id", "sequence", "price", "size", "side"),
    *("ordinal", "ts_recv_ns"),
)
DAY_NS: Final = 86_400 * NANOS
EPOCH_US: Final = 946_684_800 * 1_000_000
"""2000-01-01, from which PostgreSQL counts its microseconds."""

HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END: Final = b"\xff\xff"

BASE: Final = 10_000
"""A digit of numeric: a price has three of them before its point and three behind it."""

WEIGHT: Final = 2
NEGATIVE: Final = 0x4000
"""The power of `BASE` that the first digit counts, and the sign, both as numeric is sent."""


@dataclass(frozen=True, slots=True)
class TradeTable:
    """Trades as columns with one entry per trade; `symbol` is a position in `names`."""

    names: Sequence[bytes]
    symbol: I64
    ts_event_ns: I64
    publisher_id: I64
    sequence: I64
    price_nanos: I64
    size: I64
    side: npt.NDArray[np.uint8]
    ordinal: I64
    ts_recv_ns: I64

    def __len__(self) -> int:
        return len(self.symbol)

    def days(self) -> list[int]:
        """Return the UTC days that there are trades of, in days since 1970."""
        found: list[int] = np.unique(self.ts_event_ns // DAY_NS).tolist()
        return found

    def cut(self, start: int, stop: int) -> "TradeTable":
        """Return some of the trades."""
        rows = slice(start, stop)
        return TradeTable(
            self.names,
            *(
                getattr(self, name)[rows]
                for name in (
                    *("symbol", "ts_event_ns", "publisher_id", "sequence", "price_nanos", "size"),
                    *("side", "ordinal", "ts_recv_ns"),
                )
            ),
        )


def copy_blocks(trades: TradeTable) -> Iterator[bytes]:
    """Yield what COPY … (FORMAT binary) takes, without its head and end.

    Rows of symbols of the same length have the same length, so they are made at once; the order of
    rows does not matter.
    """
    lengths = np.array([len(name) for name in trades.names], np.int64)[trades.symbol]
    for length in np.unique(lengths).tolist():
        yield _rows(trades, np.flatnonzero(lengths == length), length).tobytes()


def _rows(trades: TradeTable, rows: npt.NDArray[np.intp], length: int) -> npt.NDArray[Any]:
    """Return rows whose symbols have this length, field by field: its bytes, then its content."""
    names = np.array([name if len(name) == length else b"" for name in trades.names], f"S{length}")
    out = np.zeros(len(rows), _row_type(length))
    for name, width in _WIDTHS.items():
        out[f"{name}_bytes"] = width or length
    out["fields"] = len(COLUMNS)
    out["symbol"] = names[trades.symbol[rows]]
    ts_event_ns = trades.ts_event_ns[rows]
    out["ts_event"] = ts_event_ns // 1_000 - EPOCH_US
    out["ts_event_ns"] = ts_event_ns
    for name in ("publisher_id", "sequence", "size", "side", "ordinal", "ts_recv_ns"):
        out[name] = getattr(trades, name)[rows]
    _put_prices(out, trades.price_nanos[rows])
    return out


_WIDTHS: Final = {
    "symbol": 0,
    "ts_event": 8,
    "ts_event_ns": 8,
    "publisher_id": 4,
    "sequence": 8,
    "price": 20,
    "size": 8,
    "side": 1,
    "ordinal": 4,
    "ts_recv_ns": 8,
}
"""Bytes of each column."""


def _row_type(length: int) -> np.dtype[Any]:
    fields: list[Any] = [("fields", ">i2")]
    for name, width in _WIDTHS.items():
        kind: Any = {0: f"S{length}", 8: ">i8", 4: ">i4", 1: "u1", 20: (">i2", 10)}[width]
        fields += [(f"{name}_bytes", ">i4"), (name, *kind) if width == 20 else (name, kind)]
    return np.dtype(fields)


def _put_prices(out: npt.NDArray[Any], nanos: I64) -> None:
    """Fill in numeric(19,9): digits of base 10,000; zeros in front the server strips itself."""
    price = out["price"]
    price[:, 0], price[:, 1], price[:, 3] = 6, WEIGHT, 9
    price[:, 2] = np.where(nanos < 0, NEGATIVE, 0)
    whole, fraction = np.divmod(np.abs(nanos), NANOS)
    fraction = fraction * 1_000  # twelve places, of which numeric has four per digit
    for digit, rest in enumerate((whole // BASE**2, whole // BASE % BASE, whole % BASE)):
        price[:, 4 + digit] = rest
    for digit, rest in enumerate((fraction // BASE**2, fraction // BASE % BASE, fraction % BASE)):
        price[:, 7 + digit] = rest
