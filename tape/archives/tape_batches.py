"""What is read of a tape at a time: trades of one file or of several, in order of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tape.archives.batches import ColumnBatch, RejectedRow, RowBatch
from tape.archives.reader import Piece
from tape.codec.numbered import NumberedTrades
from tape.codec.row_fields import FIELDS, SYMBOL
from tape.codec.text import I64
from tape.errors import ArchiveError


@dataclass(slots=True)
class OfFile:
    """What a batch brings of one file; `skipped` comes with the last trade that was read with it.

    So the rows of a file are its trades, its skipped and its rejected rows only at its end.
    """

    trades: int = 0
    skipped: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TapeBatch:
    """Consecutive trades of a tape, of one file or of several.

    Attributes:
        keys: the symbol of each message.
        values: the messages, in the tape's order.
        ts_event_ns: exchange time of each message.
        skipped: rows that are not trades, or of a symbol that is not wanted.
        rejected: rows that could not be read.
        damaged: the file that this batch is of is damaged; nothing of it follows.
        rows: by sha256, how many rows of a file lie behind, for files that came further.
        ended: sha256 of files of which nothing follows.
        unreadable: why a file could not be opened or read on; it is not among those `ended`.
        of: what this batch brings of each file, by sha256.
    """

    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    ts_event_ns: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    skipped: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    damaged: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    unreadable: ArchiveError | None = None
    of: dict[str, OfFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TapeColumns:
    """The same trades as numbers: one row per trade, one column per field of `row_fields`.

    `names` are the symbols of the tape so far; a trade's symbol is a position in it. `ordinals`
    has one per trade, if they were asked for. `places` says where each trade was read: a position
    in `files`, which are the tape's files so far by sha256, and the data line in it, from 1. The
    rest is as in `TapeBatch`.
    """

    values: npt.NDArray[np.int64]
    names: list[bytes]
    files: list[str]
    places: npt.NDArray[np.int64]
    skipped: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    damaged: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    unreadable: ArchiveError | None = None
    ordinals: npt.NDArray[np.int32] | None = None

    def trades(self) -> NumberedTrades:
        """Return its trades as what stands for their messages."""
        ordinals = self.ordinals
        if ordinals is None:  # of a batch without trades
            ordinals = np.zeros(len(self.values), np.int32)
        return NumberedTrades(self.values, self.names, ordinals, self.places)


Batch = TypeVar("Batch", covariant=True)


@dataclass(frozen=True, slots=True)
class Part:
    """Trades of a piece of a file, from `start` to before `stop`."""

    sha256: str
    piece: Piece
    start: int
    stop: int

    @property
    def is_last(self) -> bool:
        """Return whether no trade of the piece follows."""
        return self.stop == len(self.piece.trades)

    @property
    def lines(self) -> I64:
        """Return the data line of each trade, from 1."""
        return self.piece.first_row + self.piece.at[self.start : self.stop]

    @property
    def rows(self) -> int:
        """Return how many rows of the file lie behind it."""
        if self.is_last:
            return self.piece.batch.rows
        return self.piece.first_row + int(self.piece.at[self.stop - 1])


class Form(Protocol, Generic[Batch]):
    """What trades are made into."""

    def batch(self, parts: Sequence[Part], order: I64 | None) -> Batch:
        """Return trades of files in an order of theirs, None for one after the other."""

    def ended(
        self, rows: dict[str, int], ended: list[str], unreadable: ArchiveError | None
    ) -> Batch:
        """Return what says that nothing follows of a file."""


class Messages:
    """Makes messages; `done` rows of files, by sha256, are skipped."""

    def __init__(self, done: Mapping[str, int]) -> None:
        self._done = done

    def batch(self, parts: Sequence[Part], order: I64 | None) -> TapeBatch:
        """Return the messages of trades."""
        keys: list[list[bytes]] = []
        values: list[list[bytes]] = []
        times: list[I64] = []
        for part in parts:
            batch = part.piece.batch
            assert isinstance(batch, RowBatch)  # noqa: S101 - messages were asked for
            keys.append(_cut(batch.keys, part))
            values.append(_cut(batch.values, part))
            times.append(batch.ts_event_ns[part.start : part.stop])
        key, value, time = _joined(keys), _joined(values), np.concatenate(times)
        chosen = _chosen(parts, order, self._done)
        if chosen is not None:
            at = chosen.tolist()
            key, value, time = [key[n] for n in at], [value[n] for n in at], time[chosen]
        return TapeBatch(key, value, time, *_others(parts, self._done), of=self._of(parts))

    def _of(self, parts: Sequence[Part]) -> dict[str, OfFile]:
        found: dict[str, OfFile] = {}
        for part in parts:
            of, done = found.setdefault(part.sha256, OfFile()), self._done.get(part.sha256, 0)
            of.trades += part.stop - part.start
            if part.piece.first_row <= done:
                of.trades -= int((part.lines <= done).sum())
            skipped, rejected, _, _ = _others([part], self._done)
            of.skipped += skipped
            of.rejected += rejected
        return found

    def ended(
        self, rows: dict[str, int], ended: list[str], unreadable: ArchiveError | None
    ) -> TapeBatch:
        """Return what says that nothing follows of a file."""
        return TapeBatch(rows=rows, ended=ended, unreadable=unreadable)


class Columns:
    """Makes columns, with one table of symbols for all files."""

    def __init__(self, done: Mapping[str, int]) -> None:
        self._done = done
        self._numbers: dict[bytes, int] = {}
        self._of_file: dict[str, list[int]] = {}
        self._file_numbers: dict[str, int] = {}
        self.names: list[bytes] = []
        self.files: list[str] = []

    def batch(self, parts: Sequence[Part], order: I64 | None) -> TapeColumns:
        """Return trades as numbers."""
        found = []
        place: list[I64] = []
        ordinals: list[npt.NDArray[np.int32]] = []
        for part in parts:
            batch = part.piece.batch
            assert isinstance(batch, ColumnBatch)  # noqa: S101 - numbers were asked for
            if batch.ordinals is not None:
                ordinals.append(batch.ordinals[part.start : part.stop])
            numbers = np.array(self._learnt(part.sha256, batch.names), np.int64)
            values = batch.values[part.start : part.stop].copy()
            if len(values):
                values[:, SYMBOL] = numbers[values[:, SYMBOL]]
            found.append(values)
            place.append(self._places(part))
        together = found[0] if len(found) == 1 else np.concatenate(found)
        places = place[0] if len(place) == 1 else np.concatenate(place)
        chosen = _chosen(parts, order, self._done)
        count = np.concatenate(ordinals) if ordinals else None
        if chosen is not None:
            together, places = together[chosen], places[chosen]
            count = None if count is None else count[chosen]
        others = _others(parts, self._done)
        return TapeColumns(together, self.names, self.files, places, *others, ordinals=count)

    def ended(
        self, rows: dict[str, int], ended: list[str], unreadable: ArchiveError | None
    ) -> TapeColumns:
        """Return what says that nothing follows of a file."""
        return TapeColumns(
            np.empty((0, FIELDS), np.int64),
            self.names,
            self.files,
            np.empty((0, 2), np.int64),
            rows=rows,
            ended=ended,
            unreadable=unreadable,
        )

    def _places(self, part: Part) -> I64:
        """Return where each trade of a part was read."""
        number = self._file_numbers.setdefault(part.sha256, len(self.files))
        if number == len(self.files):
            self.files.append(part.sha256)
        places = np.empty((part.stop - part.start, 2), np.int64)
        places[:, 0], places[:, 1] = number, part.lines
        return places

    def _learnt(self, sha256: str, names: Sequence[bytes]) -> list[int]:
        """Return the tape's numbers of a file's symbols."""
        known = self._of_file.setdefault(sha256, [])
        for name in names[len(known) :]:
            number = self._numbers.setdefault(name, len(self._numbers))
            if number == len(self.names):
                self.names.append(name)
            known.append(number)
        return known


def _cut(listed: list[bytes], part: Part) -> list[bytes]:
    if part.start == 0 and part.is_last:
        return listed
    return listed[part.start : part.stop]


def _joined(lists: list[list[bytes]]) -> list[bytes]:
    return lists[0] if len(lists) == 1 else list(chain.from_iterable(lists))


def _chosen(parts: Sequence[Part], order: I64 | None, done: Mapping[str, int]) -> I64 | None:
    """Return which of the parts' trades come, in their order; None for all one by one."""
    if not any(part.piece.first_row <= done.get(part.sha256, 0) for part in parts):
        return order
    new = np.concatenate([part.lines > done.get(part.sha256, 0) for part in parts])
    every = np.arange(len(new)) if order is None else order
    chosen: I64 = every[new[every]]
    return chosen


def _others(
    parts: Sequence[Part], done: Mapping[str, int]
) -> tuple[int, list[RejectedRow], bool, dict[str, int]]:
    """Return what else comes with parts: rows skipped, rows rejected, whether damaged, and rows."""
    rejected: list[RejectedRow] = []
    rows: dict[str, int] = {}
    skipped, damaged = 0, False
    for part in parts:
        batch, behind = part.piece.batch, done.get(part.sha256, 0)
        if part.rows > behind:
            rows[part.sha256] = part.rows
        if batch.rejected:
            rejected += [row for row in _between(part) if row.row > behind or row.row == 0]
        if part.is_last:
            skipped += batch.skipped if batch.rows > behind else 0
            damaged |= batch.damaged
    return skipped, rejected, damaged, rows


def _between(part: Part) -> Iterator[RejectedRow]:
    """Yield the rejected rows of a part: those behind the trade before it, up to its last one."""
    first, at = part.piece.first_row, part.piece.at
    low = first + int(at[part.start - 1]) if part.start else -1
    high = part.rows if part.stop else part.piece.batch.rows
    return (row for row in part.piece.batch.rejected if low < row.row <= high or not row.row)
