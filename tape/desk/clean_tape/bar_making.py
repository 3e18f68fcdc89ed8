"""Bars of a tape, in memory for some days at a time.

A trade lands in the bar of its time however late it comes, unless its day was written: that is so
once `KEPT_TRADES` trades came since the last one of that day (UTC). Such trades are counted, and
in no bar. It depends on places on the tape alone, so however files are cut, their bars are the
same.

Of a flagged trade only the end of its episode says whether it is usable. It waits for that, and
its day with it; all others count at once.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from tape.codec.array_types import I64
from tape.desk.clean_tape.scored import Rows, Scoring
from tape.desk.clean_tape.usable import undecided, usable
from tape.errors import BooksError
from tape.market.bars import BAR, DAY_NS, Bars, BarTrades, bars_of, merged, starts
from tape.sinks.tables import Column

KEPT_TRADES: Final = 2_000_000
MERGED_FROM: Final = 200_000
"""Parts of bars of a day that are held before they are merged, at least."""


class _Day:
    """The bars of a day so far, in parts."""

    def __init__(self) -> None:
        self.last_nth = -1
        self.waiting = 0
        self._parts: list[Bars] = []
        self._held = self._merged = 0

    def add(self, bars: Bars) -> None:
        self._parts.append(bars)
        self._held += len(bars)
        if self._held > max(2 * self._merged, MERGED_FROM):
            self._parts = [self.bars()]
            self._held = self._merged = len(self._parts[0])

    def bars(self) -> Bars:
        return merged(np.concatenate(self._parts)) if self._parts else np.empty(0, BAR)


class BarMaking:
    """Makes bars of a scored tape.

    Attributes:
        made: bars that were yielded.
        counted: trades in them.
        too_late: trades whose day was written already.
        unusable: trades that count in no clean column.
    """

    def __init__(self, scoring: Scoring, length_ns: int, kept_trades: int = KEPT_TRADES) -> None:
        self._scoring, self._length_ns, self._kept = scoring, length_ns, kept_trades
        self._days: dict[int, _Day] = {}
        self._gone: set[int] = set()
        self._waiting: list[tuple[Rows, I64]] = []
        self._next = 0
        self.made = self.counted = self.too_late = self.unusable = 0

    def bars(self, progress: Callable[[], None] = lambda: None) -> Iterator[Bars]:
        """Yield the bars day by day, by start and symbol; call `progress` meanwhile."""
        for rows in self._scoring.rows():
            nth = np.arange(self._next, self._next + len(rows))
            self._next += len(rows)
            for first in range(0, len(rows), self._kept):  # so far no day may end within a part
                part = slice(first, first + self._kept)
                self._take(rows[part], nth[part])
            self._settle()
            progress()
            yield from self._written(of_all=False)
        self._settle(at_end=True)
        yield from self._written(of_all=True)
        if self.counted + self.too_late != self._scoring.made:
            raise BooksError(
                f"the books do not balance: of {self._scoring.made:,} trades {self.counted:,} are "
                f"in bars, and {self.too_late:,} came too late",
                "this is a fault of this program, please report it",
            )

    def _take(self, rows: Rows, nth: I64) -> None:
        """Count trades, but for those that wait for the end of their episodes."""
        day = starts(rows["ts_event_ns"], self._length_ns) // DAY_NS
        late = np.zeros(len(rows), np.bool_)
        for one in np.unique(day).tolist():
            of_day = nth[day == one]
            found = self._days.get(one)
            if found is not None and of_day[0] - found.last_nth > self._kept:
                self._gone.add(one)
            if one in self._gone:
                late |= day == one
                continue
            self._days.setdefault(one, _Day()).last_nth = int(of_day[-1])
        self.too_late += int(late.sum())
        waits = undecided(rows, self._scoring.book.marks) & ~late
        if waits.any():
            self._waiting.append((rows[waits], nth[waits]))
            self._note_waiting(rows[waits], 1)
        self._count(rows[~(late | waits)], nth[~(late | waits)])

    def _settle(self, *, at_end: bool = False) -> None:
        """Count the trades whose episodes have ended; at the end of the tape all of them."""
        still: list[tuple[Rows, I64]] = []
        marks = self._scoring.book.marks
        for rows, nth in self._waiting:
            waits = undecided(rows, marks) & (not at_end)
            if waits.any():
                still.append((rows[waits], nth[waits]))
            self._note_waiting(rows[~waits], -1)
            self._count(rows[~waits], nth[~waits])
        self._waiting = still

    def _note_waiting(self, rows: Rows, by: int) -> None:
        for day in (starts(rows["ts_event_ns"], self._length_ns) // DAY_NS).tolist():
            self._days[day].waiting += by

    def _count(self, rows: Rows, nth: I64) -> None:
        """Add the bars of trades, day by day."""
        is_usable = usable(rows, self._scoring.book)
        self.unusable += int((~is_usable).sum())
        self.counted += len(rows)
        bars = bars_of(
            BarTrades(
                rows["symbol"],
                rows["ts_event_ns"],
                nth,
                rows["price_nanos"],
                rows["size"],
                rows["rules"] != 0,
                is_usable,
                rows["lower"],
                rows["upper"],
            ),
            self._length_ns,
        )
        days = bars["start_ns"] // DAY_NS
        for day in np.unique(days).tolist():
            self._days[day].add(bars[days == day])

    def _written(self, *, of_all: bool) -> Iterator[Bars]:
        """Yield the days that are over."""
        for day in sorted(self._days):
            found = self._days[day]
            is_over = self._next - 1 - found.last_nth > self._kept and not found.waiting
            if of_all or is_over:
                bars = found.bars()
                del self._days[day]
                self._gone.add(day)
                self.made += len(bars)
                yield bars[np.lexsort((bars["symbol"], bars["start_ns"]))]


def bar_columns(bars: Bars, scoring: Scoring) -> list[Column]:
    """Return bars as a table; a clean column is empty where no trade of a bar is usable."""
    every, clean = bars["every"], bars["usable"]
    none = clean["trades"] == 0
    return [
        Column("symbol", "text", bars["symbol"], scoring.symbols),
        Column("start", "time", bars["start_ns"]),
        *(Column(name, "price", every[name]) for name in ("open", "high", "low", "close")),
        *(Column(name, "whole", every[name]) for name in ("volume", "trades")),
        Column("flagged", "whole", bars["flagged"]),
        *(
            Column(f"{name}_clean", "price", np.where(none, 0, clean[name]), missing=none)
            for name in ("open", "high", "low", "close")
        ),
        *(Column(f"{name}_clean", "whole", clean[name]) for name in ("volume", "trades")),
        Column("lower", "number", bars["lower"]),
        Column("upper", "number", bars["upper"]),
    ]
