"""An archive as batches: of messages, ready to be sent, or of numbers, ready to be counted."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tape.archives.batches import NO_TEXT, Chunk, ColumnBatch, RejectedRow, RowBatch
from tape.archives.discovery import Archive
from tape.archives.file_symbols import FileNames
from tape.archives.format import Format
from tape.archives.formats import format_of
from tape.archives.ordinals_kernel import Ordinals
from tape.archives.reference_rows import RowReader
from tape.archives.sidecars import manifest_fault
from tape.archives.zstd import CHUNK, LongLine
from tape.codec.eight_bytes import PADDING
from tape.codec.message_writer import MESSAGE_BYTES
from tape.codec.row_fields import LITERAL, MESSAGE, PASSED, numbers, rows_for
from tape.codec.text import I64, U8
from tape.model.rejected import RAW_MAX, Rejected
from tape.model.trade import Trade

log = logging.getLogger(__name__)

BEHIND = b"0" + b"\0" * PADDING
"""What compiled code needs behind a chunk."""


def read_archive(
    archive: Archive,
    *,
    latest_ns: int,
    symbols: frozenset[str] = frozenset(),
    skip_rows: int = 0,
) -> Iterator[RowBatch]:
    """Yield the messages of an archive in its order, from behind `skip_rows` data lines on.

    The lines before are read all the same, without a message: the ordinals depend on them.

    Trades later than `latest_ns` are rejected; with `symbols`, only these are sent. Raises
    `ArchiveError` if the file cannot be opened; damage comes as a rejected record at the end.
    """
    reading = _Reading(archive, latest_ns, symbols, skip_rows, writes=True)
    for chunk in reading.chunks():
        yield chunk.messages(reading.names.keys)


def read_columns(
    archive: Archive,
    *,
    latest_ns: int,
    symbols: frozenset[str] = frozenset(),
    counts_equal: bool = False,
) -> Iterator[ColumnBatch]:
    """Yield the same trades as numbers, which costs half as much as their messages.

    Their ordinals come only if it `counts_equal` trades.
    """
    reading = _Reading(archive, latest_ns, symbols, 0, writes=False, counts_equal=counts_equal)
    for chunk in reading.chunks():
        yield chunk.columns(reading.names.keys, reading.undefined)


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that were read together, and what they hold in the form that was asked for.

    Attributes:
        first_row: number of the first data line, from 1.
        trades: the numbers of each trade, a row each.
        at: the data line of each trade, counted from `first_row`.
        batch: messages, or the same numbers.
    """

    first_row: int
    trades: I64
    at: I64
    batch: RowBatch | ColumnBatch


def read_pieces(
    archive: Archive,
    *,
    latest_ns: int,
    symbols: frozenset[str],
    writes: bool,
    chunk: int,
    counts_equal: bool = False,
) -> Iterator[Piece]:
    """Yield an archive with the numbers of its trades, as messages too if it `writes` them.

    `chunk` is about how many bytes of the file are read together. Messages have ordinals; numbers
    alone have them if it `counts_equal` trades.
    """
    reading = _Reading(archive, latest_ns, symbols, 0, writes=writes, counts_equal=counts_equal)
    names = reading.names
    for read in reading.chunks(chunk):
        at = np.flatnonzero(read.rows.fate == MESSAGE)
        trades = read.rows.values if len(at) == len(read.rows.fate) else read.rows.values[at]
        batch = read.messages(names.keys) if writes else read.columns(names.keys, reading.undefined)
        yield Piece(read.first_row, trades, at, batch)


class _Reading:
    """Goes once through one archive."""

    def __init__(
        self,
        archive: Archive,
        latest_ns: int,
        symbols: frozenset[str],
        skip_rows: int,
        *,
        writes: bool,
        counts_equal: bool = False,
    ) -> None:
        self._counts_equal = writes or counts_equal
        self._archive, self._latest_ns, self._skip = archive, latest_ns, skip_rows
        self._rows, self._writes = 0, writes
        self._symbology_version = 0
        self._text = NO_TEXT
        self._format: Format = format_of(archive)
        self.names = FileNames(symbols)
        self._ordinals = Ordinals()
        self._reader: RowReader | None = None

    def chunks(self, size: int = CHUNK) -> Iterator[Chunk]:
        """Yield the archive, about `size` bytes of text at a time."""
        fault = manifest_fault(self._archive)
        if fault is not None:
            yield self._fault(fault)
            return
        faulty = False
        for piece in self._format.pieces(size):
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
        left_out = self._format.left_out()
        if left_out:
            yield Chunk(self._rows + 1, self._rows, rows_for(0), passed=left_out)
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
            return Rejected("header_unexpected", f"no symbol in it, and {symbology.fault}")
        self.names.by_instrument = self._format.by_instrument
        form = self._format
        self._reader = RowReader(form.fields, symbology, self._latest_ns, form.form)
        return data

    def _convert(self, data: bytes) -> Iterator[Chunk]:
        count, done = self._format.count(data), max(self._skip - self._rows, 0)
        if done >= count:
            self._read_chunk(data, count, NO_TEXT)
            self._format.left_out()  # was reported before
            return
        if done:
            rest = self._format.behind(data, done)
            self._read_chunk(data[: len(data) - len(rest)], done, NO_TEXT)
            data, count = rest, count - done
        if self._writes and len(self._text) < count * MESSAGE_BYTES + PADDING:
            self._text = np.empty(count * MESSAGE_BYTES + PADDING, np.uint8)
        chunk = self._read_chunk(data, count, self._text)
        chunk.passed += self._format.left_out()
        yield chunk

    def _read_chunk(self, data: bytes, count: int, text: U8) -> Chunk:
        """Return what this many rows hold, their messages if there is room for any in `text`."""
        version = self._format.symbology.version
        if version != self._symbology_version:
            self._symbology_version = version
            self.names.forget_instruments()
        chunk = Chunk(self._rows + 1, self._rows + count, rows_for(count), text)
        padded = np.frombuffer(data + BEHIND, np.uint8)
        self._scan(data, padded, chunk)
        if self._counts_equal:
            chunk.ordinals = self._ordinals.of(chunk.rows, len(self.names.keys))
        self._rows += count
        return chunk

    def _scan(self, data: bytes, padded: U8, chunk: Chunk) -> None:
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

    def _settle(self, line: bytes, n: int, chunk: Chunk) -> None:
        """Note what a row that is not plain holds."""
        found, rows = self._read(line), chunk.rows
        rows.fate[n] = PASSED
        if isinstance(found, Rejected):
            chunk.rejected.append(self._rejected(chunk.first_row + n, line, found))
        elif found is None:
            chunk.passed += 1  # an empty line too: every row is accounted for
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

    def _long(self, line: LongLine) -> Chunk:
        self._rows += 1
        fault = Rejected("row_too_long", f"{line.size} bytes, at most 65536 are read{_cure(line)}")
        row = RejectedRow(
            *(self._rows, line.raw, line.size, line.sha256, fault, self._source(self._rows)),
            str(self._archive.path),
        )
        done = self._rows <= self._skip
        return Chunk(self._rows, self._rows, rows_for(0), rejected=[] if done else [row])

    def _rejected(self, row: int, raw: bytes, fault: Rejected) -> RejectedRow:
        digest = hashlib.sha256(raw).hexdigest()
        place = self._source(row), str(self._archive.path)
        return RejectedRow(row, raw[:RAW_MAX], len(raw), digest, fault, *place)

    def _source(self, row: int) -> str:
        name = self._archive.path.name
        return f"{name}:{row - 1 + self._format.first_line}" if row else name

    def _fault(self, fault: Rejected, raw: bytes = b"") -> Chunk:
        rejected = [self._rejected(0, raw, fault)]
        return Chunk(self._rows + 1, self._rows, rows_for(0), rejected=rejected, damaged=True)


def _cure(line: LongLine) -> str:
    """Return what makes lines of such a long one, where it is a file in another form."""
    if line.raw.lstrip()[:1] in (b"[", b"{"):
        return ": write one JSON object a line"
    return ": if its lines end with \\r alone, save it with \\n" if b"\r" in line.raw else ""
