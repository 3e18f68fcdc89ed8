"""An archive as batches: of messages, ready to be sent, or of numbers, ready to be counted."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tape.archives.discovery import Archive
from tape.archives.formats import Format, format_of
from tape.archives.frames import LongLine
from tape.archives.names import FileNames
from tape.archives.plain_fields import (
    LITERAL,
    MESSAGE,
    PASSED,
    SYMBOL,
    TS_EVENT,
    Rows,
    numbers,
    rows_for,
)
from tape.archives.plain_messages import MESSAGE_BYTES
from tape.archives.rows import RowReader
from tape.archives.sidecars import manifest_fault
from tape.rejected import RAW_MAX, Rejected
from tape.scan import U8
from tape.trade import Trade, encode
from tape.words import PADDING

log = logging.getLogger(__name__)

BEHIND = b"0" + b"\0" * PADDING
"""What compiled code needs behind a chunk."""

NO_TEXT = np.empty(0, np.uint8)


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row, or a whole file, that could not be read.

    `row` is the data line's number (0: the file itself); `raw` is cut at 64 KiB, `size` and
    `sha256` are of all of it; `source` says file and line.
    """

    row: int
    raw: bytes
    size: int
    sha256: str
    rejected: Rejected
    source: str


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Consecutive rows of a file.

    Attributes:
        first_row: number of the first data line in it, from 1.
        rows: data lines of the file up to its end: where to go on with `skip_rows`.
        keys: the symbol of each message.
        values: the messages, in the file's order.
        ts_event_ns: exchange time of each message.
        skipped: rows that are about no trade, or about a symbol that is not wanted.
        rejected: rows that could not be read.
        damaged: the file itself is damaged; nothing of it follows.
    """

    first_row: int
    rows: int
    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    ts_event_ns: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    skipped: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class ColumnBatch:
    """Consecutive rows of a file, as numbers; the rest is as in `RowBatch`.

    Attributes:
        values: a row a trade, a column a field, in the order and units of `plain_fields`.
        names: the file's symbols so far; a trade's symbol is a position in it.
        undefined: how many of the rejected rows have no value in a field.
    """

    rows: int
    values: npt.NDArray[np.int64]
    names: list[bytes]
    skipped: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    undefined: Counter[str] = field(default_factory=Counter)
    damaged: bool = False


def read_archive(
    archive: Archive,
    *,
    latest_ns: int,
    symbols: frozenset[str] = frozenset(),
    skip_rows: int = 0,
) -> Iterator[RowBatch]:
    """Yield the messages of an archive in its order, from behind `skip_rows` data lines on.

    Trades later than `latest_ns` are rejected; with `symbols`, only these are sent. Raises
    `ArchiveError` if the file cannot be opened; damage comes as a rejected record at the end.
    """
    reading = _Reading(archive, latest_ns, symbols, skip_rows, writes=True)
    for chunk in reading.chunks():
        yield chunk.messages(reading.names.keys)


def read_columns(
    archive: Archive, *, latest_ns: int, symbols: frozenset[str] = frozenset()
) -> Iterator[ColumnBatch]:
    """Yield the same trades as numbers, which costs half as much as their messages."""
    reading = _Reading(archive, latest_ns, symbols, 0, writes=False)
    for chunk in reading.chunks():
        yield chunk.columns(reading)


@dataclass(slots=True)
class _Chunk:
    """Rows that were read together; `settled` has what was found in those that are not plain."""

    first_row: int
    last_row: int
    rows: Rows
    text: U8 = field(default_factory=lambda: NO_TEXT)
    settled: dict[int, Trade] = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)
    damaged: bool = False
    passed: int = 0

    def messages(self, keys: list[bytes]) -> RowBatch:
        rows = self.rows
        if not len(rows.fate):
            return RowBatch(
                self.first_row, self.last_row, rejected=self.rejected, damaged=self.damaged
            )
        text, ends = self.text[: rows.end[-1]].tobytes(), rows.end.tolist()
        symbols, times = rows.values[:, SYMBOL], rows.values[:, TS_EVENT]
        kept = np.flatnonzero(rows.fate == MESSAGE)
        if len(kept) == len(ends) and not self.settled:  # every row became a message
            values = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
            of = [keys[number] for number in symbols.tolist()]
            return RowBatch(self.first_row, self.last_row, of, values, times.copy())
        values = [
            encode(self.settled[n])
            if n in self.settled
            else text[ends[n - 1] if n else 0 : ends[n]]
            for n in kept.tolist()
        ]
        return RowBatch(
            self.first_row,
            self.last_row,
            [keys[number] for number in symbols[kept].tolist()],
            values,
            times[kept],
            self.passed,
            self.rejected,
            self.damaged,
        )

    def columns(self, reading: "_Reading") -> ColumnBatch:
        kept = self.rows.fate == MESSAGE
        undefined: Counter[str] = Counter()
        for row in self.rejected:
            undefined.update(reading.undefined(row.raw))
        return ColumnBatch(
            self.last_row,
            self.rows.values if kept.all() else self.rows.values[kept],
            reading.names.keys,
            self.passed,
            self.rejected,
            undefined,
            self.damaged,
        )


class _Reading:
    """One pass over one archive."""

    def __init__(
        self,
        archive: Archive,
        latest_ns: int,
        symbols: frozenset[str],
        skip_rows: int,
        *,
        writes: bool,
    ) -> None:
        self._archive, self._latest_ns, self._skip = archive, latest_ns, skip_rows
        self._rows, self._writes = 0, writes
        self._text = NO_TEXT
        self._format: Format = format_of(archive)
        self.names = FileNames(symbols)
        self._reader: RowReader | None = None

    def chunks(self) -> Iterator[_Chunk]:
        fault = manifest_fault(self._archive)
        if fault is not None:
            yield self._fault(fault)
            return
        faulty = False
        for piece in self._format.pieces():
            if isinstance(piece, Rejected):
                faulty = True
                yield self._fault(piece)
            elif isinstance(piece, LongLine):
                yield self._long(piece)
            else:
                data = piece if self._reader is not None else self._begin(piece)
                if isinstance(data, Rejected):
                    yield self._fault(data, piece.partition(b"\n")[0])
                    return
                if data:
                    yield from self._convert(data)
        if self._rows == 0 and not faulty:
            log.warning("empty: no rows", extra={"file": self._archive.path.name})

    def undefined(self, raw: bytes) -> list[str]:
        """Return which fields of a row that was rejected have no value."""
        return [] if self._reader is None else self._reader.undefined(raw)

    def _begin(self, piece: bytes) -> bytes | Rejected:
        data = self._format.begin(piece)
        if isinstance(data, Rejected):
            return data
        symbology = self._format.symbology
        if self._format.by_instrument and not symbology:
            return Rejected(
                "header_unexpected",
                "no symbol in it, and no symbology.json or symbology.csv beside the file",
            )
        self.names.by_instrument = self._format.by_instrument
        self._reader = RowReader(self._format.fields, symbology, self._latest_ns)
        return data

    def _convert(self, data: bytes) -> Iterator[_Chunk]:
        count = self._format.count(data)
        if self._rows + count <= self._skip:
            self._rows += count
            return
        if self._rows < self._skip:
            done = self._skip - self._rows
            data, count, self._rows = self._format.behind(data, done), count - done, self._skip
        if self._writes and len(self._text) < count * MESSAGE_BYTES + PADDING:
            self._text = np.empty(count * MESSAGE_BYTES + PADDING, np.uint8)
        chunk = _Chunk(self._rows + 1, self._rows + count, rows_for(count), self._text)
        padded = np.frombuffer(data + BEHIND, np.uint8)
        self._scan(data, padded, chunk)
        self._rows += count
        yield chunk

    def _scan(self, data: bytes, padded: U8, chunk: _Chunk) -> None:
        """Fill a chunk: compiled code where it can, and what that leaves row by row."""
        rows, at, asked = chunk.rows, (0, 0, 0), -1
        scan, latest_ns = self._format.convert, self._latest_ns
        while True:
            at = scan(padded, at, asked, latest_ns, self.names.compiled, chunk.text, rows)
            asked = at[1]
            if asked == len(rows.fate):
                break
            found = self._read(self._format.line(data, at[0]))  # a row with a new symbol
            if isinstance(found, Trade):
                self.names.learn(found)
        chunk.passed = int((rows.fate == PASSED).sum())
        for n in np.flatnonzero(rows.fate == LITERAL).tolist():
            self._settle(self._format.line(data, int(rows.start[n])), n, chunk)

    def _settle(self, line: bytes, n: int, chunk: _Chunk) -> None:
        """Note what a row that is not plain holds."""
        found, rows = self._read(line), chunk.rows
        rows.fate[n] = PASSED
        if isinstance(found, Rejected):
            chunk.rejected.append(self._rejected(chunk.first_row + n, line, found))
        elif found is None:
            chunk.passed += 1 if line.strip(b" \r") else 0
        else:
            number = self.names.learn(found)
            if not self.names.is_wanted(number):
                chunk.passed += 1
                return
            rows.fate[n] = MESSAGE
            rows.values[n] = numbers(found, number)
            chunk.settled[n] = found

    def _read(self, line: bytes) -> Trade | Rejected | None:
        assert self._reader is not None  # noqa: S101 - a file begins before its rows
        return self._reader.read(line)

    def _long(self, line: LongLine) -> _Chunk:
        self._rows += 1
        fault = Rejected("row_too_long", f"{line.size} bytes, at most 65536 are read")
        row = RejectedRow(
            self._rows, line.raw, line.size, line.sha256, fault, self._source(self._rows)
        )
        done = self._rows <= self._skip
        return _Chunk(self._rows, self._rows, rows_for(0), rejected=[] if done else [row])

    def _rejected(self, row: int, raw: bytes, fault: Rejected) -> RejectedRow:
        digest = hashlib.sha256(raw).hexdigest()
        return RejectedRow(row, raw[:RAW_MAX], len(raw), digest, fault, self._source(row))

    def _source(self, row: int) -> str:
        name = self._archive.path.name
        return f"{name}:{row - 1 + self._format.first_line}" if row else name

    def _fault(self, fault: Rejected, raw: bytes = b"") -> _Chunk:
        rejected = [self._rejected(0, raw, fault)]
        return _Chunk(self._rows + 1, self._rows, rows_for(0), rejected=rejected, damaged=True)
