"""The prints of opening and closing auctions, known by clock, size and side alone.

They are large and normal. Nothing here comes from a profile, so that a profile can be tested
against it.
"""

from typing import Final

import numpy as np

from tape.market.new_york import I64, calendar_days, clock_s
from tape.model.columns import TradeColumns

AUCTION_SHARES: Final = 50_000
"""Shares. No anomaly is put into a print of this size, and none is expected to be flagged."""

OPEN_S: Final = 34_200
HALF_DAY_CLOSE_S: Final = 46_800
CLOSE_S: Final = 57_600
"""Seconds since midnight in New York: 09:30, 13:00 and 16:00."""
EARLY_S: Final = 1
LATE_S: Final = 15
"""Seconds before and after the bell in which an auction's print comes."""


def auction_prints(trades: TradeColumns) -> I64:
    """Return the rows of prints of 50,000 shares and more without a side near a bell.

    13:00 is a bell only on a day and for a symbol without such a print at 16:00.

    Args:
        trades: of any symbols and days, in any order.

    Returns:
        Positions in `trades`, rising; empty if there is none.
    """
    clock = clock_s(trades.ts_event_ns)
    large = (trades.side == ord("N")) & (trades.size >= AUCTION_SHARES)

    def rows_near(bell_s: int) -> I64:
        near = (clock >= bell_s - EARLY_S) & (clock < bell_s + LATE_S)
        return np.flatnonzero(large & near)

    full, half = rows_near(CLOSE_S), rows_near(HALF_DAY_CLOSE_S)
    days = calendar_days(trades.ts_event_ns)
    closed_late = set(zip(trades.symbol[full].tolist(), days[full].tolist(), strict=True))
    at_one = [row for row in half.tolist() if (trades.symbol[row], days[row]) not in closed_late]
    return np.sort(np.concatenate([rows_near(OPEN_S), full, np.array(at_one, np.int64)]))
