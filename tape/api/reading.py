"""Trades that are read when they are needed: of files, folders or a frame."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tape.api.arguments import names_of, place_of, text_of
from tape.api.books import BookedReplay, KeptOutcome
from tape.api.frames import Columns, frame_archive, given_of, is_frame, unreadable
from tape.api.settings import Setup
from tape.archives import Archive, Skipped, find_archives, read_tape_columns
from tape.codec.row_fields import SYMBOL, TS_EVENT
from tape.errors import SettingsError
from tape.judging.judge import Judge
from tape.judging.replay import END_NS, Part, time_ns
from tape.judging.store import Store
from tape.market.new_york import calendar_days
from tape.model.counts import Counts
from tape.model.fields import TIME_MAX_NS
from tape.settings.symbol_lists import check_symbol, split_symbols

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    Frame: TypeAlias = pd.DataFrame | pl.DataFrame | pl.LazyFrame | pa.Table | pa.RecordBatch
    OnePath: TypeAlias = str | os.PathLike[str]
    Source: TypeAlias = OnePath | Iterable[OnePath] | Frame | Mapping[str, Sequence[Any]]
    Symbols: TypeAlias = str | Iterable[str]
    Time: TypeAlias = str | date | datetime

EPOCH: Final = date(1970, 1, 1)
"""Days are counted from here, as times are."""


@dataclass(frozen=True, slots=True)
class _Counted:
    trades: int
    symbols: list[str]
    days: list[date]


class Trades:
    """Trades of files or of a frame, made by `read`: nothing of a file is read until it is needed.

    `len`, `symbols` and `days` read all of it once, and keep the answer.
    """

    def __init__(
        self,
        archives: list[Archive],
        part: Part,
        *,
        skipped: list[Skipped] | None = None,
        is_frame: bool = False,
    ) -> None:
        self.archives, self.part, self.is_frame = archives, part, is_frame
        self.skipped = skipped or []
        self._counted: _Counted | None = None

    def __len__(self) -> int:
        """Return how many trades there are, with the rows that are wrong."""
        return self._count().trades

    @property
    def symbols(self) -> list[str]:
        """Return the symbols that have trades, in alphabetical order."""
        return list(self._count().symbols)

    @property
    def days(self) -> list[date]:
        """Return the days that have trades, by New York's calendar."""
        return list(self._count().days)

    @property
    def files(self) -> list[Path]:
        """Return the files; of a frame there are none."""
        return [] if self.is_frame else [archive.path for archive in self.archives]

    def __repr__(self) -> str:
        count = len(self.archives)
        what = "a frame" if self.is_frame else f"{count:,} file{'s' if count != 1 else ''}"
        found = self._counted
        if found is None:
            return f"<Trades of {what}>"
        listed = ", ".join(found.symbols[:5]) + ("…" if len(found.symbols) > 5 else "")
        days = f"{len(found.days)} day{'s' if len(found.days) != 1 else ''}"
        return f"<Trades of {what}: {found.trades:,} trades of {listed or 'no symbol'} on {days}>"

    def run(self, judge: Judge, kept: Store | None = None) -> BookedReplay:
        """Return these trades' way through a judge."""
        frame = str(self.archives[0].path) if self.is_frame else ""
        return BookedReplay(
            self.archives, judge, self.part, frame=frame, skipped=self.skipped, kept=kept
        )

    def _count(self) -> _Counted:
        if self._counted is not None:
            return self._counted
        part, trades = self.part, 0
        names: list[bytes] = []
        symbols: set[int] = set()
        days: set[int] = set()
        outcome = KeptOutcome(str(self.archives[0].path) if self.is_frame else "")
        for batch in read_tape_columns(self.archives, latest_ns=TIME_MAX_NS, symbols=part.symbols):
            times = batch.values[:, TS_EVENT]
            wanted = (times >= part.from_ns) & (times < part.to_ns)
            trades += int(wanted.sum()) + sum(row.row > 0 for row in batch.rejected)
            names = batch.names
            symbols.update(np.unique(batch.values[wanted, SYMBOL]).tolist())
            days.update(np.unique(calendar_days(times[wanted])).tolist())
            outcome.note(batch.rejected, damaged=batch.damaged)
            if self.is_frame and outcome.whole:
                fault = outcome.whole[0].rejected
                raise unreadable(fault.reason, fault.detail)
        self._counted = _Counted(
            trades,
            sorted(names[number].decode() for number in symbols),
            [EPOCH + timedelta(days=day) for day in sorted(days)],
        )
        return self._counted


def read(
    source: "Source",
    *,
    symbols: "Symbols" = (),
    start: "Time | None" = None,
    end: "Time | None" = None,
    columns: Columns | None = None,
    time_zone: str | None = None,
) -> Trades:
    """Return the trades of files or of a frame, to be judged by `detect`, `score` or `bars`.

    Args:
        source: a path or several, of files or folders in any form that docs/files.md names; or a
            frame of pandas, polars or Arrow, or a dict of its columns.
        symbols: only these; of text they are comma-separated.
        start: only trades from this day or time on; UTC where no zone is given. What lies before
            is judged all the same, because the verdicts depend on it.
        end: only trades before this time; a day is included.
        columns: what the columns mean, if they have other names than DataBento's: the column of
            each field, as `{"price": "Px"}`; or tables as in a columns file, as
            `{"columns": {"price": "Px"}, "price": {"unit": "cents"}}`; or the path of one.
        time_zone: zone of times without one, such as "America/New_York".

    Raises:
        ArchiveError: there is no such file, or the frame lacks what is needed.
        SettingsError: a symbol, time, column or zone cannot be.

    >>> from tape.testing import a_day
    >>> day = a_day(1_000, ["AMD", "NVDA"])
    >>> frame = {
    ...     "ts_event": [trade.ts_event_ns for trade in day],
    ...     "symbol": [trade.symbol for trade in day],
    ...     "price": [trade.price_nanos / 1e9 for trade in day],
    ...     "size": [trade.size for trade in day],
    ... }
    >>> trades = read(frame)
    >>> len(trades), trades.symbols, trades.days
    (1000, ['AMD', 'NVDA'], [datetime.date(2025, 5, 5)])
    """
    part = _part(symbols, start, end)
    given = given_of(columns, time_zone)
    if is_frame(source):
        trades = Trades([], part, is_frame=True)
        trades.archives = [frame_archive(source, given, trades)]
        return trades
    discovered = find_archives(_paths(source))
    archives = [replace(archive, given=given) for archive in discovered.archives]
    return Trades(archives, part, skipped=discovered.skipped)


def trades_of(source: Any, columns: Columns | None, time_zone: str | None) -> Trades:
    """Return trades as they are, or those of a source; what is said is of a source only."""
    if not isinstance(source, Trades):
        return read(source, columns=columns, time_zone=time_zone)
    if columns is not None or time_zone is not None:
        raise SettingsError(
            "these trades are read already, so columns and time_zone come too late",
            "give them to tape.read",
        )
    return source


def judge_of(setup: Setup, *, tells_each: bool = False) -> Judge:
    """Return a new judge."""
    return Judge(setup.parameters, setup.max_symbols, Counts(), tells_each=tells_each)


def part_of(symbols: "Symbols") -> Part:
    """Return the part of all times that is of some symbols."""
    return _part(symbols, None, None)


def _part(symbols: "Symbols", start: "Time | None", end: "Time | None") -> Part:
    if isinstance(symbols, str):
        names = split_symbols(symbols, "symbols")
    else:
        names = names_of(symbols, "symbols")
    for name in names:
        check_symbol(name, "symbols")
    from_ns = 0 if start is None else time_ns(_text(start, "start"), option="start")
    to_ns = END_NS if end is None else time_ns(_text(end, "end"), option="end", day_ends=True)
    if from_ns >= to_ns:
        raise SettingsError(f"start {start} is not before end {end}", "swap them")
    return Part(frozenset(names), from_ns, to_ns)


def _text(time: "Time", name: str) -> str:
    if isinstance(time, date):  # a datetime, also of pandas, is one
        return time.isoformat()
    return str(time) if isinstance(time, np.datetime64) else text_of(time, name, '"2025-05-05"')


def _paths(source: Any) -> list[Path]:
    if isinstance(source, str | os.PathLike):
        return [Path(place_of(source)).expanduser()]
    try:
        several = list(source)
        if any(map(is_frame, several)):
            raise SettingsError(
                "these are several frames", "make one of them, as pandas.concat(frames) does"
            )
        paths = [Path(place_of(one)).expanduser() for one in several]
    except TypeError:
        raise SettingsError(
            f"{type(source).__name__} is neither a path nor a frame",
            "give a file, a folder, several of them, or a frame of pandas, polars or Arrow",
        ) from None
    if not paths:
        raise SettingsError("there is no path", "name a file or a folder of trades")
    return paths
