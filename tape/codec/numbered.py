"""Trades as numbers in place of their messages: who wants few of these need not have all written.

Where a batch of messages is expected these stand for them, and the answer is the same: a message is
made of a trade's numbers when it is asked for.
"""

from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from tape.codec.row_fields import (
    DELTA,
    DEPTH,
    FLAGS,
    INSTRUMENT,
    PRICE,
    PUBLISHER,
    RTYPE,
    SEQUENCE,
    SIDE,
    SIZE,
    SYMBOL,
    TS_EVENT,
    TS_RECV,
)
from tape.codec.text import I64
from tape.model.trade import Trade, encode


class NumberedTrades(Sequence[bytes]):
    """The messages of trades.

    Attributes:
        numbers: a row per trade, a column per field of `tape.codec.row_fields`.
        names: the symbols; a trade's symbol is a position in it.
        ordinals: one per trade.
        places: of each trade its file, as a number, and its data line there, from 1.
    """

    def __init__(
        self, numbers: I64, names: Sequence[bytes], ordinals: npt.NDArray[np.int32], places: I64
    ) -> None:
        self.numbers, self.names = numbers, names
        self.ordinals, self.places = ordinals, places

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> "NumberedTrades": ...
    def __getitem__(self, at: int | slice) -> "bytes | NumberedTrades":
        """Return one message, or some of the trades."""
        if isinstance(at, slice):
            return NumberedTrades(self.numbers[at], self.names, self.ordinals[at], self.places[at])
        row = self.numbers[at].tolist()
        return encode(
            Trade(
                ts_recv_ns=row[TS_RECV],
                ts_event_ns=row[TS_EVENT],
                rtype=row[RTYPE],
                publisher_id=row[PUBLISHER],
                instrument_id=row[INSTRUMENT],
                side=chr(row[SIDE]),
                depth=row[DEPTH],
                price_nanos=row[PRICE],
                size=row[SIZE],
                flags=row[FLAGS],
                ts_in_delta_ns=row[DELTA],
                sequence=row[SEQUENCE],
                symbol=self.names[row[SYMBOL]].decode(),
                ordinal=int(self.ordinals[at]),
            )
        )

    def taken(self, rows: I64) -> "NumberedTrades":
        """Return some of the trades."""
        return NumberedTrades(
            self.numbers[rows], self.names, self.ordinals[rows], self.places[rows]
        )

    @property
    def keys(self) -> "NumberedKeys":
        """Return the keys of the messages."""
        return NumberedKeys(self)


class NumberedKeys(Sequence[bytes]):
    """The keys of messages: their symbols."""

    def __init__(self, trades: NumberedTrades) -> None:
        self._trades = trades

    def __len__(self) -> int:
        return len(self._trades)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> "NumberedKeys": ...
    def __getitem__(self, at: int | slice) -> "bytes | NumberedKeys":
        """Return one key, or those of some trades."""
        if isinstance(at, slice):
            return NumberedKeys(self._trades[at])
        return self._trades.names[int(self._trades.numbers[at, SYMBOL])]
