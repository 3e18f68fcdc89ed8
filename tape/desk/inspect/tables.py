"""An inspection as tables and sentences for a terminal."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from tape.desk.inspect.report import Auction, FileReport, Inspection, SymbolReport
from tape.market.calendar import INSTALL
from tape.process.terminal_text import cell, printable

MOST: Final = 20
"""Rows of a table that are shown; `--json` has all."""


def tables(found: Inspection) -> Iterator[Table]:
    """Yield what was found as tables, without those that are empty."""
    yield _files(found.files)
    if found.symbols:
        yield _symbols(found.symbols)
        yield _order(found.symbols)
    if found.auctions:
        yield _auctions(found.auctions)
    if any(one.rejected for one in found.files):
        yield _rejected(found.files)


def sentences(found: Inspection) -> Iterator[str]:
    """Yield what a table would say badly."""
    days = list(found.days)
    kinds = _kinds(found.files)
    counts = Counter(one.about.words for one in found.files)
    for words, number in kinds.items():
        name = f"kind {number}: " if len(kinds) > 1 else ""
        yield f"{name}{counts[words]:,} × {words}"
    if days:
        counted = f"{len(days):,} days with trades, {days[0]} to {days[-1]}"
        yield counted if len(days) > 1 else f"trades of one day, {days[0]}"
    if found.missing_days is None:
        yield f"whether days are missing is not known: {INSTALL} brings exchange calendars"
    elif found.missing_days:
        named = ", ".join(found.missing_days[:MOST])
        more = len(found.missing_days) - MOST
        rest = f" and {more:,} more" if more > 0 else ""
        count = len(found.missing_days)
        what = "1 session has" if count == 1 else f"{count:,} sessions have"
        yield f"{what} no trade between them, by the calendar of {found.calendar}: {named}{rest}"
    elif len(days) > 1:
        yield f"no session is missing between them, by the calendar of {found.calendar}"
    if found.not_here:
        first = Path(found.not_here[0]).name
        yield f"{len(found.not_here):,} files of the manifests are not here, the first is {first}"
    for one in found.files:
        if one.overlaps:
            yield _overlapping(one)
            break
    for one in found.files:
        name = Path(one.path).name
        if one.out_of_order:
            yield (
                f"{name}: {one.out_of_order:,} trades are out of order in it, by up to "
                f"{one.out_of_order_most_s:,.6f} s; it keeps its own order"
            )
        if one.rows_skipped:
            yield f"{name}: {one.rows_skipped:,} rows are not trades"
        if one.undefined:
            fields = ", ".join(f"{field} {count:,}" for field, count in one.undefined.items())
            yield f"{name}: rows without a value: {fields}"


def _overlapping(first: FileReport) -> str:
    others = [Path(path).name for path in first.overlaps_with]
    more = first.overlaps - 1
    rest = f" and {more:,} more" if more > 0 else ""
    return f"files overlap in time and are merged: {Path(first.path).name} with {others[0]}{rest}"


def _table(title: str, left: tuple[str, ...], right: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _files(files: list[FileReport]) -> Table:
    """Return one row per file; what no file has gets no column."""
    more: dict[str, list[str]] = {}
    kinds = _kinds(files)
    if len(kinds) > 1:  # in words, below, they would take the room of the names
        more["kind"] = [str(kinds[one.about.words]) for one in files]
    if any(one.symbols > 1 for one in files):
        more["symbols"] = [f"{one.symbols:,}" for one in files]
    if any(one.rejected for one in files):
        more["rejected"] = [f"{sum(f.count for f in one.rejected.values()):,}" for one in files]
    if any(one.overlaps for one in files):
        more["overlaps"] = [f"{one.overlaps:,}" for one in files]
    if any(one.out_of_order for one in files):
        more["out of order"] = [f"{one.out_of_order:,}" for one in files]
    if any(one.manifest != "none" for one in files):
        more["manifest"] = [one.manifest for one in files]
    right = ("trades", "peak in 1 s", *more)
    table = _table("Files", ("file", "first (UTC)", "last"), right)
    for nth, one in enumerate(files[:MOST]):
        table.add_row(
            cell(Path(one.path).name),
            (one.first or "-")[:16].replace("T", " "),
            _short(one.last, one.first),
            f"{one.trades:,}",
            f"{one.peak_per_s:,}",
            *(cells[nth] for cells in more.values()),
        )
    return _shortened(table, len(files), 5 + len(more))


def _kinds(files: list[FileReport]) -> dict[str, int]:
    """Return a number for each of what files are in words, in their order."""
    return {words: n for n, words in enumerate(dict.fromkeys(one.about.words for one in files), 1)}


def _short(last: str | None, first: str | None) -> str:
    """Return a time, without its day if that is the first one's."""
    if last is None or first is None:
        return "-"
    return last[11:16] if last[:10] == first[:10] else last[:16].replace("T", " ")


def _usd(price: float) -> str:
    """Return a price with the digits that it has, two at least.

    >>> _usd(1234.5), _usd(0.0000005)
    ('1,234.50', '0.0000005')
    """
    whole, _, fraction = f"{price:,.9f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def _symbols(symbols: list[SymbolReport]) -> Table:
    table = _table("Symbols", ("symbol",), ("trades", "shares", "prices", "sizes"))
    for one in symbols[:MOST]:
        table.add_row(
            Text(printable(one.symbol)),
            f"{one.trades:,}",
            f"{one.shares:,}",
            f"{_usd(one.low_usd)} – {_usd(one.high_usd)}",
            f"{one.smallest:,} – {one.largest:,}",
        )
    return _shortened(table, len(symbols), 5)


def _order(symbols: list[SymbolReport]) -> Table:
    right = ("out of order", "longest pause", "out of sequence", "repeated", "gaps")
    table = _table("Order", ("symbol",), right)
    for one in symbols[:MOST]:
        back = f"{one.time_backward:,}"
        if one.time_backward:
            back += f" by up to {one.time_backward_most_s:,.6f} s"
        table.add_row(
            Text(printable(one.symbol)),
            back,
            f"{one.pause_s:,.3f} s",
            f"{one.sequence_backward:,}",
            f"{one.sequence_repeats:,}",
            f"{one.sequence_gaps:,}",
        )
    return _shortened(table, len(symbols), 6)


def _auctions(auctions: list[Auction]) -> Table:
    table = _table("Auctions", ("day", "symbol", "bell", "time (UTC)"), ("price", "shares"))
    for one in auctions[:MOST]:
        table.add_row(
            one.day,
            Text(printable(one.symbol)),
            one.bell,
            one.ts_event[11:23],
            _usd(one.price_usd),
            f"{one.size:,}",
        )
    return _shortened(table, len(auctions), 6)


def _rejected(files: list[FileReport]) -> Table:
    table = _table("Rejected", ("first", "reason", "detail"), ("rows",))
    rows = [(reason, fault) for one in files for reason, fault in one.rejected.items()]
    for reason, fault in rows[:MOST]:
        table.add_row(cell(fault.first), reason, cell(fault.detail), f"{fault.count:,}")
    return _shortened(table, len(rows), 4)


def _shortened(table: Table, rows: int, columns: int) -> Table:
    if rows > MOST:
        table.add_row(f"… {rows - MOST:,} more", *[""] * (columns - 1))
    return table
