"""Labels on a tape that passes by: each trade once, and never all of a day in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from tape.codec.array_types import I32, I64, Bools
from tape.desk.evaluate.labels import Label
from tape.desk.evaluate.matching import NEXT_NS, NEXT_TRADES, fits
from tape.errors import ArchiveError
from tape.model.columns import TradeColumns

NONE: Final = -1
"""Kind and event of a trade without a label."""
WAITING: Final = 0
OPEN: Final = 1
ENDING: Final = 2
"""A span whose last trade was the batch's last: the next one may have the same place."""
DONE: Final = 3
"""What a label's span may be: to come, begun, at its last trade, over."""
SEEN: Final = 4
"""A time of which a trade has passed: more may come, in a later batch too."""


class Labelled(NamedTuple):
    """What labels say of a batch, an entry per trade; `NONE` where they say nothing.

    Attributes:
        kind: number of the kind in `Labelling.kinds`.
        event: number of the event; several labels may be one.
    """

    kind: I32
    event: I32


@dataclass(slots=True)
class _Wanted:
    """A label with its place among all, and how much of it has passed."""

    label: Label
    nth: int
    kind: int
    state: int = WAITING


class _OfSymbol:
    """The labels of a symbol by the times at which they begin, and those that have begun."""

    def __init__(self) -> None:
        self.passed = 0
        self._by_time: dict[int, list[_Wanted]] = {}
        self._times = np.empty(0, np.int64)
        self._begun: list[_Wanted] = []

    def add(self, one: _Wanted) -> None:
        self._by_time.setdefault(one.label.first_ts_event_ns, []).append(one)

    def all(self) -> Iterator[_Wanted]:
        for some in self._by_time.values():
            yield from some

    def due(self, ts_event_ns: I64) -> list[_Wanted]:
        """Return the labels that trades of these times may belong to, in order of the labels."""
        if len(self._times) != len(self._by_time):
            self._times = np.array(sorted(self._by_time), np.int64)
        here = np.intersect1d(self._times, ts_event_ns).tolist()
        found = [
            one for time in here for one in self._by_time[time] if one.state in (WAITING, SEEN)
        ]
        return sorted([*self._begun, *found], key=lambda one: one.nth)

    def keep_begun(self, due: Sequence[_Wanted]) -> None:
        self._begun = [one for one in due if one.state in (OPEN, ENDING)]


@dataclass(slots=True)
class _Last:
    """The last labelled trade of a symbol and kind, and its event."""

    place: int
    ts_event_ns: int
    event: int


class Labelling:
    """Finds the trades that labels name, as `tape evaluate` does, in a tape of any length.

    A span's trades are all of the symbol from the first to the last one, of any publisher. A trade
    that several labels name has the kind of the first of them.

    Attributes:
        kinds: names of the kinds, in the order of the labels.
        events: how many events there are so far.
    """

    def __init__(self, labels: Sequence[Label]) -> None:
        self.kinds = list(dict.fromkeys(label.kind for label in labels))
        self.events = 0
        self._labels = labels
        self._of: dict[str, _OfSymbol] = {}
        numbers = {kind: number for number, kind in enumerate(self.kinds)}
        for nth, label in enumerate(labels):
            own = self._of.setdefault(label.symbol, _OfSymbol())
            own.add(_Wanted(label, nth, numbers[label.kind]))
        self._last: dict[tuple[str, int], _Last] = {}

    def of(self, trades: TradeColumns, names: Sequence[str]) -> Labelled:
        """Return what the labels say of the next trades; `names` has the symbols by number."""
        found = Labelled(np.full(len(trades), NONE, np.int32), np.full(len(trades), NONE, np.int32))
        for number in np.unique(trades.symbol).tolist():
            own = self._of.get(names[number])
            if own is not None:
                rows = np.flatnonzero(trades.symbol == number)
                _label(own, trades, rows, found)
                self._number_events(names[number], trades, rows, found)
                own.passed += len(rows)
        return found

    def _number_events(self, name: str, trades: TradeColumns, rows: I64, found: Labelled) -> None:
        before = self._of[name].passed
        for place in np.flatnonzero(found.kind[rows] != NONE).tolist():
            row = rows[place]
            ts_event_ns, key = int(trades.ts_event_ns[row]), (name, int(found.kind[row]))
            last = self._last.get(key)
            if last is None or (
                before + place - last.place > NEXT_TRADES
                and abs(ts_event_ns - last.ts_event_ns) > NEXT_NS
            ):
                last = _Last(0, 0, self.events)
                self.events += 1
            self._last[key] = _Last(before + place, ts_event_ns, last.event)
            found.event[row] = last.event

    def check(self) -> None:
        """Raise `ArchiveError` naming a label whose trades have not passed, if there is one."""
        lost = [
            one for own in self._of.values() for one in own.all() if one.state in (WAITING, OPEN)
        ]
        if not lost:
            return
        first = min(lost, key=lambda one: one.nth).label
        remedy = "give the label file that belongs to these files"
        if len(lost) > 1:
            remedy += f"; {len(lost):,} of {len(self._labels):,} labels have no trade there"
        if not self._of[first.symbol].passed:
            raise ArchiveError(
                f"{first.source}: these files have no trade of {first.symbol}", remedy
            )
        raise ArchiveError(
            f"{first.source}: these files have no trades of {first.symbol} with the times, "
            "sequences and publishers of this label",
            remedy,
        )


def _label(own: _OfSymbol, trades: TradeColumns, rows: I64, found: Labelled) -> None:
    """Write the kinds of a symbol's trades in a batch."""
    due = own.due(trades.ts_event_ns[rows])
    for one in due:
        places = _places(one, trades, rows)
        new = [place for place in places if found.kind[rows[place]] == NONE]
        found.kind[rows[new]] = one.kind
    own.keep_begun(due)


def _places(one: _Wanted, trades: TradeColumns, rows: I64) -> Sequence[int]:
    """Return which of a symbol's trades in a batch belong to a label, and note how far it is."""
    label = one.label
    start = 0
    if one.state in (WAITING, SEEN):
        first = np.flatnonzero(_is_first(label, trades, rows)).tolist()
        if not first:
            return []
        if not label.is_span:
            one.state = DONE if label.is_one else SEEN
            return first[:1] if label.is_one else first
        start, one.state = first[0], OPEN
    is_last = _at(trades, rows, label.last_ts_event_ns, label.last_sequence)
    end = start
    if one.state == OPEN:
        last = start + np.flatnonzero(is_last[start:])
        if not len(last):
            return range(start, len(rows))
        end = int(last[0])
    while end < len(rows) and is_last[end]:
        end += 1
    one.state = ENDING if end == len(rows) else DONE
    return range(start, end)


def _at(trades: TradeColumns, rows: I64, ts_event_ns: int, sequence: int | None) -> Bools:
    found: Bools = trades.ts_event_ns[rows] == ts_event_ns
    return found if sequence is None else found & (trades.sequence[rows] == sequence)


def _is_first(label: Label, trades: TradeColumns, rows: I64) -> Bools:
    at = _at(trades, rows, label.first_ts_event_ns, label.first_sequence)
    return at & fits(label, trades, rows)
