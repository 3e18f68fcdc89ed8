"""Reads files once and counts what is in them."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tape.archives import Archive, ColumnBatch, Skipped, find_archives, read_columns
from tape.archives.containers import is_there
from tape.archives.discovery import SIDECARS
from tape.archives.file_names import ENCODINGS, encoding_of
from tape.archives.file_order import FileOrder
from tape.archives.outcome import whole_file
from tape.archives.sidecars import listed_hashes
from tape.desk.inspect.encoding import About, about
from tape.desk.inspect.order import in_order
from tape.desk.inspect.report import (
    Auction,
    Faulty,
    FileReport,
    Inspection,
    SkippedReport,
    SymbolReport,
    add_symbols,
    auctions_of,
    days_of,
    fill_file,
)
from tape.desk.inspect.tally import FileTally
from tape.errors import ArchiveError
from tape.market.calendar import Sessions, day_of, exchange_calendar
from tape.model.fields import TIME_MAX_NS


@dataclass(slots=True)
class Inspecting:
    """Inspects files one by one; memory grows with symbols, days and files, not with rows."""

    calendar: str
    archives: list[Archive] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    rows: int = 0
    _symbols: dict[str, SymbolReport] = field(default_factory=dict)
    _auctions: dict[tuple[str, str, str], Auction] = field(default_factory=dict)
    _days: Counter[int] = field(default_factory=Counter)
    _sessions: set[int] = field(default_factory=set)

    def find(self, paths: Sequence[Path], others: Sequence[Path] = ()) -> None:
        """Find the files under `paths`, each content once; raises `ArchiveError` if none.

        `others` are no trades, wherever they lie.
        """
        found = find_archives(paths, others=others)
        self.archives, self.skipped = found.archives, found.skipped

    def run(self, advance: Callable[[int], None]) -> Inspection:
        """Inspect all files; `advance` gets the rows so far.

        Raises `SettingsError` for a calendar that there is not.
        """
        calendar = exchange_calendar(self.calendar)
        sessions = Sessions(calendar)
        start_s = time.perf_counter()
        found = [self._inspect(one, sessions, advance) for one in self.archives]
        files = in_order(found)
        elapsed_s = time.perf_counter() - start_s
        return Inspection(
            files=files,
            symbols=sorted(self._symbols.values(), key=lambda one: (-one.trades, one.symbol)),
            auctions=[self._auctions[key] for key in sorted(self._auctions)],
            days={day_of(day).isoformat(): self._days[day] for day in sorted(self._days)},
            calendar=None if calendar is None else self.calendar,
            missing_days=sessions.missing(list(self._sessions)) if sessions.known else None,
            not_here=self._not_here(),
            skipped=[
                SkippedReport(str(one.path), one.reason, one.remedy, one.may_hold_trades)
                for one in self.skipped
            ],
            rows=self.rows,
            trades=sum(one.trades for one in files),
            elapsed_s=round(elapsed_s, 3),
            rows_per_s=round(self.rows / max(elapsed_s, 1e-9)),
        )

    def _inspect(
        self,
        archive: Archive,
        sessions: Sessions,
        advance: Callable[[int], None],
    ) -> tuple[FileReport, FileOrder, str]:
        order = FileOrder()
        tally, before = FileTally(sessions), self.rows
        report = FileReport(
            path=str(archive.path),
            about=About("unreadable", "none"),
            bytes=archive.size,
            manifest=_manifest(archive),
        )
        try:
            report.about = about(archive)
            for batch in read_columns(archive, latest_ns=TIME_MAX_NS):
                tally.add(batch)
                order.add(batch.values)
                _note(report, batch)
                self.rows = before + batch.rows
                advance(self.rows)
        except ArchiveError as error:  # the others can be read
            report.damaged = str(error)
        report.rows = self.rows - before
        fill_file(report, tally)
        order.end()
        add_symbols(self._symbols, tally)
        self._days.update(days_of(tally))
        self._sessions |= days_of(tally, in_session=True).keys()
        for auction in auctions_of(tally):
            key = (auction.day, auction.symbol, auction.bell)
            if key not in self._auctions or self._auctions[key].size < auction.size:
                self._auctions[key] = auction
        return report, order, archive.sha256

    def _not_here(self) -> list[str]:
        """Return which files of trades the manifests list, and their folders do not have."""
        listed = {
            archive.path.parent / name
            for archive in self.archives
            for name in listed_hashes(archive.path.parent)
            if name not in SIDECARS and encoding_of(Path(name)) in ENCODINGS
        }
        return sorted(str(path) for path in listed if not is_there(path))


def _manifest(archive: Archive) -> str:
    listed = listed_hashes(archive.path.parent)
    if not listed:
        return "none"
    expected = listed.get(archive.path.name)
    if expected is None:
        return "not listed"
    return "matches" if expected == f"sha256:{archive.sha256}" else "differs"


def _note(report: FileReport, batch: ColumnBatch) -> None:
    report.trades += len(batch.values)
    report.rows_skipped += batch.skipped
    for field_name, count in batch.undefined.items():
        report.undefined[field_name] = report.undefined.get(field_name, 0) + count
    for row in batch.rejected:
        fault = row.rejected
        if batch.damaged:
            report.damaged = whole_file(row.source, fault.reason, fault.detail, row.path)
        known = report.rejected.setdefault(fault.reason, Faulty(0, row.source, fault.detail))
        known.count += 1
