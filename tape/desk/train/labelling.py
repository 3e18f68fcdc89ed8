"""Labels on a tape that passes by: each trade once, and never all of a day in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from tape.codec.array_types import I32, I64, Bools
from tape.desk.evaluate.labels import Label
from tape.errors import ArchiveError
from tape.model.columns import TradeColumns

NONE: Final = -1
"""Kind and event of a trade without a label."""
NEXT_TRADES: Final = 60
NEXT_NS: Final = 2_000_000_000
"""Labels of a symbol and a kind no farther apart, by either, are one event."""
WAITING: Final = 0
OPEN: Final = 1
ENDING: Final = 2
"""A span whose last trade was the batch's last: the next one may have the same place."""
DONE: Final = 3
"""What a label's span may be: to come, begun, at its last trade, over."""


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
    """A label, and how much of it has passed."""

    label: Label
    kind: int
    state: int = WAITING


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
        self._of: dict[str, list[_Wanted]] = {}
        for label in labels:
            own = _Wanted(label, self.kinds.index(label.kind))
            self._of.setdefault(label.symbol, []).append(own)
        self._times = {
            symbol: np.unique(
                [t for o in own for t in (o.label.first_ts_event_ns, o.label.last_ts_event_ns)]
            )
            for symbol, own in self._of.items()
        }
        self._passed: dict[str, int] = {}
        self._last: dict[tuple[str, int], _Last] = {}

    def of(self, trades: TradeColumns, names: Sequence[str]) -> Labelled:
        """Return what the labels say of the next trades; `names` has the symbols by number."""
        found = Labelled(np.full(len(trades), NONE, np.int32), np.full(len(trades), NONE, np.int32))
        for number in np.unique(trades.symbol).tolist():
            name = names[number]
            if name in self._of:
                rows = np.flatnonzero(trades.symbol == number)
                self._label(name, trades, rows, found)
                self._passed[name] = self._passed.get(name, 0) + len(rows)
        return found

    def _label(self, name: str, trades: TradeColumns, rows: I64, found: Labelled) -> None:
        here = set(np.intersect1d(self._times[name], trades.ts_event_ns[rows]).tolist())
        for one in self._of[name]:
            is_due = one.state in (OPEN, ENDING) or (
                one.state == WAITING and one.label.first_ts_event_ns in here
            )
            places = _places(one, trades, rows) if is_due else []
            new = [place for place in places if found.kind[rows[place]] == NONE]
            found.kind[rows[new]] = one.kind
        self._number_events(name, trades, rows, found)

    def _number_events(self, name: str, trades: TradeColumns, rows: I64, found: Labelled) -> None:
        before = self._passed.get(name, 0)
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
            one.label for own in self._of.values() for one in own if one.state in (WAITING, OPEN)
        ]
        if not lost:
            return
        first = next(label for label in self._labels if label in lost)
        remedy = "give the label file that belongs to these files"
        if len(lost) > 1:
            remedy += f"; {len(lost):,} of {len(self._labels):,} labels have no trade there"
        if first.symbol not in self._passed:
            raise ArchiveError(
                f"{first.source}: these files have no trade of {first.symbol}", remedy
            )
        raise ArchiveError(
            f"{first.source}: these files have no trades of {first.symbol} with the times, "
            "sequences and publishers of this label",
            remedy,
        )


def _places(one: _Wanted, trades: TradeColumns, rows: I64) -> list[int]:
    """Return which of a symbol's trades in a batch belong to a label, and note how far it is."""
    label = one.label
    is_span = getattr(label, "is_span", True)
    start = 0
    if one.state == WAITING:
        first = np.flatnonzero(_is_first(label, trades, rows))
        if not len(first):
            return []
        if not is_span:
            one.state = DONE  # all that share this time come together, or in the next batch
            return [int(place) for place in first]
        start, one.state = int(first[0]), OPEN
    is_last = _matches(trades, rows, label.last_ts_event_ns, label.last_sequence)
    end = start
    if one.state == OPEN:
        last = start + np.flatnonzero(is_last[start:])
        if not len(last):
            return list(range(start, len(rows)))
        end = int(last[0])
    while end < len(rows) and is_last[end]:
        end += 1
    one.state = ENDING if end == len(rows) else DONE
    return list(range(start, end))


def _matches(trades: TradeColumns, rows: I64, ts_event_ns: int, sequence: int | None) -> Bools:
    found: Bools = trades.ts_event_ns[rows] == ts_event_ns
    return found if sequence is None else found & (trades.sequence[rows] == sequence)


def _is_first(label: Label, trades: TradeColumns, rows: I64) -> Bools:
    found = _matches(trades, rows, label.first_ts_event_ns, label.first_sequence)
    values: tuple[tuple[Any, Any], ...] = (
        (label.publisher_id, trades.publisher_id),
        (getattr(label, "price_nanos", None), trades.price_nanos),
        (getattr(label, "size", None), trades.size),
    )
    for value, column in values:
        if value is not None:
            found &= column[rows] == value
    return found
