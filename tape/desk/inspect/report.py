"""What an inspection found, as values that become JSON or tables."""

from collections.abc import Iterable
from typing import Final

import msgspec

from tape.archives.outcome import Outcome
from tape.desk.inspect.counting_kernel import (
    BACK,
    BACK_FIRST,
    FIRST_DAY,
    FIRST_NS,
    GAPS,
    HIGH,
    LARGEST,
    LAST_NS,
    LEFT_OUT,
    LOW,
    PAUSE_FROM,
    PAUSE_NS,
    REPEATS,
    RESTARTS,
    SHARES,
    SMALLEST,
    TIME_BACK,
    TIME_BACK_FIRST,
    TIME_BACK_MOST,
    TRADES,
    WIDEST,
)
from tape.desk.inspect.encoding import About
from tape.desk.inspect.tally import FileTally
from tape.market.calendar import day_of
from tape.model.fields import NANOS, iso_time

AUCTION_TIMES: Final = 50
"""An auction's print is at least this many times as large as the symbol's mean trade."""


class Faulty(msgspec.Struct):
    """Rows rejected for one reason: how many, and where and what the first was."""

    count: int
    first: str
    detail: str


class FileReport(msgspec.Struct, kw_only=True):
    """What is in one file; times are ISO 8601 UTC.

    Attributes:
        rows: data lines or records.
        rows_skipped: rows that are not trades, as the orders of mbo.
        days: trades by the exchange's day.
        undefined: rejected rows without a value, by field.
        peak_per_s: most trades within a second, which is `peak_at`.
        manifest: matches, differs, not listed, or none (there is no manifest.json).
        damaged: in words, why the file cannot be read to its end.
        overlaps: how many others have trades between its first and its last, by time received;
            with these it is merged. `overlaps_with` names some.
        out_of_order: trades whose time contradicts those around them; they stay in their place
            in the file. The farthest is off by `out_of_order_most_s`.
    """

    path: str
    about: About
    bytes: int
    manifest: str
    rows: int = 0
    trades: int = 0
    rows_skipped: int = 0
    rejected: dict[str, Faulty] = {}
    undefined: dict[str, int] = {}
    symbols: int = 0
    days: dict[str, int] = {}
    first: str | None = None
    last: str | None = None
    peak_per_s: int = 0
    peak_at: str | None = None
    sides: dict[str, int] = {}
    flags: list[int] = []
    damaged: str | None = None
    overlaps: int = 0
    overlaps_with: list[str] = []
    out_of_order: int = 0
    out_of_order_most_s: float = 0.0


class SkippedReport(msgspec.Struct, frozen=True):
    """A file that is not read: why, what to do, and whether trades may be missed by it."""

    path: str
    reason: str
    remedy: str
    may_hold_trades: bool


class Auction(msgspec.Struct, frozen=True):
    """The largest print without a side at a bell."""

    symbol: str
    day: str
    bell: str
    ts_event: str
    price_usd: float
    size: int


class SymbolReport(msgspec.Struct, kw_only=True):
    """What the files hold of one symbol.

    Attributes:
        time_backward: trades behind a later one of the symbol; by `time_backward_most_s` at most.
        pause_s: longest time between two trades of one session, which began at `pause_from`.
        sequence_backward: steps backward per publisher, but for the new start of a day.
        sequence_gaps: steps of more than one; feeds that number the messages of all symbols
            have them everywhere.
        sequence_left_out: numbers in those gaps, `sequence_widest_gap` in one at most.
    """

    symbol: str
    trades: int = 0
    shares: int = 0
    low_usd: float = 0.0
    high_usd: float = 0.0
    smallest: int = 0
    largest: int = 0
    first: str = ""
    last: str = ""
    time_backward: int = 0
    time_backward_most_s: float = 0.0
    time_backward_first: str | None = None
    pause_s: float = 0.0
    pause_from: str | None = None
    sequence_backward: int = 0
    sequence_backward_first: str | None = None
    sequence_repeats: int = 0
    sequence_restarts: int = 0
    sequence_gaps: int = 0
    sequence_left_out: int = 0
    sequence_widest_gap: int = 0


class Inspection(msgspec.Struct, kw_only=True):
    """What is in all files together; `files` are in the order in which they are read as one tape.

    `missing_days` are sessions without a trade between the first and the last that have some;
    None without a calendar.
    """

    files: list[FileReport]
    symbols: list[SymbolReport]
    auctions: list[Auction]
    days: dict[str, int] = {}
    calendar: str | None = None
    missing_days: list[str] | None = None
    not_here: list[str] = []
    skipped: list[SkippedReport] = []
    rows: int = 0
    trades: int = 0
    elapsed_s: float = 0.0
    rows_per_s: int = 0


def outcome_of(found: Inspection) -> Outcome:
    """Return what of all files was rejected, as every command reports it."""
    outcome = Outcome()
    for one in found.files:
        for reason, fault in one.rejected.items():
            outcome.count(reason, fault.count, fault.first, fault.detail, one.path)
        if one.damaged is not None:
            outcome.damaged.append(one.damaged)
    return outcome


def days_of(tally: FileTally, *, in_session: bool = False) -> dict[int, int]:
    """Return trades by the exchange's day since 1970; with `in_session` those between the bells."""
    days = tally.tally.days[:, 1 if in_session else 0]
    return {FIRST_DAY + n: int(days[n]) for n in days.nonzero()[0].tolist()}


def fill_file(report: FileReport, tally: FileTally) -> None:
    """Put what was counted of a file into its report."""
    counted, symbols = tally.tally, tally.tally.symbols[: len(tally.names)]
    seen = symbols[symbols[:, TRADES] > 0]
    report.symbols = len(seen)
    report.days = {day_of(day).isoformat(): count for day, count in days_of(tally).items()}
    report.sides = {chr(n): int(counted.sides[n]) for n in counted.sides.nonzero()[0].tolist()}
    report.flags = counted.flags.nonzero()[0].tolist()
    if len(seen):
        report.first = iso_time(int(seen[:, FIRST_NS].min()))
        report.last = iso_time(int(seen[:, LAST_NS].max()))
        report.peak_per_s = int(counted.peak[0])
        report.peak_at = iso_time(int(counted.peak[1]) * NANOS)[:19] + "Z"


def add_symbols(reports: dict[str, SymbolReport], tally: FileTally) -> None:
    """Add what was counted of a file to the symbols of all files."""
    for number, name in enumerate(tally.names):
        facts = [int(value) for value in tally.tally.symbols[number]]
        if not facts[TRADES]:
            continue
        one = reports.setdefault(name.decode(), SymbolReport(symbol=name.decode()))
        low, high = facts[LOW] / NANOS, facts[HIGH] / NANOS
        first, last = iso_time(facts[FIRST_NS]), iso_time(facts[LAST_NS])
        known = one.trades > 0
        one.low_usd = min(one.low_usd, low) if known else low
        one.high_usd = max(one.high_usd, high)
        one.smallest = min(one.smallest, facts[SMALLEST]) if known else facts[SMALLEST]
        one.largest = max(one.largest, facts[LARGEST])
        one.first = min(one.first, first) if known else first
        one.last = max(one.last, last)
        one.trades += facts[TRADES]
        one.shares += facts[SHARES]
        if facts[TIME_BACK]:
            one.time_backward_first = one.time_backward_first or iso_time(facts[TIME_BACK_FIRST])
            one.time_backward += facts[TIME_BACK]
            most_s = facts[TIME_BACK_MOST] / NANOS
            one.time_backward_most_s = max(one.time_backward_most_s, most_s)
        if facts[PAUSE_NS] / NANOS > one.pause_s:
            one.pause_s = facts[PAUSE_NS] / NANOS
            one.pause_from = iso_time(facts[PAUSE_FROM])
    for (number, _), feed in tally.feeds().items():
        facts = [int(value) for value in feed]
        one = reports[tally.names[number].decode()]
        if facts[BACK]:
            one.sequence_backward_first = one.sequence_backward_first or iso_time(facts[BACK_FIRST])
        one.sequence_backward += facts[BACK]
        one.sequence_repeats += facts[REPEATS]
        one.sequence_restarts += facts[RESTARTS]
        one.sequence_gaps += facts[GAPS]
        one.sequence_left_out += facts[LEFT_OUT]
        one.sequence_widest_gap = max(one.sequence_widest_gap, facts[WIDEST])


def auctions_of(tally: FileTally) -> Iterable[Auction]:
    """Yield the auctions of a file: prints at a bell far larger than the symbol's trades are."""
    for (number, day, bell), found in tally.prints.items():
        facts = tally.tally.symbols[number]
        if found.size * int(facts[TRADES]) < AUCTION_TIMES * int(facts[SHARES]):
            continue
        yield Auction(
            tally.names[number].decode(),
            day_of(day).isoformat(),
            bell,
            iso_time(found.ts_event_ns),
            found.price_nanos / NANOS,
            found.size,
        )
