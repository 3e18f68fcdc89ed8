"""A tape as steps: messages sent together, and what they mean to each file's position."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tape.archives import Archive, RejectedRow
from tape.archives.one_tape import read_tape
from tape.errors import ArchiveError, BooksError
from tape.model.fields import TIME_MAX_NS
from tape.streaming.breaker import Breaker, Trip
from tape.streaming.ledger import Part


@dataclass(slots=True)
class Step:
    """Messages in the order of the tape, and what lies behind of each file once they are sent.

    `refused` is why a file could not be opened or read on.
    """

    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    ts_event_ns: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    parts: dict[str, Part] = field(default_factory=dict)
    refused: ArchiveError | None = None


def steps_of(
    archives: Sequence[Archive],
    done: Mapping[str, int],
    *,
    symbols: frozenset[str],
) -> Iterator[Step]:
    """Yield what is left of a tape, of whose files `done` rows lie behind.

    Raises `BooksError` if the rows of a file are not the trades, the rows skipped and the rows
    rejected that the reader counted.
    """
    rows, counted = dict(done), dict.fromkeys((archive.sha256 for archive in archives), 0)
    for batch in read_tape(archives, latest_ns=TIME_MAX_NS, symbols=symbols, done=done):
        parts = {}
        for sha256 in [*batch.of, *(name for name in batch.rows if name not in batch.of)]:
            before, of = rows.get(sha256, 0), batch.of.get(sha256)
            part = Part(max(before, batch.rows.get(sha256, before)), ended=sha256 in batch.ended)
            if of is not None:
                part.trades, part.rejected = of.trades, of.rejected
                counted[sha256] += of.trades + of.skipped + _rows(of.rejected)
            part.skipped = part.rows - before - part.trades - _rows(part.rejected)
            if part.skipped < 0 or (
                part.ended and not done.get(sha256) and counted[sha256] != part.rows
            ):
                raise BooksError(
                    f"the books of a file do not balance ({sha256[:12]}): {part.rows:,} rows were "
                    f"read, and {counted[sha256]:,} of them sent, skipped or rejected; nothing of "
                    "the last transaction was committed, please report this with the file"
                )
            rows[sha256], parts[sha256] = part.rows, part
        yield Step(batch.keys, batch.values, batch.ts_event_ns, parts, batch.unreadable)


@dataclass(frozen=True, slots=True)
class Counted:
    """A circuit breaker with a step counted, and what tripped it, in the file of that content."""

    breaker: Breaker
    trip: Trip | None = None
    sha256: str = ""


def counted_by(breaker: Breaker, step: Step, rows: Callable[[str], int]) -> Counted:
    """Return a breaker with a step counted; `rows` of a file lie before it."""
    for sha256, part in step.parts.items():
        records, first = part.trades + len(part.rejected), rows(sha256) + 1
        reasons = [(row.row - first, row.rejected.reason) for row in part.rejected]
        if records:
            breaker, trip = breaker.after(records, reasons)
            if trip is not None:
                return Counted(breaker, trip, sha256)
    return Counted(breaker)


def _rows(rejected: Sequence[RejectedRow]) -> int:
    return sum(row.row > 0 for row in rejected)
