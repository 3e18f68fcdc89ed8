"""A batch of messages as columns, and what of it could not be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import numpy as np
import numpy.typing as npt

from tape.codec.eight_bytes import PADDING
from tape.codec.message_scanner import Scanned, scan
from tape.codec.numbered import NumberedTrades
from tape.codec.row_fields import PRICE, PUBLISHER, SEQUENCE, SIDE, SIZE, SYMBOL, TS_EVENT
from tape.codec.symbols import SymbolTable
from tape.codec.text import I64, UNKNOWN
from tape.model.columns import TradeColumns
from tape.model.rejected import Rejected
from tape.model.trade import decode

_PADDING = b"\0" * PADDING


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """What a batch of messages holds.

    Attributes:
        trades: the trades, in the batch's order.
        positions: of each trade, where its message stood in the batch; rising.
        rejected: positions and reasons of the messages that are no trades; rising.
    """

    trades: TradeColumns
    positions: npt.NDArray[np.int64]
    rejected: list[tuple[int, Rejected]]


def decode_batch(
    keys: Sequence[bytes | None], values: Sequence[bytes | None], symbols: SymbolTable
) -> DecodedBatch:
    """Return the trades of a batch of messages as columns, and what could not be read.

    The answer is that of `tape.model.trade.decode` on each message with its key checked, and of
    `tape.codec.places` on their symbols, one message after the other.

    Args:
        keys: of the messages: the symbols in UTF-8, None for a message without a key.
        values: of the messages, as many; None for a message without a value.
        symbols: numbers of the symbols so far. New ones get theirs in the order in which they
            appear; a symbol that loses its place gives its number to another one.

    >>> from tape.codec.symbols import SymbolTable
    >>> from tape.model.trade import Trade, encode
    >>> trade = Trade(
    ...     ts_event_ns=1_751_961_600 * 10**9,
    ...     publisher_id=2,
    ...     side="B",
    ...     price_nanos=157_570_000_000,
    ...     size=10,
    ...     symbol="NVDA",
    ... )
    >>> found = decode_batch([b"NVDA", b"NVDA"], [encode(trade), b"{"], SymbolTable())
    >>> found.trades.size.tolist(), found.positions.tolist()
    ([10], [0])
    >>> [(position, why.reason) for position, why in found.rejected]
    [(1, 'message_not_json')]
    """
    if isinstance(values, NumberedTrades):
        return _decoded_numbers(values, symbols)
    count = len(values)
    symbols.begin()
    found = _scanned(keys, values, symbols)
    rejected: list[tuple[int, Rejected]] = []
    if count and int(found.symbol.min()) == UNKNOWN:
        unsettled = np.flatnonzero(found.symbol == UNKNOWN).tolist()
        while unsettled:
            row = heappop(unsettled)
            fault = _settle(row, keys[row], values[row], symbols, found, unsettled)
            if fault is not None:
                rejected.append((row, fault))
    symbols.end(found.symbol)
    if not rejected:
        return DecodedBatch(_columns(found, slice(None)), np.arange(count), rejected)
    kept = np.ones(count, np.bool_)
    kept[[row for row, _ in rejected]] = False
    return DecodedBatch(_columns(found, kept), np.flatnonzero(kept), rejected)


def _columns(found: Scanned, kept: slice | npt.NDArray[np.bool_]) -> TradeColumns:
    return TradeColumns(
        found.symbol[kept],
        found.publisher_id[kept],
        found.ts_event_ns[kept],
        found.price_nanos[kept],
        found.size[kept],
        found.side[kept],
        found.sequence[kept],
        found.ordinal[kept],
    )


def _scanned(
    keys: Sequence[bytes | None], values: Sequence[bytes | None], symbols: SymbolTable
) -> Scanned:
    """Return columns with everything that is in the canonical form filled in."""
    count = len(values)
    found = Scanned(
        taken=np.zeros(count, np.bool_),
        symbol=np.full(count, UNKNOWN, np.int32),
        publisher_id=np.zeros(count, np.int32),
        ts_event_ns=np.zeros(count, np.int64),
        price_nanos=np.zeros(count, np.int64),
        size=np.zeros(count, np.int64),
        side=np.zeros(count, np.uint8),
        sequence=np.zeros(count, np.int64),
        ordinal=np.zeros(count, np.int32),
    )
    scan(_lines(values), _lines(keys), symbols.found, found)
    return found


def _lines(parts: Sequence[bytes | None]) -> npt.NDArray[np.uint8]:
    """Return the parts as lines, an empty one for what no canonical message or key can be."""
    try:
        data = b"\n".join([*parts, _PADDING])  # type: ignore[list-item]
    except TypeError:
        return _lines([part or b"" for part in parts])
    if data.count(b"\n") != len(parts):
        return _lines([b"" if part is None or b"\n" in part else part for part in parts])
    return np.frombuffer(data, np.uint8)


def _settle(
    row: int,
    key: bytes | None,
    value: bytes | None,
    symbols: SymbolTable,
    found: Scanned,
    unsettled: list[int],
) -> Rejected | None:
    """Fill a row that the scan left open; returns why it cannot be filled, if so.

    If the row's symbol takes the place of another one, further rows of that one are unsettled.
    A symbol of another partition never gets a number, so that the scan need not ask for one.
    """
    trade = decode(value, key, check_key=True)
    if isinstance(trade, Rejected):
        return trade
    fault = _take_number(row, trade.symbol, symbols, found.symbol, unsettled)
    if fault is not None:
        return fault
    found.publisher_id[row] = trade.publisher_id
    found.ts_event_ns[row] = trade.ts_event_ns
    found.price_nanos[row] = trade.price_nanos
    found.size[row] = trade.size
    found.side[row] = ord(trade.side)
    found.sequence[row] = trade.sequence
    found.ordinal[row] = trade.ordinal
    return None


def _take_number(
    row: int,
    symbol: str,
    symbols: SymbolTable,
    column: npt.NDArray[np.int32],
    unsettled: list[int],
) -> Rejected | None:
    """Write the number of a row's symbol into the column; returns why it can have none, if so.

    If the symbol takes the place of another one, further rows of that one are unsettled.
    """
    if symbols.of is not None and (wrong := symbols.of.fault(symbol)) is not None:
        return wrong
    number = symbols.number(symbol)
    if isinstance(number, Rejected):
        replaced = symbols.replace(symbol, column, row)
        if replaced is None:
            return number
        number, other = replaced
        for later in (row + np.flatnonzero(column[row:] == other)).tolist():
            column[later] = UNKNOWN
            heappush(unsettled, later)
    column[row] = number
    return None


def _present(numbers: I64, count: int) -> tuple[I64, I64]:
    """Return which numbers below `count` there are, and the place of each among them.

    So does `np.unique`, which sorts.
    """
    place = np.zeros(count, np.int64)
    place[numbers] = 1
    own = np.flatnonzero(place)
    place[own] = np.arange(len(own))
    return own, place[numbers]


def _decoded_numbers(values: NumberedTrades, symbols: SymbolTable) -> DecodedBatch:
    """Return what the messages of trades hold, without the messages."""
    symbols.begin()
    own, which = _present(values.numbers[:, SYMBOL], len(values.names))
    names = [values.names[number].decode() for number in own.tolist()]
    found = np.array([symbols.known(name) for name in names], np.int32)
    column = found[which] if len(own) else np.zeros(0, np.int32)
    rejected: list[tuple[int, Rejected]] = []
    unsettled = np.flatnonzero(column == UNKNOWN).tolist()
    while unsettled:
        row = heappop(unsettled)
        fault = _take_number(row, names[which[row]], symbols, column, unsettled)
        if fault is not None:
            rejected.append((row, fault))
    symbols.end(column)
    kept: Any = slice(None)
    positions = np.arange(len(values))
    if rejected:
        kept = np.ones(len(values), np.bool_)
        kept[[row for row, _ in rejected]] = False
        positions = np.flatnonzero(kept)
    numbers = values.numbers[kept]
    trades = TradeColumns(
        column[kept],
        numbers[:, PUBLISHER].astype(np.int32),
        np.ascontiguousarray(numbers[:, TS_EVENT]),
        np.ascontiguousarray(numbers[:, PRICE]),
        np.ascontiguousarray(numbers[:, SIZE]),
        numbers[:, SIDE].astype(np.uint8),
        np.ascontiguousarray(numbers[:, SEQUENCE]),
        values.ordinals[kept],
    )
    return DecodedBatch(trades, positions, rejected)
