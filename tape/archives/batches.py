"""What is read of an archive at a time: rows, and the messages or numbers they hold."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tape.codec.row_fields import MESSAGE, SYMBOL, TS_EVENT, Rows
from tape.codec.text import U8
from tape.model.rejected import Rejected
from tape.model.trade import Trade, encode

I32 = npt.NDArray[np.int32]
NO_TEXT = np.empty(0, np.uint8)


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row, or a whole file, that could not be read.

    `row` is the data line's number (0: the file itself); `raw` is cut at 64 KiB, `size` and
    `sha256` are of all of it; `source` says file and line, `path` where the file is.
    """

    row: int
    raw: bytes
    size: int
    sha256: str
    rejected: Rejected
    source: str
    path: str


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Consecutive rows of a file.

    Attributes:
        first_row: number of the first data line in it, from 1.
        rows: data lines of the file up to its end: where to continue with `skip_rows`.
        keys: the symbol of each message.
        values: the messages, in the file's order.
        ts_event_ns: exchange time of each message.
        skipped: rows that are not trades, or of a symbol that is not wanted.
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
        values: one row per trade, one column per field, in the order and units of
            `tape.codec.row_fields`.
        names: the file's symbols so far; a trade's symbol is a position in it.
        undefined: how many of the rejected rows have no value in a field.
        ordinals: how many trades that are equal in all that identifies one the file had before
            each of these; None where that was not asked for.
    """

    rows: int
    values: npt.NDArray[np.int64]
    names: list[bytes]
    skipped: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    undefined: Counter[str] = field(default_factory=Counter)
    damaged: bool = False
    ordinals: I32 | None = None


@dataclass(slots=True)
class Chunk:
    """Rows that were read together; `settled` has what was found in those that are not plain.

    `ordinals` has one a row, None where they are not counted.
    """

    first_row: int
    last_row: int
    rows: Rows
    text: U8 = field(default_factory=lambda: NO_TEXT)
    settled: dict[int, Trade] = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)
    damaged: bool = False
    passed: int = 0
    ordinals: I32 | None = None

    def messages(self, keys: list[bytes]) -> RowBatch:
        """Return what `read_archive` yields; `keys` are the file's symbols."""
        rows = self.rows
        if not len(rows.fate):
            return RowBatch(
                self.first_row,
                self.last_row,
                skipped=self.passed,
                rejected=self.rejected,
                damaged=self.damaged,
            )
        text, ends = self.text[: rows.end[-1]].tobytes(), rows.end.tolist()
        symbols, times = rows.values[:, SYMBOL], rows.values[:, TS_EVENT]
        kept = np.flatnonzero(rows.fate == MESSAGE)
        if len(kept) == len(ends) and not self.settled:  # every row became a message
            values = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
            of = [keys[number] for number in symbols.tolist()]
            self._number(values, kept)
            return RowBatch(self.first_row, self.last_row, of, values, times.copy(), self.passed)
        values = [
            encode(self.settled[n])
            if n in self.settled
            else text[ends[n - 1] if n else 0 : ends[n]]
            for n in kept.tolist()
        ]
        self._number(values, kept)
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

    def _number(self, values: list[bytes], kept: npt.NDArray[np.int64]) -> None:
        """Put the ordinals into the messages of trades that the file has had before: few."""
        if self.ordinals is None or not self.ordinals.any():
            return
        own = self.ordinals[kept]
        for n in np.flatnonzero(own).tolist():
            values[n] = values[n][:-1] + b',"ordinal":%d}' % own[n]

    def columns(
        self, names: list[bytes], without_value: Callable[[bytes], list[str]]
    ) -> ColumnBatch:
        """Return what `read_columns` yields; a row's fields `without_value` are counted."""
        kept = self.rows.fate == MESSAGE
        undefined: Counter[str] = Counter()
        for row in self.rejected:
            undefined.update(without_value(row.raw))
        return ColumnBatch(
            self.last_row,
            self.rows.values if kept.all() else self.rows.values[kept],
            names,
            self.passed,
            self.rejected,
            undefined,
            self.damaged,
            None if self.ordinals is None else self.ordinals[kept],
        )
