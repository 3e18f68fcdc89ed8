"""Changed bars as columns of a record: what lies near to something else as its distance from it."""

from typing import Final

import numpy as np

from tape.codec.array_types import I64
from tape.judging.bar_changes import BarChanges
from tape.judging.bars_kernel import (
    BAND,
    BAR_COLUMNS,
    CLOSE,
    FIRST,
    FLAGGED,
    HIGH,
    LAST,
    LOW,
    LOWER,
    NEW,
    NO_BAND,
    NO_SECOND,
    OPEN,
    SECOND,
    SECOND_NS,
    TRADES,
    UPPER,
    VOLUME,
)
from tape.judging.trade_log.packing import PRICE_STEPS, packed, unpacked

NANOS_A_MICRO: Final = 1_000
"""Prices are in 1e-9 dollars, bands in 1e-6."""


def packed_bars(changes: BarChanges | None) -> bytes:
    """Return changed bars as bytes; None where no bars are kept."""
    if changes is None:
        return packed(np.zeros(1, np.int64))
    bar = changes.bars
    second, first, opened = bar[:, SECOND], bar[:, FIRST], bar[:, OPEN]
    done, has_band = bar[:, BAR_COLUMNS], bar[:, BAND] != NO_BAND
    in_micros = opened // NANOS_A_MICRO
    columns = [
        packed(np.ones(1, np.int64)),
        packed(changes.symbol),
        packed(changes.place),
        packed(second),
        packed(first - second * SECOND_NS),
        packed(bar[:, LAST] - first),
        packed(np.where(has_band, bar[:, BAND] - first, -1)),
        packed(opened, PRICE_STEPS),
        packed(bar[:, HIGH] - opened, PRICE_STEPS),
        packed(bar[:, LOW] - opened, PRICE_STEPS),
        packed(bar[:, CLOSE] - opened, PRICE_STEPS),
        packed(np.where(has_band, bar[:, LOWER] - in_micros, 0)),
        packed(np.where(has_band, bar[:, UPPER] - in_micros, 0)),
        packed(bar[:, VOLUME]),
        packed(bar[:, TRADES]),
        packed(bar[:, FLAGGED]),
        packed(bar[:, NEW]),
        packed(np.where(done == NO_SECOND, 0, second - done)),
    ]
    return b"".join(columns)


def unpacked_bars(blob: bytes, at: int) -> tuple[BarChanges | None, int]:
    """Return changed bars, and where what follows begins."""
    are_kept, at = unpacked(blob, at)
    if not are_kept.all():
        return None, at
    columns: list[I64] = []
    for _ in range(17):
        column, at = unpacked(blob, at)
        columns.append(column)
    symbol, place, second, first, last, band, opened, high, low, close = columns[:10]
    lower, upper, volume, trades, flagged, new, back = columns[10:]
    first = first + second * SECOND_NS
    has_band, in_micros = band >= 0, opened // NANOS_A_MICRO
    bar = np.empty((len(symbol), BAR_COLUMNS + 1), np.int64)
    bar[:, SECOND] = second
    bar[:, FIRST] = first
    bar[:, LAST] = last + first
    bar[:, BAND] = np.where(has_band, band + first, NO_BAND)
    bar[:, OPEN] = opened
    bar[:, HIGH] = high + opened
    bar[:, LOW] = low + opened
    bar[:, CLOSE] = close + opened
    bar[:, LOWER] = np.where(has_band, lower + in_micros, NO_BAND)
    bar[:, UPPER] = np.where(has_band, upper + in_micros, NO_BAND)
    bar[:, VOLUME] = volume
    bar[:, TRADES] = trades
    bar[:, FLAGGED] = flagged
    bar[:, NEW] = new
    bar[:, BAR_COLUMNS] = np.where(back == 0, NO_SECOND, second - back)
    return BarChanges(symbol, place, bar), at
