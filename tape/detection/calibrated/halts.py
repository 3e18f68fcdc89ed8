"""Days, halts and reopenings of a symbol, as its trades show them; and time that comes back.

The symbol's clock is the time of its last trade, also when that is earlier than the one before.
A trade far from the clock (another day, or a halt's length ahead or behind) is doubted: only the
next trade tells whether time did move there. If that one is nearer to the doubted time, the clock
moves there, and a new session begins where a night or a halt lies between. If it is nearer to the
clock, the doubted trade had a wrong stamp, and nothing was moved by it.
"""

from typing import Any

from tape.codec.array_types import F64, I64
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.calibrated.state import (
    ANCHOR,
    AWAY,
    DAY,
    DOUBTED,
    DOUBTED_DAY,
    DOUBTED_HELD,
    DOUBTED_PROGRESS,
    DOUBTED_TIME,
    FLOW_DOUBTED,
    FLOW_FIRST,
    FLOW_NEXT,
    HELD,
    LAST_PRICE,
    LAST_TIME,
    OLD_LEFT,
    PLACE,
    PROGRESS,
    REOPENED,
    RUN,
    SPACING,
    CalibratedState,
)
from tape.detection.duplicates import ACCEPTED
from tape.market.day import POST_MARKET, PRE_MARKET, REGULAR, REOPENING

HALT_NS = 290_000_000_000
"""A trading pause is five minutes at least (Limit Up-Limit Down plan)."""
HALT_SPACINGS = 50.0
"""This many times the usual spacing without a trade are a halt and no quiet hour:
if trades came at random, one gap in e^50 would be as long. No longer gap is
counted for the usual spacing, so that one wrong stamp moves it by a quarter at most."""
LEAST_CAP_NS = 1e9
"""Up to here a gap counts for the usual spacing whatever that is, which begins at nothing."""
REOPENING_NS = 10_000_000_000
"""Trades up to 10 s after the first one behind a halt belong to the reopening."""
SPACING_FADE = 1.0 / 200.0
"""Weight of a new gap in the mean time between trades: some 200 of them."""

SURE = 0
"""What a trade far from the clock may be, in `DOUBTED`: none is doubted."""
OTHER_TIME = 1
"""Time went back, or on through quiet hours."""
SESSION = 2
"""The first trade of a day, or after a halt."""


@uncounted
def _begin_session(counters: I64, levels: F64, prices: F64, in_order: F64, held: bool) -> None:
    """Forget prices and runs of before a night or a halt, for the market has moved meanwhile.

    The price of the trade that begins it stays if it was taken up.
    """
    counters[HELD] = 0
    counters[PLACE] = 0
    counters[AWAY] = 0
    counters[OLD_LEFT] = 0
    counters[FLOW_FIRST] = 0
    counters[FLOW_NEXT] = 0
    counters[FLOW_DOUBTED] = 0
    levels[RUN] = 0.0
    if held:
        price = counters[LAST_PRICE] / 1e9
        prices[0] = price
        in_order[0] = price
        levels[ANCHOR] = price
        counters[HELD] = 1
        counters[PLACE] = 1


@part_of_callers
def _note_spacing(counters: I64, levels: F64, gap_ns: float) -> None:
    """Let the usual spacing follow a gap; one backwards takes back the one that was too long."""
    most = max(HALT_SPACINGS * levels[SPACING], LEAST_CAP_NS)
    counted = min(max(gap_ns, -most), most)
    weight = max(SPACING_FADE, 1.0 / counters[ACCEPTED])
    levels[SPACING] = max(levels[SPACING] + weight * (counted - levels[SPACING]), 0.0)


@uncounted
def _settle_doubt(counters: I64, levels: F64, prices: F64, in_order: F64, time_ns: int) -> None:
    """Move the clock to the doubted trade's time if this trade is nearer to that."""
    doubted_ns = counters[DOUBTED_TIME]
    gap_ns = doubted_ns - counters[LAST_TIME]
    if abs(time_ns - doubted_ns) < abs(time_ns - counters[LAST_TIME]):
        counters[REOPENED] = 0
        if counters[DOUBTED] == SESSION:
            if counters[DOUBTED_DAY] == counters[DAY]:
                counters[REOPENED] = doubted_ns
            _begin_session(counters, levels, prices, in_order, counters[DOUBTED_HELD] == 1)
        elif gap_ns > 0:
            _note_spacing(counters, levels, gap_ns)
        counters[DAY] = counters[DOUBTED_DAY]
        counters[LAST_TIME] = doubted_ns
        levels[PROGRESS] = levels[DOUBTED_PROGRESS]
    counters[DOUBTED] = SURE
    counters[DOUBTED_TIME] = 0
    counters[DOUBTED_HELD] = 0


@part_of_callers
def note_time(
    state: CalibratedState, row: int, day: int, progress: float, time_ns: int, kind: int
) -> Any:
    """Take up a trade's time, of which `progress` is the share of the trading day passed.

    Returns the trade's context; the share of a day for which alerts are due since the trade
    before, less than 0 if time came back; and the time since then, ns, 0 if it came back. None is
    due for a halt, a night or any gap as long.
    """
    counters = state.counters[row]
    levels = state.levels[row]
    if counters[ACCEPTED] == 1:
        counters[DAY] = day
        counters[LAST_TIME] = time_ns
        levels[PROGRESS] = progress
        _begin_session(counters, levels, state.prices[row], state.in_order[row], False)
        return kind, 0.0, 0
    if counters[DOUBTED] != SURE:
        _settle_doubt(counters, levels, state.prices[row], state.in_order[row], time_ns)
    gap_ns = time_ns - counters[LAST_TIME]
    away_ns = abs(gap_ns)
    other_day = day != counters[DAY]
    if other_day or (away_ns >= HALT_NS and away_ns >= HALT_SPACINGS * levels[SPACING]):
        halted = gap_ns > 0 and kind != PRE_MARKET and kind != POST_MARKET
        counters[DOUBTED] = SESSION if other_day or halted else OTHER_TIME
        counters[DOUBTED_TIME] = time_ns
        counters[DOUBTED_DAY] = day
        levels[DOUBTED_PROGRESS] = progress
        if halted and kind == REGULAR and not other_day:
            kind = REOPENING
        return kind, 0.0, 0
    _note_spacing(counters, levels, gap_ns)
    counters[LAST_TIME] = time_ns
    share = progress - levels[PROGRESS]
    levels[PROGRESS] = progress
    if counters[REOPENED] > 0 and kind == REGULAR:
        since_ns = time_ns - counters[REOPENED]
        if since_ns >= REOPENING_NS:
            counters[REOPENED] = 0
        elif since_ns >= 0:
            kind = REOPENING
    return kind, share, max(gap_ns, 0)
