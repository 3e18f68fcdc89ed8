"""One file of a tape, read ahead as far as the order of time asks for."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tape.archives.discovery import Archive
from tape.archives.reader import Piece
from tape.archives.tape_batches import Part
from tape.archives.time_keys import AHEAD, HELD_MOST, TimeKeys
from tape.codec.row_fields import PUBLISHER, SEQUENCE, TS_EVENT, TS_RECV
from tape.codec.text import I64
from tape.errors import ArchiveError

END: Final = 2**63 - 1
"""Later than any time in ns."""
LEAST_READY: Final = 1_024
"""Trades in order that a file has ready where files are merged, so that all are read in turn."""

Reader = Callable[[Archive], Iterator[Piece]]


@dataclass(slots=True)
class Ready:
    """A piece with its keys, which never fall; `taken` of its trades went out already."""

    piece: Piece
    keys: I64
    last_key: int
    taken: int = 0

    @property
    def left(self) -> int:
        """Return how many trades are left."""
        return len(self.keys) - self.taken


@dataclass(frozen=True, slots=True, order=True)
class Start:
    """Where a file begins on the tape; they are compared in this order.

    `goes_on`: its first stretch has later times than the first.
    """

    ns: int
    goes_on: bool
    ts_event_ns: int
    publisher_id: int
    sequence: int
    sha256: str


class TapeFile:
    """A file of a tape.

    Attributes:
        archive: which one.
        ready: pieces whose place on the tape is known, in the file's order.
        rows: rows that were read of it and went out.
        unreadable: why it could not be read to its end.
        keys: makes the keys.
    """

    def __init__(self, archive: Archive, read: Reader, ahead: int = AHEAD) -> None:
        self.archive = archive
        self.ready: deque[Ready] = deque()
        self.rows = 0
        self.unreadable: ArchiveError | None = None
        self.keys = TimeKeys(ahead)
        self._read: deque[Piece] = deque()
        self._pieces = read(archive)
        self._ended = False
        self._left = 0

    @property
    def ended(self) -> bool:
        """Return whether everything of it is ready."""
        return self._ended and not self._read

    @property
    def left(self) -> int:
        """Return how many trades are ready."""
        return self._left

    @property
    def held(self) -> int:
        """Return how many trades are in memory."""
        return self._left + self.keys.held

    def advance(self) -> None:
        """Make one more piece ready, if there is one."""
        while True:
            keys = self.keys.next()
            if keys is not None:
                self._make_ready(self._read.popleft(), keys)
                return
            if self._ended:
                return
            self._read_one()

    def fill(self, least: int = LEAST_READY) -> None:
        """Make this many trades ready, unless the file ends before or has few in much of it."""
        while self._left < least and not self.ended and len(self.ready) <= HELD_MOST:
            self.advance()

    def take(self, before: int) -> Iterator[tuple[Part, I64]]:
        """Yield the trades that are ready and have a key before this one, and their keys."""
        while self.ready and self.ready[0].left:
            first = self.ready[0]
            stop = len(first.keys)
            if first.keys[-1] >= before:
                stop = int(np.searchsorted(first.keys, before))
            if stop == first.taken:
                return
            part = Part(self.archive.sha256, first.piece, first.taken, stop)
            yield self._out(part), first.keys[first.taken : stop]
            first.taken = stop
            if first.left:
                return
            self.ready.popleft()

    def without_trades(self) -> Iterator[Part]:
        """Yield what comes next as long as no trade is in it."""
        while self.ready and not self.ready[0].left:
            yield self._out(Part(self.archive.sha256, self.ready.popleft().piece, 0, 0))

    def rest(self) -> Iterator[Part]:
        """Yield all that is left, without a look at its times."""
        while self.ready:
            ready = self.ready.popleft()
            yield self._out(Part(self.archive.sha256, ready.piece, ready.taken, len(ready.keys)))
        while True:
            while self._read:
                piece = self._read.popleft()
                yield self._out(Part(self.archive.sha256, piece, 0, len(piece.trades)))
            if self._ended:
                return
            self._read_one()

    def _out(self, part: Part) -> Part:
        self.rows = part.rows
        self._left -= part.stop - part.start
        return part

    def start(self) -> Start:
        """Return where it begins; before everything if that is not known."""
        while not self._ended and self.held < AHEAD and len(self._read) <= HELD_MOST:
            self._read_one()
        trades = [piece.trades for piece in self._read if len(piece.trades)]
        if not trades:
            return Start(-1, False, 0, 0, 0, self.archive.sha256)
        probe = TimeKeys(0)
        probe.add(np.concatenate([times_of(some) for some in trades]))
        if self._ended:
            probe.end()
        keys = probe.next()
        assert keys is not None  # noqa: S101 - nothing has to be ahead
        first = trades[0][0]
        return Start(
            int(keys[0]),
            not self._ended or bool(keys[-1] > keys[0]),
            int(first[TS_EVENT]),
            int(first[PUBLISHER]),
            int(first[SEQUENCE]),
            self.archive.sha256,
        )

    def bound(self) -> int:
        """Return the key before which nothing more can come of the file."""
        if self.ended:
            return END
        for ready in reversed(self.ready):
            if len(ready.keys):
                complete = ready.last_key < ready.keys[-1] or len(self.ready) > HELD_MOST
                return int(ready.keys[-1]) + complete
        return -1

    def ready_to(self) -> int:
        """Return the last key that is ready."""
        return next((int(one.keys[-1]) for one in reversed(self.ready) if one.left), -1)

    def goes_beyond(self, ns: int) -> bool:
        """Return whether it has trades behind this time."""
        while True:
            if self.ready and len(self.ready[-1].keys) and self.ready[-1].keys[-1] > ns:
                return True
            if self.ended:
                return False
            if len(self.ready) > HELD_MOST:
                return True
            self.advance()

    def _read_one(self) -> None:
        try:
            piece = next(self._pieces)
        except ArchiveError as error:  # the other files can be read
            self.unreadable = error
        except StopIteration:
            pass
        else:
            self.keys.add(times_of(piece.trades))
            self._read.append(piece)
            return
        self._ended = True
        self.keys.end()

    def _make_ready(self, piece: Piece, keys: I64) -> None:
        last_key = int(keys[-1]) if len(keys) else 0
        if len(keys):
            floor = max((int(one.keys[-1]) for one in self.ready if one.left), default=-1)
            if floor > keys[0] or (keys[1:] < keys[:-1]).any():
                keys = np.maximum.accumulate(np.maximum(keys, floor))
        self.ready.append(Ready(piece, keys, last_key))
        self._left += len(keys)


def times_of(trades: I64) -> I64:
    """Return the times by which trades are put in order: as received, if that was noted."""
    received = trades[:, TS_RECV]
    times: I64 = np.where(received > 0, received, trades[:, TS_EVENT])
    return times
