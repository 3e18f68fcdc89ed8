"""Taking up: whole states restored, and the trades of the log judged again, in their order."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tape.codec.array_types import I64
from tape.detection.composed import KEPT_BY_ALL, Composed, taken
from tape.detection.registry import BUILT_IN
from tape.judging.joined_state import joined
from tape.judging.state_keys import Kept, ProfileState
from tape.judging.trade_log.kept_log import Part, logs_of
from tape.judging.trade_log.trade_log import LOG_TRADES, OWN_LOG_TRADES, TradeLog
from tape.model.columns import TradeColumns, joined_columns

if TYPE_CHECKING:
    from tape.judging.judge import Judge


def most_trades(judge: "Judge") -> int:
    """Return how many trades the log of a judge's partition may hold."""
    most = LOG_TRADES if set(judge.lineup.names) <= BUILT_IN.keys() else OWN_LOG_TRADES
    of = judge.symbols.of
    return most if of is None else most // of.partitions


def take_up(judge: "Judge", kept: Kept) -> TradeLog:
    """Bring a new judge, which knows who holds a place, to where the last commit was.

    Returns the log as it lies in the store. Raises `StateError` if state is damaged, or belongs
    to other parameters.
    """
    assert kept.state is not None  # noqa: S101 - without it there is no log
    found = TradeLog(judge.symbols, most_trades(judge), kept.number)
    found.make_room()
    work = _TakingUp(judge, kept, kept.state, found)
    work.take_all()
    for number in _incomplete(judge, kept, kept.state):
        found.set_due(number)
    judge.detector.changed_symbols()
    judge.episodes.told()
    return found


def _incomplete(judge: "Judge", kept: Kept, state: ProfileState) -> Iterator[int]:
    """Yield the symbols of which a detector has no whole state under its own key."""
    for number, name in enumerate(judge.symbols.names):
        if name in state.taken_over or any(name not in whole for whole in kept.whole.values()):
            yield number


class _TakingUp:
    """A judge on its way to where the last commit was."""

    def __init__(self, judge: "Judge", kept: Kept, state: ProfileState, log: TradeLog) -> None:
        self._judge, self._kept, self._state, self._log = judge, kept, state, log
        self._store = state.log()
        self._logs = logs_of(judge.lineup.names, kept, self._store)
        self._leads = self._leading()
        self._restored: set[int] = set()

    def take_all(self) -> None:
        """Restore what the log has trades of, and judge these again."""
        trades_at: dict[int, int] = {}
        for nth, log in enumerate(self._logs):
            for parts in log.parts(self._judge.symbols, self._store):
                for part in parts:
                    self._begin(part, is_first=nth == 0)
                    trades_at[part.place] = max(trades_at.get(part.place, 0), len(part.rows))
                for name in log.detectors:
                    self._judge_again(name, parts)
                self._follow(nth, parts)
        newest: dict[int, int] = {}
        for log in self._logs:
            for number, place in log.heads:
                newest[place] = max(newest.get(place, 0), number)
        held = ((newest[place], place, trades) for place, trades in trades_at.items())
        self._log.hold(held, places=max(newest, default=-1) + 1)
        for number in self._restored:
            self._judge.symbols.wake(number)

    def _leading(self) -> I64:
        """Return of each symbol whose log its place, bars and episode follow: the newest of them.

        A symbol whose logs do not end alike is written whole when it trades next: from then on
        they do, and its episode lies under each detector.
        """
        symbols = self._judge.symbols
        if len(self._logs) == 1:
            return np.zeros(len(symbols.names), np.int64)
        ends: I64 = np.full((len(self._logs), len(symbols.names) + 1), -1, np.int64)
        for last, log in zip(ends, self._logs, strict=True):
            for name, whole in log.whole.items():
                last[symbols.known(name)] = whole.last_record
            for parts in log.parts(symbols, self._store):
                for part in parts:
                    last[part.numbers] = part.record.last_record
        ends = ends[:, :-1]
        for number in np.flatnonzero((ends != ends[0]).any(axis=0)).tolist():
            self._log.set_due(number)
        leads: I64 = ends.argmax(axis=0)
        return leads

    def _begin(self, part: Part, *, is_first: bool) -> None:
        """Restore the symbols of a record, and note what counts of it."""
        counted = part.numbers[part.numbers >= 0]
        for number in counted.tolist():
            if number not in self._restored:
                self._restored.add(number)
                self._restore(number)
        trades: I64 = np.zeros(len(counted), np.int64)
        if is_first:
            found = part.numbers[part.record.trades.symbol[part.rows]]
            trades = np.bincount(found, minlength=len(self._judge.symbols.names))[counted]
        self._log.count(counted, trades, part.record.number)

    def _restore(self, number: int) -> None:
        judge = self._judge
        states = self._state.each(judge.symbols.names[number])
        first = self._logs[int(self._leads[number])].detectors[0]
        blob = states[first]
        if len(judge.lineup.names) > 1:
            blob = joined(states, first) or b""
        judge.restore(number, blob)

    def _judge_again(self, name: str, parts: list[Part]) -> None:
        """Have a detector judge the trades of some records that it accepted."""
        detector = self._judge.detector
        rows = [
            part.rows[part.record.dropped_by[part.rows] > part.record.detectors.index(name)]
            for part in parts
        ]
        trades = _trades_of(parts, rows)
        if isinstance(detector, Composed):
            detector.remember(name, trades)
        else:
            detector.detect(trades)

    def _follow(self, nth: int, parts: list[Part]) -> None:
        """Bring places, bars and episodes of the symbols that follow a log up to date."""
        judge = self._judge
        told: I64 = np.full(len(judge.symbols.names), -1, np.int64)
        for at, part in enumerate(parts):
            own = (part.numbers >= 0) & (self._leads[part.numbers] == nth)
            numbers, record = part.numbers[own], part.record
            judge.symbols.place_at(numbers, record.last_record[own], record.trades_seen[own])
            if judge.bars is not None:
                if record.bars is None:  # a run without bars: those of before it are forgotten
                    judge.bars.clear(numbers)
                else:
                    judge.bars.put(record.bars.of(np.where(own, part.numbers, -1)))
            for one, blob in record.episodes.items():
                if own[one]:
                    judge.episodes.take_up(int(part.numbers[one]), blob)
                    told[part.numbers[one]] = at
        rows = []
        for at, part in enumerate(parts):
            numbers = part.numbers[part.record.trades.symbol[part.rows]]
            wanted = (self._leads[numbers] == nth) & (told[numbers] < at)
            wanted &= part.record.dropped_by[part.rows] == KEPT_BY_ALL
            rows.append(part.rows[wanted])
        judge.episodes.pass_over(_trades_of(parts, rows))


def _trades_of(parts: list[Part], rows: list[I64]) -> TradeColumns:
    """Return trades of records one after the other, with the judge's own numbers of symbols."""
    found = []
    for part, some in zip(parts, rows, strict=True):
        trades = taken(part.record.trades, some)
        found.append(replace(trades, symbol=part.numbers[trades.symbol].astype(np.int32)))
    return joined_columns(found)
