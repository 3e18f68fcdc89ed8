"""What became of all that a command was given, how it reports that, and how it ends.

Every trade of the input is judged, or its owner learns here which were not, why, and what to do.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from tape.archives.batches import RejectedRow
from tape.errors import ArchiveError
from tape.process.terminal_text import printable

MOST_LISTED: Final = 20
"""Skipped files that the text names one by one; JSON has all."""

FETCH_AGAIN: Final = "fetch the file again"
REMEDIES: Final = {
    "archive_truncated": FETCH_AGAIN,
    "archive_corrupt": FETCH_AGAIN,
    "archive_not_zstd": "its name says .zst and its bytes do not: correct the name, "
    "or fetch the file again",
    "archive_expands_too_far": "unpack it by hand if its origin is known",
}
"""What to do about a whole file, by the reason; only a damaged download is fetched again."""

ANOTHER_FORM: Final = "`tape inspect {file} --suggest-columns` says how to name its columns"
SAID_ALREADY: Final = (": save ", ": convert it ", ": take ", ": its suffix ", ": unpack it")
FORM_REASONS: Final = frozenset({"header_missing", "header_unexpected", "form_unclear"})
"""The file is readable, and is no file of the vendor's: fetching it again brings the same."""


SELF_EVIDENT: Final = (
    *("a JSON list", "its rows are a list", "the first line", "its lines end", "columns twice"),
)
"""Beginnings of details to which no columns file is the answer."""

ROW_REASONS: Final = frozenset(
    {
        *("number_syntax", "number_range", "row_form", "time_syntax", "time_range"),
        *("action_unknown", "side_unknown", "symbol_syntax"),
    }
)
"""What a row can be rejected for because its file is of another form than it looks."""

SAY_FORM: Final = (
    "if these rows are right as they stand, say how to read them: `tape inspect {file} "
    "--suggest-columns` writes a columns file for --columns, and --time-zone NAME names the zone "
    "of times that have none (docs/files.md)"
)


class SkippedFile(Protocol):
    """A file that was found and is not read: why, what to do, and whether it may hold trades."""

    @property
    def path(self) -> Path:
        """Return where it is."""

    @property
    def reason(self) -> str:
        """Return why it is not read."""

    @property
    def remedy(self) -> str:
        """Return what to do; empty if there is nothing to do."""

    @property
    def may_hold_trades(self) -> bool:
        """Return whether trades may be missed by skipping it."""


@dataclass(frozen=True, slots=True)
class Example:
    """The first row rejected for a reason: file and line, what was wrong, where the file is."""

    source: str
    detail: str
    path: str = ""


@dataclass(slots=True)
class Outcome:
    """What was rejected and skipped on one way through files.

    Attributes:
        rejected: rows, or whole files, that could not be read, by reason.
        examples: the first of each reason.
        damaged: in words, what is wrong with each file that is not read to its end, and what to
            do about it.
        skipped: files that are not read at all.
        forgotten: symbols whose state was given up, because others took their places.
    """

    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Example] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    forgotten: int = 0

    def note(self, rows: Iterable[RejectedRow], *, damaged: bool = False) -> None:
        """Take up rejected rows in their order; `damaged` if they stand for a file's rest."""
        for row in rows:
            fault = row.rejected
            self.count(fault.reason, 1, row.source, fault.detail, row.path)
            if damaged:
                told = whole_file(row.source, fault.reason, fault.detail, row.path)
                self.damaged.append(told)

    def count(self, reason: str, rows: int, source: str, detail: str, path: str = "") -> None:
        """Take up rows that were rejected for one reason, the first of them at `source`."""
        self.rejected[reason] += rows
        self.examples.setdefault(reason, Example(source, detail, path))

    def add(self, other: "Outcome") -> None:
        """Take up what became of other files."""
        for reason, count in other.rejected.items():
            one = other.examples[reason]
            self.count(reason, count, one.source, one.detail, one.path)
        self.damaged += other.damaged
        self.skipped += other.skipped
        self.forgotten += other.forgotten

    @property
    def missed(self) -> list[SkippedFile]:
        """Return the skipped files that may hold trades."""
        return [one for one in self.skipped if one.may_hold_trades]

    @property
    def form_remedy(self) -> str:
        """Return what to do if rows were rejected that may be right in another form, or nothing."""
        for reason, _ in self.rejected.most_common():
            one = self.examples[reason]
            file, _, line = one.source.rpartition(":")
            if reason in ROW_REASONS and line.isdigit() and ".dbn" not in file.lower():
                return SAY_FORM.format(file=shlex.quote(one.path or file))
        return ""

    @property
    def exit_code(self) -> int:
        """Return 2 if anything was rejected, damaged, forgotten, or skipped with trades in it."""
        return 2 if self.rejected or self.damaged or self.forgotten or self.missed else 0

    def sentences(self, *, remedy: bool = True) -> Iterator[str]:
        """Yield what a person must know, one line per reason and one per file, safe to print.

        Without the `remedy` for rows of another form where `nothing_read` says it.
        """
        whole = {fault.partition(": ")[0] for fault in self.damaged}
        for reason, count in self.rejected.most_common():
            one = self.examples[reason]
            if count == 1 and one.source in whole:
                continue  # the line of the damaged file says the same
            yield printable(
                f"rejected: {count:,} × {reason}; the first: {one.source}: {one.detail}"
            )
        if remedy and self.form_remedy:
            yield printable(self.form_remedy)
        if self.forgotten:
            symbols = "1 symbol" if self.forgotten == 1 else f"{self.forgotten:,} symbols"
            yield (
                f"forgotten: the state of {symbols} was given up, because others came and all "
                "places were taken; raise MAX_SYMBOLS"
            )
        for fault in self.damaged:
            what = "damaged" if ": archive_" in fault else "not read"
            yield printable(f"{what}: {fault}")
        for skipped in self.missed[:MOST_LISTED]:
            cure = f"; {skipped.remedy}" if skipped.remedy else ""
            yield printable(f"skipped: {skipped.path}: {skipped.reason}{cure}")
        if len(self.missed) > MOST_LISTED:
            more = len(self.missed) - MOST_LISTED
            yield f"skipped: {more:,} files more that may hold trades; --json names all"
        harmless = [one for one in self.skipped if not one.may_hold_trades]
        for skipped in [one for one in harmless if one.remedy][:MOST_LISTED]:
            yield printable(f"skipped: {skipped.path}: {skipped.reason}; {skipped.remedy}")
        for reason, count in Counter(one.reason for one in harmless if not one.remedy).items():
            yield printable(f"skipped: {count:,} × {reason}")

    def as_json(self) -> dict[str, Any]:
        """Return the same as the keys that every command's JSON has."""
        return {
            "rejected": dict(self.rejected),
            "rejected_examples": {
                reason: {"source": one.source, "detail": one.detail}
                for reason, one in self.examples.items()
            },
            "rejected_remedy": self.form_remedy,
            "damaged": self.damaged,
            "symbols_forgotten": self.forgotten,
            "skipped": [
                {
                    "path": str(one.path),
                    "reason": one.reason,
                    "remedy": one.remedy,
                    "may_hold_trades": one.may_hold_trades,
                }
                for one in self.skipped
            ],
        }

    def nothing_read(self, files: str) -> ArchiveError:
        """Return the error for `files` of which not one trade could be read."""
        begin = f"nothing was judged, and nothing is written: no trade can be read in {files}"
        if not self.rejected:
            why = f" ({self.damaged[0]})" if self.damaged else ""
            return ArchiveError(printable(f"{begin}{why}"), "`tape inspect` says what is in there")
        reason, count = self.rejected.most_common(1)[0]
        total, one = self.rejected.total(), self.examples[reason]
        of = "" if count == total else f", {count:,} of them {reason}"
        first = f"the first: {one.source}: {reason}: {one.detail}"
        remedy = remedy_for(reason, one.path or one.source, one.detail) or self.form_remedy
        return ArchiveError(
            printable(f"{begin}, {total:,} rejected{of}; {first}"),
            printable(remedy),
        )


def whole_file(source: str, reason: str, detail: str, path: str = "") -> str:
    """Return in words what is wrong with a file as a whole, and what to do about it."""
    remedy = remedy_for(reason, path or source, detail)
    return f"{source}: {reason}: {detail}" + (f"; {remedy}" if remedy else "")


def remedy_for(reason: str, file: str, detail: str = "") -> str:
    """Return what to do about a reason that stands for a whole file, or nothing.

    What `detail` says of the remedy already is not said again. Commands can be copied.

    >>> remedy_for("archive_truncated", "a.csv.zst")
    'fetch the file again'
    >>> remedy_for("number_syntax", "a.csv:7")
    ''
    """
    if any(said in detail for said in SAID_ALREADY):
        return ""
    other = reason in FORM_REASONS and not detail.startswith(SELF_EVIDENT)
    if other and ".dbn" not in Path(file).name.lower():  # DBN has no columns to be named
        return ANOTHER_FORM.format(file=shlex.quote(file))
    return REMEDIES.get(reason, "")
