"""Label files, and finding their trades in the days they are about."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tape.desk.day import Day, rows_by_symbol
from tape.errors import ArchiveError
from tape.market.new_york import I64
from tape.model.fields import (
    NO_SEQUENCE,
    SYMBOL_WORDS,
    U16_MAX,
    U32_MAX,
    Unreadable,
    integer,
    is_symbol,
    time_ns,
)
from tape.process.regular_file import LARGE, read_file
from tape.process.sheet_text import from_sheet_cell
from tape.synthetic import KINDS
from tape.synthetic.files import LABEL_COLUMNS

OPTIONAL: Final = ("magnitude",)


@dataclass(frozen=True, slots=True)
class Label:
    """A line of a label file: an anomaly of a symbol from its first to its last trade.

    `source` is the file and the line, for the sentence that an operator reads.
    """

    symbol: str
    publisher_id: int
    first_ts_event_ns: int
    first_sequence: int
    last_ts_event_ns: int
    last_sequence: int
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class Event:
    """An anomaly in a day: the rows of its trades there, rising."""

    kind: str
    rows: I64


def read_labels(path: Path) -> list[Label]:
    """Return the lines of a label file as `tape inject` writes it.

    Raises `ArchiveError` that names the file and the line at fault.
    """
    try:
        text = io.StringIO(read_file(path, LARGE).decode("utf-8-sig"), newline="")
        reader = csv.DictReader(text, strict=True)
        missing = [n for n in LABEL_COLUMNS if n not in (reader.fieldnames or ())]
        missing = [name for name in missing if name not in OPTIONAL]
        if missing:
            raise ArchiveError(
                f"{path}, line 1: a label file has the columns {','.join(LABEL_COLUMNS)}",
                f"{missing[0]} is missing",
            )
        labels = [_label(row, f"{path}, line {reader.line_num}") for row in reader]
    except OSError as error:
        raise ArchiveError(
            f"cannot read the labels {path} ({error.strerror})", "correct --labels"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ArchiveError(
            f"{path} is not a label file in CSV: {error}", "correct that line"
        ) from None
    if not labels:
        raise ArchiveError(f"{path} holds no label, so there is nothing to be found", "add one")
    return labels


def _label(row: dict[str, str | None], source: str) -> Label:
    fields = {name: (row.get(name) or "").strip() for name in LABEL_COLUMNS}
    fields["symbol"] = from_sheet_cell(fields["symbol"])
    if not is_symbol(fields["symbol"]):
        raise ArchiveError(
            f"{source}: {fields['symbol']!r} is not a symbol", f"write {SYMBOL_WORDS}"
        )
    if fields["kind"] not in KINDS:
        raise ArchiveError(
            f"{source}: {fields['kind']!r} is not a kind of anomaly",
            f"choose from {', '.join(KINDS)}",
        )
    try:
        return Label(
            symbol=fields["symbol"],
            publisher_id=integer(fields["publisher_id"].encode(), "publisher_id", U16_MAX),
            first_ts_event_ns=_time_ns(fields["first_ts_event"], "first_ts_event"),
            first_sequence=_sequence(fields["first_sequence"], "first_sequence"),
            last_ts_event_ns=_time_ns(fields["last_ts_event"], "last_ts_event"),
            last_sequence=_sequence(fields["last_sequence"], "last_sequence"),
            kind=fields["kind"],
            source=source,
        )
    except Unreadable as error:
        raise ArchiveError(f"{source}: {error.rejected.detail}", "correct that line") from None


def _time_ns(text: str, name: str) -> int:
    """Return a time as it stands in either form of DataBento's files."""
    whole = text.isascii() and text.isdigit() and len(text) < 20
    return int(text) if whole else time_ns(text, name)


def _sequence(text: str, name: str) -> int:
    return integer(text.encode(), name, U32_MAX) if text else NO_SEQUENCE


def match(labels: Sequence[Label], days: Sequence[Day]) -> list[list[Event]]:
    """Return the events of each day; a label belongs to the first day that holds its trades.

    All the symbol's trades from the first to the last one are the event's, of any publisher.
    Raises `ArchiveError` naming the line of a label whose trades are in none of the days.
    """
    tapes = [_Tape(day) for day in days]
    events: list[list[Event]] = [[] for _ in days]
    for label in labels:
        for tape, found in zip(tapes, events, strict=True):
            rows = tape.rows(label)
            if rows is not None:
                found.append(Event(label.kind, rows))
                break
        else:
            raise _mismatch(label, days)
    return events


class _Tape:
    """A day's trades by symbol and time."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._numbers = {name: number for number, name in enumerate(day.symbols)}
        self._rows = rows_by_symbol(day)
        self._by_time: dict[int, tuple[I64, I64]] = {}

    def rows(self, label: Label) -> I64 | None:
        """Return the rows from the label's first to its last trade, None if they are not here."""
        number = self._numbers.get(label.symbol)
        if number is None:
            return None
        first = self._at(number, label.first_ts_event_ns, label.first_sequence)
        publisher = self._day.trades.publisher_id[self._rows[number][first]]
        first = first[publisher == label.publisher_id]
        last = self._at(number, label.last_ts_event_ns, label.last_sequence)
        if not len(first) or not (last >= first[0]).any():
            return None
        last = last[last >= first[0]]
        # Several trades may share time and sequence (CME): the last of those that follow at once.
        end = last[np.flatnonzero(np.diff(last, append=last[-1] + 2) > 1)[0]]
        return self._rows[number][first[0] : end + 1]

    def _at(self, number: int, ts_event_ns: int, sequence: int) -> I64:
        """Return the places among the symbol's trades that have this time and sequence."""
        rows = self._rows[number]
        if number not in self._by_time:
            times = self._day.trades.ts_event_ns[rows]
            order = np.argsort(times, kind="stable")
            self._by_time[number] = (order, times[order])
        order, times = self._by_time[number]
        low, high = np.searchsorted(times, [ts_event_ns, ts_event_ns + 1])
        places = np.sort(order[low:high])
        found: I64 = places[self._day.trades.sequence[rows[places]] == sequence]
        return found


def _mismatch(label: Label, days: Sequence[Day]) -> ArchiveError:
    names = ", ".join(day.name for day in days[:3]) + (" …" if len(days) > 3 else "")
    if not any(label.symbol in day.symbols for day in days):
        return ArchiveError(
            f"{label.source}: {names} has no trade of {label.symbol}",
            "give the label file that belongs to the day",
        )
    return ArchiveError(
        f"{label.source}: {names} has no trades of {label.symbol} with the times and sequences of "
        "this label",
        "give the label file that belongs to the day",
    )
