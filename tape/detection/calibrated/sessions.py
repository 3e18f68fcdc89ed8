"""Days, halts and reopenings of a symbol, as its trades show them."""

from typing import Any

from tape.detection.calibrated.context import REGULAR, REOPENING
from tape.detection.calibrated.state import (
    AWAY,
    DAY,
    FLOW_FIRST,
    FLOW_NEXT,
    HELD,
    LAST_TIME,
    OLD_LEFT,
    PLACE,
    PROGRESS,
    REOPENED,
    RUN,
    SPACING,
)
from tape.detection.classic_state import ACCEPTED
from tape.detection.inlining import uncounted
from tape.detection.kernel_types import F64, I64

HALT_NS = 290_000_000_000
"""A trading pause is five minutes at least (Limit Up-Limit Down plan)."""
HALT_SPACINGS = 50.0
"""So many times the usual spacing without a trade are a halt and no quiet hour."""
REOPENING_NS = 10_000_000_000
SPACING_FADE = 1.0 / 200.0


@uncounted
def _begin_session(counters: I64, levels: F64, time_ns: int) -> None:
    """Forget prices and runs of before a night or a halt, for the market has moved meanwhile."""
    counters[HELD] = 0
    counters[PLACE] = 0
    counters[AWAY] = 0
    counters[OLD_LEFT] = 0
    counters[FLOW_FIRST] = 0
    counters[FLOW_NEXT] = 0
    counters[LAST_TIME] = time_ns
    levels[RUN] = 0.0


@uncounted
def note_time(counters: I64, levels: F64, day: int, passed: float, time_ns: int, kind: int) -> Any:
    """Take up a new day or a halt; return the trade's context and the share of a day passed."""
    if day != counters[DAY] or counters[ACCEPTED] == 1:
        counters[DAY] = day
        counters[REOPENED] = 0
        levels[PROGRESS] = passed
        _begin_session(counters, levels, time_ns)
        return kind, 0.0
    gap = max(time_ns - counters[LAST_TIME], 0)
    if kind == REGULAR and gap >= HALT_NS and gap >= HALT_SPACINGS * levels[SPACING]:
        counters[REOPENED] = time_ns
        _begin_session(counters, levels, time_ns)
    else:
        weight = max(SPACING_FADE, 1.0 / counters[ACCEPTED])
        levels[SPACING] += weight * (gap - levels[SPACING])
    if counters[REOPENED] > 0 and kind == REGULAR:
        if time_ns - counters[REOPENED] < REOPENING_NS:
            kind = REOPENING
        else:
            counters[REOPENED] = 0
    share = max(passed - levels[PROGRESS], 0.0)
    levels[PROGRESS] += share
    return kind, share
