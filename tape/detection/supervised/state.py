"""What is remembered of each symbol to compute the features of its next trade; bounded."""

from typing import Final, NamedTuple

import numpy as np

from tape.codec.array_types import F64, I64, U8, U16, U64
from tape.detection.duplicates import ACCEPTED, KNOWN_PUBLISHERS, no_rings

STATE_VERSION: Final = 1
"""Version of this layout in a blob's header."""
PRICES: Final = 128
"""Last prices; a power of two, more than the longest window of trades."""

FADE: Final = 1.0 / 500.0
"""Weight of a new trade in what is usual: some 500 trades."""
BELIEVED: Final = 8.0
"""A step or distance counts for the usual one with at most this many times that one, once there
are `FIRST` trades."""
FIRST: Final = 60
"""As many as the calibrated profile does not judge: till then they say what is usual."""

LAST_PRICE: Final = 1
"""Columns of `counters`; `ACCEPTED` is 0. Price of the last trade in 1e-9 dollars."""
LAST_TIME: Final = 2
LAST_SIZE: Final = 3
LAST_SIDE: Final = 4
SAME_TIME: Final = 5
"""Trades at the last trade's very time, it among them."""
RUN_EQUAL: Final = 6
"""Trades in a row with the same price, size and side."""
RUN_PRICE: Final = KNOWN_PUBLISHERS + 1
RUN_SIZE: Final = RUN_PRICE + 1
RUN_DIRECTION: Final = RUN_PRICE + 2
"""Moves in a row in one direction; its sign says which."""
SECOND: Final = RUN_PRICE + 3
"""The second of the last trade, in seconds since 1970; minutes follow."""
MINUTE: Final = RUN_PRICE + 4
TRADES_1S: Final = RUN_PRICE + 5
"""Trades, shares and shares by side of that second; shares of that minute."""
SHARES_1S: Final = RUN_PRICE + 6
SIGNED_1S: Final = RUN_PRICE + 7
SHARES_60S: Final = RUN_PRICE + 8
SECONDS: Final = RUN_PRICE + 9
"""Seconds and minutes with trades that are over."""
MINUTES: Final = RUN_PRICE + 10
COUNTERS: Final = RUN_PRICE + 11
"""And the columns of `counters`."""

STEP: Final = 0
"""Columns of `levels`: mean absolute return, basis points."""
DISTANCE: Final = 1
"""Mean distance from the median of the last nine prices, dollars."""
LEVEL: Final = 2
"""A price that follows slowly, and an outlier hardly at all, dollars."""
LEVEL_DISTANCE: Final = 3
"""Mean distance from it, dollars."""
BEFORE: Final = 4
"""How far the last trade was from the median, in usual distances."""
SIZE_MEAN: Final = 5
"""Mean of log2 of the size, and mean absolute deviation."""
SIZE_SPREAD: Final = 6
SECOND_MEAN: Final = 7
"""The same of log2 of a second's shares, and of a minute's."""
SECOND_SPREAD: Final = 8
MINUTE_MEAN: Final = 9
MINUTE_SPREAD: Final = 10
SPACING: Final = 11
"""Mean time between trades, seconds."""
SECOND_PRICE: Final = 12
"""Last price of an earlier second, and of an earlier minute, dollars."""
MINUTE_PRICE: Final = 13
LEVELS: Final = 14
"""And the columns of `levels`."""


class FeatureState(NamedTuple):
    """State of all symbols, a row each."""

    counters: I64
    levels: F64
    prices: F64
    ring: U64
    newest: I64
    ring_head: U16
    ring_next: U16
    indexed: I64
    dirty: U8


def feature_state() -> FeatureState:
    """Return the state of no symbols."""
    return FeatureState(
        counters=np.zeros((0, COUNTERS), np.int64),
        levels=np.zeros((0, LEVELS), np.float64),
        prices=np.zeros((0, PRICES), np.float64),
        dirty=np.zeros((0, 1), np.uint8),
        **no_rings(),
    )


def check(counters: I64) -> bool:
    """Return whether counters of a kept state may be those of a symbol."""
    return bool(counters[ACCEPTED] >= 0 and counters[SECONDS] >= 0 and counters[MINUTES] >= 0)
