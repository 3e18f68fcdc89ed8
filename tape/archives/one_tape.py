"""Files as one tape: in order of time, whatever their names and however they are cut.

Files that follow one another are read one after another. Files that overlap are merged by
`ts_recv`, then `ts_event`, publisher and sequence, with a fixed number of trades of each in
memory. No file changes its own order.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

import numpy as np

from tape.archives.discovery import Archive
from tape.archives.order_kernel import keep_order
from tape.archives.reader import Piece, read_pieces
from tape.archives.tape_batches import Columns, Form, Messages, Part, TapeBatch, TapeColumns
from tape.archives.tape_file import END, Start, TapeFile
from tape.archives.time_keys import AHEAD
from tape.archives.zstd import CHUNK
from tape.codec.row_fields import PUBLISHER, SEQUENCE, TS_EVENT
from tape.codec.text import I64

HELD_AT_START: Final = 100_000
"""Trades of files not yet begun that are kept from when their starts were looked up."""

WIDE: Final = 64
"""From this many files that overlap on, less of each is read ahead."""

NUMBERED_CHUNK: Final = 4 * CHUNK
"""Bytes of a chunk whose trades are judged as numbers: larger ones cost less in calls."""

LEAST_CHUNK: Final = 32 * 1024
"""Bytes of a chunk at the least, however many files overlap: smaller ones cost more in calls."""

Batch = TypeVar("Batch")


def read_tape(
    archives: Sequence[Archive],
    *,
    latest_ns: int,
    symbols: frozenset[str] = frozenset(),
    done: Mapping[str, int] | None = None,
) -> Iterator[TapeBatch]:
    """Yield the messages of files in order of time; the order of `archives` has no effect.

    `done` says by sha256 how many rows of a file lie behind: they are read, because the order
    of the others depends on them, and skipped. Trades later than `latest_ns` are rejected; with
    `symbols`, only these come. No error is raised for a file that cannot be read: a batch has it.
    """
    form = Messages(done or {})
    return _Tape(form, archives, latest_ns, symbols, writes=True).batches()


def read_tape_columns(
    archives: Sequence[Archive],
    *,
    latest_ns: int,
    symbols: frozenset[str] = frozenset(),
    done: Mapping[str, int] | None = None,
    counts_equal: bool = False,
) -> Iterator[TapeColumns]:
    """Yield the same trades as numbers, which costs half as much as their messages.

    They have ordinals if it `counts_equal` trades.
    """
    form = Columns(done or {})
    return _Tape(
        form, archives, latest_ns, symbols, writes=False, counts_equal=counts_equal
    ).batches()


def by_start(archives: Sequence[Archive], *, latest_ns: int) -> list[Archive]:
    """Return files in the order in which they begin, each content once."""
    form = Columns({})
    tape = _Tape(form, archives, latest_ns, frozenset(), writes=False)
    return tape.by_start()


class _Tape(Generic[Batch]):
    """Goes once through the files of a tape."""

    def __init__(
        self,
        form: Form[Batch],
        archives: Sequence[Archive],
        latest_ns: int,
        symbols: frozenset[str],
        *,
        writes: bool,
        counts_equal: bool = False,
    ) -> None:
        self._form, self._counts_equal = form, counts_equal
        self._chunk = NUMBERED_CHUNK if counts_equal else CHUNK
        self._archives = {archive.sha256: archive for archive in archives}
        self._latest_ns, self._symbols, self._writes = latest_ns, symbols, writes
        self._waiting: deque[tuple[int, TapeFile | Archive]] = deque()
        self._active: list[TapeFile] = []

    def batches(self) -> Iterator[Batch]:
        """Yield the trades of all files."""
        self._find_starts()
        while self._active or self._waiting:
            if not self._active:
                self._open()
            if len(self._active) == 1 and not self._waiting:
                file = self._active.pop()
                for part in file.rest():
                    yield self._form.batch([part], None)
                yield self._ended(file)
            else:
                yield from self._step()

    def by_start(self) -> list[Archive]:
        """Return the files in the order in which they begin."""
        self._find_starts()
        files = (file for _, file in self._waiting)
        return [file if isinstance(file, Archive) else file.archive for file in files]

    def _find_starts(self) -> None:
        """Put the files in the order in which they begin; few of them stay in memory."""
        archives, held = list(self._archives.values()), 0
        if len(archives) == 1:  # there is no order to be found
            self._waiting.append((-1, archives[0]))
            return
        found: list[tuple[Start, TapeFile | Archive]] = []
        for archive in archives:
            kept = not self._symbols and held <= HELD_AT_START
            reader = self._reader(frozenset(), self._chunk)  # a symbol may come late in its file
            file = TapeFile(archive, reader)
            found.append((file.start(), file if kept else archive))
            held += file.held if kept else 0
        found.sort(key=lambda one: one[0])
        self._waiting.extend((start.ns, file) for start, file in found)

    def _open(self) -> None:
        """Begin with the next file; the more overlap, the less is read ahead of each."""
        _, file = self._waiting.popleft()
        if isinstance(file, Archive):
            share = 1 + len(self._active) // WIDE
            reader = self._reader(self._symbols, max(LEAST_CHUNK, self._chunk // share))
            file = TapeFile(file, reader, AHEAD // share)
        self._active.append(file)

    def _reader(self, symbols: frozenset[str], chunk: int) -> Callable[[Archive], Iterator[Piece]]:
        return partial(
            read_pieces,
            latest_ns=self._latest_ns,
            symbols=symbols,
            writes=self._writes,
            chunk=chunk,
            counts_equal=self._counts_equal,
        )

    def _step(self) -> Iterator[Batch]:
        """Yield what comes next, or read on, or begin with a file."""
        for file in self._active:
            file.fill()
            for part in file.without_trades():
                yield self._form.batch([part], None)
        for file in [one for one in self._active if one.ended and not one.ready]:
            self._active.remove(file)
            yield self._ended(file)
        if not self._active or not all(file.left for file in self._active):
            return
        if self._open_reached():
            return
        next_ns = self._waiting[0][0] if self._waiting else END
        alone = len(self._active) == 1
        bound = END if alone else min(file.bound() for file in self._active)
        found = [one for file in self._active for one in file.take(min(bound, next_ns))]
        if not found and bound < next_ns:
            self._read_on(bound)
        elif not found and any(file.goes_beyond(next_ns) for file in self._active):
            self._open()
        elif not found:  # what begins there only touches: the earlier ones come to their end
            found = [one for file in self._active for one in file.take(END)]
        if found:
            parts, keys = zip(*found, strict=True)
            yield self._form.batch(parts, merged_order(parts, keys))

    def _open_reached(self) -> bool:
        """Begin at once with all files that overlap with what is ready; returns if any does."""
        ready_ns = max(file.ready_to() for file in self._active)
        any_begun = False
        while self._waiting and self._waiting[0][0] < ready_ns:
            self._open()
            any_begun = True
        return any_begun

    def _read_on(self, bound: int) -> None:
        """Read on in the files that hold up all others."""
        for file in self._active:
            if file.bound() <= bound:
                file.advance()

    def _ended(self, file: TapeFile) -> Batch:
        sha256 = file.archive.sha256
        ended = [] if file.unreadable else [sha256]
        return self._form.ended({sha256: file.rows}, ended, file.unreadable)


def merged_order(parts: Sequence[Part], keys: Sequence[I64]) -> I64 | None:
    """Return the order of the parts' trades by key, None if that is one part after the other.

    Equal keys of different files are told apart by exchange time, publisher and sequence.
    """
    if all(part.sha256 == parts[0].sha256 for part in parts):
        return None
    files = {sha256: n for n, sha256 in enumerate(dict.fromkeys(part.sha256 for part in parts))}
    key = np.concatenate(keys)
    file = np.repeat([files[part.sha256] for part in parts], [len(some) for some in keys])
    order: I64 = np.argsort(key, kind="stable")
    by_key, by_file = key[order], file[order]
    if not ((by_key[1:] == by_key[:-1]) & (by_file[1:] != by_file[:-1])).any():
        return order
    fields = np.concatenate(
        [
            part.piece.trades[part.start : part.stop][:, (TS_EVENT, PUBLISHER, SEQUENCE)]
            for part in parts
        ]
    )
    keep_order(key, file, fields)
    order = np.lexsort((fields[:, 2], fields[:, 1], fields[:, 0], key))
    return order
