"""What symbols had on past days: their trades as the classic rules judged them, and episodes.

An alert is an episode, counted as the judge makes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64
from tape.desk.day import Day
from tape.desk.past_days import judged_columns
from tape.detection.classic.scores import changes
from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE
from tape.judging.episode_kernel import QUIET_NS
from tape.judging.judge import Judge
from tape.market.new_york import I64, calendar_days
from tape.model.counts import Counts
from tape.model.fields import NANOS
from tape.model.rules import ISOLATION_FOREST

GAP_NS: Final = NANOS
"""What EPISODE_GAP_S is unless it is set: a second."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Past:
    """The accepted trades of one symbol on past days, in order.

    Attributes:
        day: the trade's day, New York, counted from 1970.
        change: move from the trade before, as a share of its price.
        forest: whether the forest flags the trade.
        gap_ns: EPISODE_GAP_S, for all trades.
    """

    symbol: str
    day: I64
    ts_event_ns: I64
    size: I64
    change: F64
    forest: Bools
    gap_ns: int = GAP_NS

    def on(self, days: Sequence[int]) -> "Past":
        """Return the trades of some of the days."""
        kept = np.isin(self.day, days)
        return Past(
            self.symbol,
            self.day[kept],
            self.ts_event_ns[kept],
            self.size[kept],
            self.change[kept],
            self.forest[kept],
            self.gap_ns,
        )

    def alerts(self, limits: tuple[float, float], *, forest: bool) -> int:
        """Return how many alerts volume and change thresholds give, with the forest's or not."""
        flagged = (self.size > limits[0]) | (self.change > limits[1])
        flagged = flagged | self.forest if forest else flagged
        return count_alerts(self.ts_event_ns, flagged, self.gap_ns)


def count_alerts(ts_event_ns: I64, flagged: Bools, gap_ns: int = GAP_NS) -> int:
    """Return how many episodes the flagged ones of all trades of a symbol make.

    A flag belongs to the episode before it if it comes within the gap, or is the very next trade.
    """
    places = np.flatnonzero(flagged)
    if not len(places):
        return 0
    away_ns = np.abs(np.diff(ts_event_ns[places]))
    next_ones = (np.diff(places) == 1) & (away_ns <= QUIET_NS)
    return int(((away_ns > gap_ns) & ~next_ones).sum()) + 1


def past_trades(days: Sequence[Day], parameters: Parameters, max_symbols: int) -> list[Past]:
    """Return the symbols' trades on the days, judged in order of time by the classic rules.

    The forest is asked for all of them, whether it flags or not.
    """
    overrides = {symbol: replace(own, forest=None) for symbol, own in parameters.overrides.items()}
    asked = replace(parameters, rules=(), overrides=overrides)
    found, forest = judged_by_symbol(days, asked, max_symbols), ISOLATION_FOREST.bit
    gap = gap_ns(parameters)
    return [
        Past(symbol, calendar_days(ts), ts, size, changes(price), (rules & forest) != 0, gap)
        for symbol, (ts, size, price, rules) in found.items()
    ]


def gap_ns(parameters: Parameters) -> int:
    """Return how long after a flag an episode ends."""
    return round(parameters.episode_gap_s * NANOS)


def judged_by_symbol(
    days: Sequence[Day], parameters: Parameters, max_symbols: int
) -> dict[str, tuple[I64, I64, I64, npt.NDArray[np.uint8]]]:
    """Return time, size, price and rules of each symbol's accepted trades, symbols in order."""
    judge = Judge(parameters, max_symbols, Counts())
    parts: dict[int, list[tuple[npt.NDArray[Any], ...]]] = {}
    for day in sorted(days, key=lambda one: int(one.trades.ts_event_ns.min())):
        for trades, verdicts in judged_columns(judge, day, np.arange(len(day.trades))):
            accepted = verdicts.outcome < DUPLICATE
            for number in np.unique(trades.symbol[accepted]).tolist():
                own = accepted & (trades.symbol == number)
                columns = (trades.ts_event_ns, trades.size, trades.price_nanos, verdicts.rules)
                parts.setdefault(number, []).append(tuple(column[own] for column in columns))
    made = {}
    for number, own_parts in parts.items():
        ts, size, price, rules = (np.concatenate(column) for column in zip(*own_parts, strict=True))
        made[judge.symbols.names[number]] = (ts, size, price, rules)
    return dict(sorted(made.items()))
