"""A batch of trades as columns, the form in which the detector takes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Trades of one partition in their order; all columns have one entry per trade.

    Attributes:
        symbol: index of the trade's symbol in the `SymbolTable` it was decoded with.
        publisher_id: venue or feed, 0 to 65,535.
        ts_event_ns: exchange time, nanoseconds since 1970.
        price_nanos: price in 1e-9 dollars.
        size: shares.
        side: ASCII code of A, B or N.
        sequence: the feed's own number; `tape.model.trade.NO_SEQUENCE` where it has none.
        ordinal: how many equal trades the source has had before this one.
    """

    symbol: npt.NDArray[np.int32]
    publisher_id: npt.NDArray[np.int32]
    ts_event_ns: npt.NDArray[np.int64]
    price_nanos: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    side: npt.NDArray[np.uint8]
    sequence: npt.NDArray[np.int64]
    ordinal: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.symbol)


def joined_columns(parts: Sequence[TradeColumns]) -> TradeColumns:
    """Return batches one after the other as one."""
    if not parts:
        long, short = np.zeros(0, np.int64), np.zeros(0, np.int32)
        return TradeColumns(short, short, long, long, long, np.zeros(0, np.uint8), long, short)
    if len(parts) == 1:
        return parts[0]
    names = TradeColumns.__slots__
    return TradeColumns(*[np.concatenate([getattr(one, name) for one in parts]) for name in names])
