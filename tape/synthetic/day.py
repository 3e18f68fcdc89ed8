"""A day of trades as columns, with labels of what was put into it on purpose."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from tape.synthetic.ordinary import I64


@dataclass(frozen=True, slots=True)
class Label:
    """An anomaly put in on purpose, from its first to its last trade; `row` of the first."""

    row: int
    last_row: int
    kind: str
    magnitude: float


@dataclass(frozen=True, slots=True)
class SyntheticDay:
    """Trades of a day in the order of the tape, as columns of one entry per trade.

    Synthetic, or a real one to put anomalies into. `ts_recv` is `ts_event` and `lag_ns`.
    """

    day: date
    symbols: tuple[str, ...]
    symbol: I64
    ts_event_ns: I64
    lag_ns: I64
    ts_in_delta_ns: I64
    side: npt.NDArray[np.uint8]
    price_nanos: I64
    size: I64
    flags: I64
    sequence: I64
    rtype: I64
    publisher_id: I64
    instrument_id: I64
    depth: I64
    labels: list[Label]


COLUMNS: Final = tuple(
    name for name in SyntheticDay.__slots__ if name not in ("day", "symbols", "labels")
)


def rows_of(made: SyntheticDay, rows: I64) -> SyntheticDay:
    """Return the day with only these rows, in this order, and without labels."""
    return replace(made, labels=[], **{name: getattr(made, name)[rows] for name in COLUMNS})
