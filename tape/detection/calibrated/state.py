"""The calibrated profile's memory: one array per field with a row per symbol."""

from typing import Final, NamedTuple

import numpy as np

from tape.detection.classic_state import PUBLISHERS, RING
from tape.detection.kernel_types import F64, I32, I64, U8, U16, U64

FEATURES: Final = 6
TAILS: Final = 7
"""One tail a feature, and one for the largest of the six, which makes up for taking it."""
KEPT: Final = 200
"""Excesses kept per tail; at 1 in 200 trades they look back over 40,000 trades."""
LOCAL: Final = 60
"""Prices of the trimmed local mean (Brownlees & Gallo 2006, who recommend 40 to 80)."""

RUN: Final = 11
"""Columns of `counters` beyond those of the duplicates: length of the stuck run in times."""
LAST_TIME: Final = 12
LAST_SIZE: Final = 13
LAST_SIDE: Final = 14
LAST_PRICE: Final = 15
COUNTERS: Final = 16

BIPOWER: Final = 0
"""Columns of `levels`: mean product of neighbouring absolute returns; the others follow."""
LAST_RETURN: Final = 1
SPREAD: Final = 2
"""Mean absolute deviation from the trimmed mean, dollars."""
FLOW: Final = 3
"""Signed shares, fading with 10 ms."""
LEVELS: Final = 4

COUNT: Final = 0
"""Columns of `fits`: excesses held; the others follow."""
SEEN: Final = 1
"""Trades among which they were found."""
FLOOR: Final = 2
"""Value above which excesses are collected."""
FITTED: Final = 3
"""Columns of the fit in use: 1 once there is one, its threshold, chance, scale and shape."""
THRESHOLD: Final = 4
CHANCE: Final = 5
SCALE: Final = 6
SHAPE: Final = 7
QUIET: Final = 8
"""Trades for which nothing is learnt after an anomaly."""
FRESH: Final = 9
"""Excesses since the last fit."""
FITS: Final = 10


class CalibratedState(NamedTuple):
    """State of all symbols."""

    counters: I64
    levels: F64
    prices: F64
    fits: F64
    kept: F64
    ring_hash: U64
    ring_key: I64
    ring_publisher: U16
    publisher: I32
    newest: I64
    dirty: U8


def calibrated_state() -> CalibratedState:
    """Return the state of no symbols."""
    return CalibratedState(
        counters=np.zeros((0, COUNTERS), np.int64),
        levels=np.zeros((0, LEVELS), np.float64),
        prices=np.zeros((0, LOCAL), np.float64),
        fits=np.zeros((0, TAILS * FITS), np.float64),
        kept=np.zeros((0, TAILS * KEPT), np.float64),
        ring_hash=np.zeros((0, RING), np.uint64),
        ring_key=np.zeros((0, RING), np.int64),
        ring_publisher=np.zeros((0, RING), np.uint16),
        publisher=np.zeros((0, PUBLISHERS), np.int32),
        newest=np.zeros((0, PUBLISHERS), np.int64),
        dirty=np.zeros((0, 1), np.uint8),
    )
