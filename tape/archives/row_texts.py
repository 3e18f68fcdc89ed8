"""The rows of a file as they stand in it, by their number, for who writes some of them again."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from tape.archives.beginnings import without_separator_line
from tape.archives.discovery import Archive
from tape.archives.format import Format
from tape.archives.zstd import CHUNK, LongLine, Piece, pieces
from tape.codec.text import I64
from tape.errors import ArchiveError
from tape.model.rejected import Rejected

NO_STARTS: Final[I64] = np.zeros(1, np.int64)


class RowTexts:
    """A file in lines, read once from its beginning on, with one chunk of it in memory.

    Attributes:
        head: what stands above the first row, byte by byte.
        fault: why the file cannot be read as trades, if so.
        first_row: the first row as a line, without its end.
    """

    def __init__(self, archive: Archive, form: Format) -> None:
        self._archive, self._form = archive, form
        self._tap = _Tap(pieces(archive.path, CHUNK), may_have_separator=form.encoding == "csv")
        self._chunks = form.whole(iter(self._tap))
        self._text, self._starts = b"", NO_STARTS
        self._first = 1
        self.head, self.first_row = b"", b""
        self.fault: Rejected | None = None
        self._begin()

    def text(self, first: int, count: int) -> bytes:
        """Return this many rows from one on, each with its line's end; they are asked for in order.

        Raises `ArchiveError` if the file has no such rows any more.
        """
        parts: list[bytes] = []
        while count:
            while first >= self._first + len(self._starts) - 1:
                self._advance()
            at = first - self._first
            end = min(at + count, len(self._starts) - 1)
            parts.append(self._text[self._starts[at] : self._starts[end]])
            first, count = first + end - at, count - (end - at)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _begin(self) -> None:
        for piece in self._chunks:
            if isinstance(piece, LongLine):
                self._first += 1
                continue
            if isinstance(piece, Rejected):
                self.fault = piece
                return
            rest = self._form.begin(piece)
            if isinstance(rest, Rejected):
                self.fault = rest
                return
            self.head = self._tap.cut(self._tap.above + len(piece) - len(rest))
            self.first_row = rest.partition(b"\n")[0]
            self._take(rest)
            return

    def _advance(self) -> None:
        """Take the next chunk."""
        self._first += len(self._starts) - 1
        self._text, self._starts = b"", NO_STARTS
        piece = next(self._chunks, None)
        if piece is None or isinstance(piece, Rejected):
            raise changed(self._archive)
        if isinstance(piece, LongLine):
            self._first += 1
        else:
            self._take(piece)

    def _take(self, rows: bytes) -> None:
        """Take rows: where each begins is seen in `rows`, what stands there is kept beside."""
        self._text = self._tap.cut(len(rows))
        ends = np.flatnonzero(np.frombuffer(rows, np.uint8) == ord("\n"))
        self._starts = np.concatenate((NO_STARTS, ends + 1))


class _Tap:
    """Chunks on their way, kept as they are until they are cut off.

    What joins lines to rows changes the ends of lines within them, but no length. `above` is how
    many bytes at the beginning are the line `sep=;`, which is read over.
    """

    def __init__(self, found: Iterator[Piece], *, may_have_separator: bool) -> None:
        self._found, self._kept = found, bytearray()
        self._is_first, self.above = may_have_separator, 0

    def __iter__(self) -> Iterator[Piece]:
        for piece in self._found:
            if isinstance(piece, bytes):
                if self._is_first:
                    self.above = len(piece) - len(without_separator_line(piece))
                self._kept += piece
            self._is_first = False
            yield piece

    def cut(self, size: int) -> bytes:
        """Return the first bytes that are kept, and let go of them."""
        found = bytes(self._kept[:size])
        del self._kept[:size]
        return found


def changed(archive: Archive) -> ArchiveError:
    """Return that a file is another than the one that was judged."""
    return ArchiveError(
        f"{archive.path} was changed while it was read", "start again when it is whole"
    )
