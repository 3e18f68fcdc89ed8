"""Finding the trades that labels name in the days they are about, and the events they make."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.desk.day import Day, rows_by_symbol
from tape.desk.evaluate.label_cells import is_price
from tape.desk.evaluate.labels import UNKNOWN, Label, Row, named, read_rows
from tape.errors import ArchiveError
from tape.market.new_york import DAY_S, I64, calendar_days
from tape.model.columns import TradeColumns
from tape.model.fields import NANOS
from tape.model.rules import Family

Bools = npt.NDArray[np.bool_]

NEXT_TRADES: Final = 60
NEXT_NS: Final = 2 * NANOS
"""Labels of a symbol and a kind no farther apart, by either, are one event."""
QUOTE: Final = ("bid", "ask", "bid_px_00", "ask_px_00")
"""Columns of a quote, the latter two as DataBento names them."""
NAMED: Final = 3
"""Days that a sentence names."""


@dataclass(frozen=True, slots=True)
class Event:
    """An anomaly in a day: the rows of its trades there, rising."""

    kind: str
    rows: I64
    family: Family = UNKNOWN


def match(
    labels: Sequence[Label], days: Sequence[Day], notes: list[str] | None = None
) -> list[list[Event]]:
    """Return the events of each day, in order of their first trade.

    A label belongs to the first day that holds its trades. A span's trades are all of the symbol
    from the first to the last one, of any publisher. Labels of a symbol and a kind at most 60
    trades or 2 s apart are one event, whose trades are the labelled ones.

    Args:
        labels: lines of label files.
        days: the days that they are about.
        notes: takes sentences about what a reader should know.

    Raises:
        ArchiveError: a label's trades are in none of the days; it names the line.
    """
    tapes = [_Tape(day) for day in days]
    found: list[dict[tuple[int, str, Family], list[I64]]] = [{} for _ in days]
    lost: list[Label] = []
    several = several_trades = 0
    for label in labels:
        for tape, own in zip(tapes, found, strict=True):
            rows = tape.rows(label)
            if rows is not None:
                key = (tape.number(label), label.kind, label.family)
                own.setdefault(key, []).append(rows)
                if not label.is_span and len(rows) > 1:
                    several, several_trades = several + 1, several_trades + len(rows)
                break
        else:
            lost.append(label)
    if lost:
        raise _mismatch(lost, len(labels), days)
    if several and notes is not None:
        notes.append(
            f"{several:,} of {len(labels):,} labels name a time at which their symbol has several "
            f"trades: all {several_trades:,} count as labelled; a column `sequence` tells them "
            "apart"
        )
    return [
        sorted(_events(tape, own), key=lambda one: int(one.rows[0]))
        for tape, own in zip(tapes, found, strict=True)
    ]


def _events(tape: "_Tape", found: dict[tuple[int, str, Family], list[I64]]) -> Iterator[Event]:
    for (number, kind, family), parts in found.items():
        rows = np.unique(np.concatenate(parts))
        own = tape.own_rows(number)
        places, times_ns = np.searchsorted(own, rows), tape.times_ns(rows)
        apart = (np.diff(places) > NEXT_TRADES) & (np.abs(np.diff(times_ns)) > NEXT_NS)
        for part in np.split(rows, np.flatnonzero(apart) + 1):
            yield Event(kind, part, family)


def judged_rows(paths: Sequence[Path], days: Sequence[Day], notes: list[str]) -> list[Bools]:
    """Return for each day which of its trades the files name: only these are judged.

    The files have the columns of a label file. Of a line with a bid and an ask that are both empty
    or zero, the trade had no quote and is not judged. Raises `ArchiveError` if no trade is left.
    """
    tapes = [_Tape(day) for day in days]
    judged = [np.zeros(len(day.trades), np.bool_) for day in days]
    lost = lines = 0
    for path in paths:
        for label in filter(None, read_rows(path, _quoted, "judged trade file", "--judged")):
            lines += 1
            places = (tape.rows(label) for tape in tapes)
            nth, rows = next(
                ((n, one) for n, one in enumerate(places) if one is not None), (0, None)
            )
            if rows is None:
                lost += 1
            else:
                judged[nth][rows] = True
    for day, own in zip(days, judged, strict=True):
        if not own.any():
            raise ArchiveError(
                f"--judged names no trade of {day.name}, so nothing of it would be judged",
                "give the file that belongs to the day",
            )
    if lost:
        notes.append(f"--judged: {lost:,} of {lines:,} lines name no trade of these days")
    return judged


def _quoted(row: Row, source: str) -> Label | None:
    """Return the trade that a line names, None if it says that there was no quote."""
    sides = [row[name] for name in QUOTE if name in row]
    return None if sides and not any(map(is_price, sides)) else named(row, source)


def fits(label: Label, trades: TradeColumns, rows: I64) -> Bools:
    """Return which of these rows are what a label says of a trade beyond time and sequence."""
    found = np.ones(len(rows), np.bool_)
    said: tuple[tuple[int | None, npt.NDArray[Any]], ...] = (
        (label.publisher_id, trades.publisher_id),
        (label.price_nanos, trades.price_nanos),
        (label.size, trades.size),
        (label.side, trades.side),
        (label.ordinal, trades.ordinal),
    )
    for value, column in said:
        if value is not None:
            found &= column[rows] == value
    return found


class _Tape:
    """A day's trades by symbol and time."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._numbers = {name: number for number, name in enumerate(day.symbols)}
        self._rows = rows_by_symbol(day)
        self._by_time: dict[int, tuple[I64, I64]] = {}

    def number(self, label: Label) -> int:
        """Return the number of a label's symbol, which trades on this day."""
        return self._numbers[label.symbol]

    def own_rows(self, number: int) -> I64:
        """Return the rows of a symbol's trades."""
        return self._rows[number]

    def times_ns(self, rows: I64) -> I64:
        """Return the times of rows."""
        return self._day.trades.ts_event_ns[rows]

    def rows(self, label: Label) -> I64 | None:
        """Return the rows that a label names, None if they are not here."""
        number = self._numbers.get(label.symbol)
        if number is None:
            return None
        first = self._at(number, label.first_ts_event_ns, label.first_sequence)
        own = self._rows[number]
        first = first[fits(label, self._day.trades, own[first])]
        if not len(first):
            return None
        if not label.is_span:
            return own[first[:1] if label.is_one else first]
        last = self._at(number, label.last_ts_event_ns, label.last_sequence)
        last = last[last >= first[0]]
        if not len(last):
            return None
        # Several trades may share time and sequence (CME): the last of those that follow at once.
        end = last[np.flatnonzero(np.diff(last, append=last[-1] + 2) > 1)[0]]
        return own[first[0] : end + 1]

    def _at(self, number: int, ts_event_ns: int, sequence: int | None) -> I64:
        """Return the places among the symbol's trades that have this time and sequence."""
        rows = self._rows[number]
        if number not in self._by_time:
            times = self._day.trades.ts_event_ns[rows]
            order = np.argsort(times, kind="stable")
            self._by_time[number] = (order, times[order])
        order, times = self._by_time[number]
        low, high = np.searchsorted(times, [ts_event_ns, ts_event_ns + 1])
        places: I64 = np.sort(order[low:high])
        if sequence is None:
            return places
        found: I64 = places[self._day.trades.sequence[rows[places]] == sequence]
        return found


def _mismatch(lost: Sequence[Label], labels: int, days: Sequence[Day]) -> ArchiveError:
    """Return what is wrong with labels that are in none of the days, told of the first one."""
    label = lost[0]
    names = ", ".join(day.name for day in days[:NAMED]) + (" …" if len(days) > NAMED else "")
    remedy = "give the label file that belongs to the day"
    if len(lost) > 1:
        remedy += f"; {len(lost):,} of {labels:,} labels have no trade there"
    if not any(label.symbol in day.symbols for day in days):
        return ArchiveError(f"{label.source}: {names} has no trade of {label.symbol}", remedy)
    dates = sorted({date for day in days for date in _dates(day.trades.ts_event_ns)})
    own = _dates(np.array([label.first_ts_event_ns]))[0]
    if own not in dates:
        listed = ", ".join(dates[:NAMED]) + (" …" if len(dates) > NAMED else "")
        return ArchiveError(
            f"{label.source}: the label is of {own}, and {names} has trades of {listed}", remedy
        )
    which = "times" if label.first_sequence is None else "times and sequences"
    return ArchiveError(
        f"{label.source}: {names} has no trades of {label.symbol} with the {which} of this label",
        remedy,
    )


def _dates(ts_event_ns: I64) -> list[str]:
    """Return the dates of times on New York's calendar, each once."""
    days = np.unique(calendar_days(ts_event_ns)).tolist()
    return [f"{datetime.fromtimestamp(day * DAY_S, UTC):%Y-%m-%d}" for day in days]
