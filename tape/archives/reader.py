"""An archive as batches of messages, ready to be sent."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tape.archives.dbn import DbnFile
from tape.archives.discovery import DBN_SUFFIXES, Archive
from tape.archives.frames import LongLine, Piece, pieces
from tape.archives.plain_rows import LITERAL, MESSAGE, ROW_BYTES, Names, Rows, convert
from tape.archives.rows import Header, RowReader, read_header
from tape.archives.sidecars import Symbology, manifest_fault
from tape.rejected import RAW_MAX, Rejected
from tape.scan import U8, UNKNOWN, Slots, find_slot
from tape.symbols import SymbolTable
from tape.trade import NANOS, Trade, encode
from tape.words import PADDING

log = logging.getLogger(__name__)

DAY_NS = 86_400 * NANOS
NAMES_MAX = 1_000_000


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
    yield from _Reading(archive, latest_ns, symbols, skip_rows).batches()


class _Reading:
    """One pass over one archive."""

    def __init__(
        self, archive: Archive, latest_ns: int, symbols: frozenset[str], skip_rows: int
    ) -> None:
        self._archive, self._latest_ns, self._skip = archive, latest_ns, skip_rows
        self._symbols = symbols
        self._symbology = Symbology(archive.path.parent)
        self._rows = 0
        self._table = SymbolTable(NAMES_MAX)
        self._keys: list[bytes] = []
        self._names = Names(
            self._table.slots,
            _slots(1_024),
            np.zeros(16 * 16, np.uint8),
            np.zeros(16, np.int32),
            np.zeros(16, np.bool_),
        )
        self._instruments = 0

    def batches(self) -> Iterator[RowBatch]:
        fault = manifest_fault(self._archive)
        if fault is not None:
            yield self._damaged(fault)
            return
        header: Header | None = None
        for piece in self._pieces():
            if isinstance(piece, Rejected):
                yield self._damaged(piece)
            elif isinstance(piece, LongLine):
                yield self._long(piece)
            else:
                data = piece
                if header is None:
                    line, _, data = piece.partition(b"\n")
                    begun = self._begin(line)
                    if isinstance(begun, Rejected):
                        yield self._damaged(begun, line)
                        return
                    header = begun
                if data:
                    yield from self._convert(data, header)
        if header is not None and self._rows == 0:
            log.warning("empty: a header and no rows", extra={"file": self._archive.path.name})

    def _pieces(self) -> Iterator[Piece]:
        if not self._archive.path.name.endswith(DBN_SUFFIXES):
            return pieces(self._archive.path)
        dbn = DbnFile(self._archive.path)
        self._symbology = dbn.symbology
        return dbn.lines()

    def _begin(self, line: bytes) -> Header | Rejected:
        header = read_header(line)
        if isinstance(header, Rejected):
            return header
        symbology = self._symbology
        if header.at[-1] < 0 and not symbology:
            return Rejected(
                "header_unexpected",
                "no symbol in it, and no symbology.json or symbology.csv beside the file",
            )
        self._literal = RowReader(header, symbology, self._latest_ns)
        self._by_instrument = header.at[-1] < 0
        return header

    def _convert(self, data: bytes, header: Header) -> Iterator[RowBatch]:
        lines = data.count(b"\n")
        if self._rows + lines <= self._skip:
            self._rows += lines
            return
        if self._rows < self._skip:
            at = 0
            for _ in range(self._skip - self._rows):
                at = data.index(b"\n", at) + 1
            data = data[at:]
            lines -= self._skip - self._rows
            self._rows = self._skip
        rows = Rows(
            np.empty(lines, np.uint8),
            np.empty(lines, np.int64),
            np.empty(lines, np.int32),
            np.empty(lines, np.int64),
            np.empty(lines, np.int64),
        )
        out = np.empty(lines * ROW_BYTES + PADDING, np.uint8)
        convert(
            np.frombuffer(data + b"\0" * PADDING, np.uint8),
            np.array(header.at, np.int64),
            header.columns,
            self._latest_ns,
            self._names,
            out,
            rows,
        )
        yield self._batch(data, out, rows)

    def _batch(self, data: bytes, out: U8, rows: Rows) -> RowBatch:
        count, first_row = len(rows.fate), self._rows + 1
        self._rows += count
        text = out[: rows.end[-1]].tobytes()
        ends = rows.end.tolist()
        keys = self._keys
        if not rows.fate.any():  # every row became a message
            values = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
            of = [keys[number] for number in rows.symbol.tolist()]
            return RowBatch(first_row, self._rows, of, values, rows.ts_event_ns)
        batch = RowBatch(first_row, self._rows)
        times: list[int] = []
        skipped = 0
        starts = [*rows.start.tolist(), len(data)]
        for n, fate in enumerate(rows.fate.tolist()):
            if fate == MESSAGE:
                batch.values.append(text[ends[n - 1] if n else 0 : ends[n]])
                batch.keys.append(keys[rows.symbol[n]])
                times.append(int(rows.ts_event_ns[n]))
            elif fate == LITERAL:
                line = data[starts[n] : starts[n + 1] - 1]
                skipped += self._read_literally(line, first_row + n, batch, times)
            else:
                skipped += 1
        return RowBatch(
            first_row,
            self._rows,
            batch.keys,
            batch.values,
            np.array(times, np.int64),
            skipped,
            batch.rejected,
        )

    def _read_literally(self, line: bytes, row: int, batch: RowBatch, times: list[int]) -> int:
        """Put what a line holds into `batch`; returns 1 if it was passed over, else 0."""
        found = self._literal.read(line)
        if found is None:
            return 1 if line.strip(b" \r") else 0
        if isinstance(found, Rejected):
            batch.rejected.append(self._rejected(row, line, found))
            return 0
        number = self._learn(found)
        if not self._names.wanted[number]:
            return 1
        batch.keys.append(self._keys[number])
        batch.values.append(encode(found))
        times.append(found.ts_event_ns)
        return 0

    def _learn(self, trade: Trade) -> int:
        """Make a symbol, or an instrument of a day, known to the compiled scan."""
        number = self._table.number(trade.symbol)
        assert isinstance(number, int)  # noqa: S101 - the table is larger than any file's symbols
        if number == len(self._keys):
            self._keys.append(trade.symbol.encode())
            self._grow(number)
            name = np.frombuffer(self._keys[number], np.uint8)
            self._names.text[16 * number : 16 * number + len(name)] = name
            self._names.length[number] = len(name)
            self._names.wanted[number] = not self._symbols or trade.symbol in self._symbols
        if self._by_instrument:
            self._learn_instrument(trade, number)
        return number

    def _grow(self, number: int) -> None:
        names = self._names
        if number >= len(names.wanted):
            names = names._replace(
                text=np.concatenate([names.text, np.zeros_like(names.text)]),
                length=np.concatenate([names.length, np.zeros_like(names.length)]),
                wanted=np.concatenate([names.wanted, np.zeros_like(names.wanted)]),
            )
        self._names = names._replace(slots=self._table.slots)

    def _learn_instrument(self, trade: Trade, number: int) -> None:
        slots = self._names.instruments
        if 2 * self._instruments > len(slots.number):  # rare: days × instruments of one file
            slots = _slots(4 * len(slots.number))
            self._names = self._names._replace(instruments=slots)
            self._instruments = 0
        low, high = np.uint64(trade.instrument_id), np.uint64(trade.ts_event_ns // DAY_NS)
        slot = find_slot(slots, low, high)
        slots.low[slot], slots.high[slot], slots.number[slot] = low, high, number
        self._instruments += 1

    def _long(self, line: LongLine) -> RowBatch:
        self._rows += 1
        fault = Rejected("row_too_long", f"{line.size} bytes, at most 65536 are read")
        source = f"{self._archive.path.name}:{self._rows + 1}"
        row = RejectedRow(self._rows, line.raw, line.size, line.sha256, fault, source)
        done = self._rows <= self._skip
        return RowBatch(self._rows, self._rows, rejected=[] if done else [row])

    def _rejected(self, row: int, raw: bytes, fault: Rejected) -> RejectedRow:
        name = self._archive.path.name
        source = f"{name}:{row + 1}" if row else name  # the header is line 1
        digest = hashlib.sha256(raw).hexdigest()
        return RejectedRow(row, raw[:RAW_MAX], len(raw), digest, fault, source)

    def _damaged(self, fault: Rejected, raw: bytes = b"") -> RowBatch:
        row = self._rejected(0, raw, fault)
        return RowBatch(self._rows + 1, self._rows, rejected=[row], damaged=True)


def _slots(size: int) -> Slots:
    return Slots(
        np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.full(size, UNKNOWN, np.int32)
    )
