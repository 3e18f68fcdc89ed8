"""The text of trades, read a second time from the files that they were judged from."""

from collections.abc import Iterator, Sequence

import numpy as np

from tape.archives import Archive
from tape.archives.discovery import sha256_of
from tape.archives.formats import format_of
from tape.archives.row_texts import RowTexts, changed
from tape.codec.array_types import I64, Bools


class TapeTexts:
    """Gives the rows of trades in the order of the tape.

    Of each file that is in use one chunk is in memory: a file keeps its own order on the tape, so
    it is read on as its trades are asked for.

    Args:
        archives: the files.
        files: their sha256, by the number that places have.
        trades: how many trades of each are still to come.
    """

    def __init__(self, archives: Sequence[Archive], files: Sequence[str], trades: I64) -> None:
        by_sha = {archive.sha256: archive for archive in archives}
        self._archives = [by_sha[sha256] for sha256 in files]
        self._left = trades.copy()
        self._open: dict[int, RowTexts] = {}

    def head(self) -> bytes:
        """Return what stands above the rows of the first file that has trades."""
        used = np.flatnonzero(self._left)
        return self._file(int(used[0])).head if len(used) else b""

    def of(self, places: I64, kept: Bools) -> Iterator[bytes]:
        """Yield the rows of those trades that are kept: as many as are in one place at a time."""
        for file, first, count in _stretches(places[kept]):
            yield self._file(file).text(first, count)
        self._left -= np.bincount(places[:, 0], minlength=len(self._left))
        for file in [one for one in self._open if not self._left[one]]:
            del self._open[file]

    def check(self) -> None:
        """Raise `ArchiveError` if a file is not what it was when it was judged."""
        for archive in self._archives:
            if sha256_of(archive.path) != archive.sha256:
                raise changed(archive)

    def _file(self, number: int) -> RowTexts:
        found = self._open.get(number)
        if found is None:
            archive = self._archives[number]
            found = self._open[number] = RowTexts(archive, format_of(archive))
            if found.fault is not None:
                raise changed(archive)
        return found


def _stretches(places: I64) -> Iterator[tuple[int, int, int]]:
    """Yield file, first row and count of trades that follow one another in a file."""
    if not len(places):
        return
    file, row = places[:, 0], places[:, 1]
    breaks = (file[1:] != file[:-1]) | (row[1:] != row[:-1] + 1)
    starts = np.concatenate(([0], np.flatnonzero(breaks) + 1))
    counts = np.diff(np.append(starts, len(places)))
    yield from zip(file[starts].tolist(), row[starts].tolist(), counts.tolist(), strict=True)
