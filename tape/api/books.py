"""What became of every trade of a call: counts that balance, and the rows that were rejected."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from tape.api.frames import unreadable
from tape.api.notices import notice
from tape.archives import Archive
from tape.archives.batches import RejectedRow as RowOfFile
from tape.archives.outcome import Outcome, SkippedFile
from tape.detection.protocol import DUPLICATE, LATE
from tape.errors import BooksError
from tape.judging.judge import Judge
from tape.judging.replay import Part, Replay, Shown
from tape.judging.store import Store
from tape.process.terminal_text import printable

MOST_KEPT: Final = 10_000
"""Rejected rows that are kept with what was wrong; all are counted."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that could not be read or judged.

    Attributes:
        reason: one of the reasons of docs/bad-input.md.
        detail: what was wrong, in words.
        source: file and line; of a frame `row` and its position, from 0 on.
        raw: how the row began, at most 200 letters.
    """

    reason: str
    detail: str
    source: str
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Books:
    """What came in, and what became of it: `trades` is `judged + duplicates + rejected`.

    Attributes:
        trades: trades of the wanted part, with the rows that were none because they are wrong.
        judged: trades that a verdict was given on.
        duplicates: trades that had been judged before.
        rejected: rows that could not be read, and trades of symbols without a place.
        late: judged trades that were older than the newest of their publisher.
        flagged: judged trades that are anomalies.
        episodes: episodes that began.
        skipped: rows that are not trades, or of a symbol that is not wanted; not among `trades`.
        files_not_read: files that are damaged, or are none of trades but may hold some.
        reasons: how many rows were rejected by reason.
    """

    trades: int = 0
    judged: int = 0
    duplicates: int = 0
    rejected: int = 0
    late: int = 0
    flagged: int = 0
    episodes: int = 0
    skipped: int = 0
    files_not_read: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def __str__(self) -> str:
        counts = (
            f"judged {self.judged:,}, duplicates {self.duplicates:,}, rejected {self.rejected:,}"
        )
        return f"{self.trades:,} trades: {counts}"


class KeptOutcome(Outcome):
    """An outcome that keeps what was rejected, one by one."""

    def __init__(self, frame: str = "") -> None:
        """Name rows of the file at the path `frame` as those of a frame."""
        super().__init__()
        self.frame = frame
        self.kept: list[RejectedRow] = []
        self.whole: list[RowOfFile] = []
        self._noting = False

    def note(self, rows: Iterable[RowOfFile], *, damaged: bool = False) -> None:
        """Take up rejected rows in their order."""
        rows = [replace(row, source=self._source(row)) for row in rows]
        for row in rows:
            if not row.row:
                self.whole.append(row)
            fault, raw = row.rejected, printable(row.raw[:200].decode(errors="replace"))
            self._keep(RejectedRow(fault.reason, fault.detail, row.source, raw))
        self._noting = True
        super().note(rows, damaged=damaged)
        self._noting = False

    def count(self, reason: str, rows: int, source: str, detail: str, path: str = "") -> None:
        """Take up rows that were rejected for one reason, the first of them at `source`."""
        if not self._noting:  # a trade that the judge has refused
            self._keep(RejectedRow(reason, detail, source))
        super().count(reason, rows, source, detail, path)

    def _source(self, row: RowOfFile) -> str:
        """Return where a row stands, of a frame by its position from 0 on."""
        if row.path != self.frame:
            return row.source
        return f"row {row.row - 1}" if row.row else "the frame"

    def _keep(self, row: RejectedRow) -> None:
        if len(self.kept) < MOST_KEPT:
            self.kept.append(row)


class BookedReplay(Replay):
    """A replay that keeps its books."""

    def __init__(
        self,
        archives: list[Archive],
        judge: Judge,
        part: Part,
        *,
        frame: str = "",
        skipped: Iterable[SkippedFile] = (),
        kept: Store | None = None,
    ) -> None:
        """Go through archives; one at the path `frame` is a frame in truth."""
        self.kept_outcome = KeptOutcome(frame)
        outcome = self.kept_outcome
        super().__init__(archives, judge, part, outcome=outcome, as_numbers=True, kept=kept)
        self.outcome.skipped += skipped
        self.found: Counter[str] = Counter()

    def batches(self) -> Iterator[Shown]:
        """Yield the wanted part of the tape, judged; raises `ArchiveError` for a useless frame."""
        for shown in super().batches():
            self._refuse_useless_frame()
            judged = shown.judged
            wanted = shown.wanted[judged.batch.positions]
            outcome = judged.verdicts.outcome[wanted]
            self.found["refused"] += int(shown.wanted.sum()) - len(outcome)
            self.found["duplicates"] += int((outcome == DUPLICATE).sum())
            self.found["late"] += int((outcome == LATE).sum())
            self.found["judged"] += int((outcome != DUPLICATE).sum())
            self.found["flagged"] += len(shown.flagged)
            yield shown

    def books(self) -> Books:
        """Return the books when all is judged, with a warning of what is missing in the result."""
        rejected = self.rejected_rows + self.found["refused"]
        unread = len({row.path for row in self.kept_outcome.whole}) + len(self.outcome.missed)
        reasons = dict(self.outcome.rejected)
        books = Books(
            trades=self.trades + self.rejected_rows,
            judged=self.found["judged"],
            duplicates=self.found["duplicates"],
            rejected=rejected,
            late=self.found["late"],
            flagged=self.found["flagged"],
            episodes=self.episodes["opened"],
            skipped=self.skipped,
            files_not_read=unread,
            reasons=reasons,
        )
        if books.trades != books.judged + books.duplicates + books.rejected:
            raise BooksError(
                f"the books do not balance: {books}",
                "this is a fault of this program, please report it",
            )
        if self.outcome.exit_code:
            notice("; ".join(self.outcome.sentences(remedy=False)))
        return books

    def _refuse_useless_frame(self) -> None:
        for row in self.kept_outcome.whole:
            if row.path == self.kept_outcome.frame:
                raise unreadable(row.rejected.reason, row.rejected.detail)
