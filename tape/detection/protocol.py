"""What every detector is: columns in, verdicts out, and state that can be kept and restored."""

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import I32, I64, U8
from tape.model.anomaly import Reason
from tape.model.columns import TradeColumns
from tape.model.counts import Refits


class Columns(NamedTuple):
    """The columns of a batch as the kernel takes them."""

    symbol: I32
    publisher_id: I32
    ts_event_ns: I64
    price_nanos: I64
    size: I64
    side: U8
    sequence: I64
    ordinal: I32


NEW: Final = 0
LATE: Final = 1
"""Older than the newest of its publisher: judged like any other, and counted."""
DUPLICATE: Final = 2
"""Among the last trades of its symbol already: dropped. Nothing else is."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a detector says of a batch.

    Attributes:
        outcome: per trade NEW, LATE or DUPLICATE.
        rules: per trade the rules that fired, as a set of bits; 0 is an ordinary trade.
        flagged: positions in the batch of the trades with at least one rule, rising.
        evidence: per flagged trade what the detector needs to explain it, in the same order; a
            structured array whose fields are the detector's own.
        behind_ns: per trade by how much it is older than the newest of its publisher; 0 unless
            it is LATE.
        shared: per trade whether another of the last ones has the same publisher, time, sequence
            and ordinal.
    """

    outcome: npt.NDArray[np.uint8]
    rules: npt.NDArray[np.uint8]
    flagged: npt.NDArray[np.int64]
    evidence: npt.NDArray[np.void]
    behind_ns: npt.NDArray[np.int64]
    shared: npt.NDArray[np.bool_]


class Detector(Protocol):
    """Judges the trades of one partition, symbol by symbol.

    A symbol's index is its row in the detector. Verdicts depend on the symbol's own trades in
    their order and on nothing else: not on how they are batched, not on other symbols, not on
    the clock, not on whether the state was kept and restored in between.

    Attributes:
        refits: fits so far; detectors of several partitions may share it.
    """

    refits: Refits

    def detect(self, trades: TradeColumns) -> Verdicts:
        """Judge a batch and remember what is needed to judge the next one."""

    def reasons(self, trades: TradeColumns, verdicts: Verdicts, position: int) -> list[Reason]:
        """Return why the `position`-th flagged trade was flagged, one reason per rule, in order."""

    def snapshot(self, symbol: int) -> bytes:
        """Return the state of one symbol, the smaller the less it has traded."""

    def restore(self, symbol: int, blob: bytes) -> None:
        """Take up the state that `snapshot` returned; raises `StateError` if it cannot."""

    def forget(self, symbol: int) -> None:
        """Forget all of a symbol, whose number belongs to another one from now on."""
