"""Where in the market's day a trade lies; a function of the trade alone."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from tape.columns import TradeColumns
from tape.detection.kernel_types import U8

CONTEXTS: Final = ("regular", "pre-market", "post-market", "opening auction", "closing auction")
REGULAR: Final = 0
PRE_MARKET: Final = 1
POST_MARKET: Final = 2
OPENING_AUCTION: Final = 3
CLOSING_AUCTION: Final = 4

NEW_YORK: Final = ZoneInfo("America/New_York")
SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
OPEN_NS: Final = 34_200 * SECOND_NS
HALF_DAY_CLOSE_NS: Final = 46_800 * SECOND_NS
CLOSE_NS: Final = 57_600 * SECOND_NS
NEAR_NS: Final = 15 * SECOND_NS
"""How long after the bell an auction's print may come."""
EARLY_NS: Final = SECOND_NS
AUCTION_SHARES: Final = 1_000
"""Smaller prints without a side are hidden orders, not auctions."""


def _offset_ns(day: int) -> int:
    """Return how far New York's clock is from UTC at noon UTC of a day since 1970."""
    noon = datetime.fromtimestamp(day * 86_400 + 43_200, UTC).astimezone(NEW_YORK)
    offset = noon.utcoffset()
    assert offset is not None  # noqa: S101
    return int(offset.total_seconds()) * SECOND_NS


def contexts(trades: TradeColumns) -> U8:
    """Return per trade its place in `CONTEXTS`."""
    days = trades.ts_event_ns // DAY_NS
    unique, inverse = np.unique(days, return_inverse=True)
    offsets = np.array([_offset_ns(int(day)) for day in unique], np.int64)
    local = (trades.ts_event_ns + offsets[inverse]) % DAY_NS
    answer = np.zeros(len(trades), np.uint8)
    answer[local < OPEN_NS] = PRE_MARKET
    answer[local >= CLOSE_NS] = POST_MARKET
    printed = (trades.side == ord("N")) & (trades.size >= AUCTION_SHARES)
    for bell_ns, kind in (
        (OPEN_NS, OPENING_AUCTION),
        (HALF_DAY_CLOSE_NS, CLOSING_AUCTION),
        (CLOSE_NS, CLOSING_AUCTION),
    ):
        near = (local >= bell_ns - EARLY_NS) & (local < bell_ns + NEAR_NS)
        answer[printed & near] = kind
    return answer
