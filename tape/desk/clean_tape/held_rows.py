"""Rows on disk until the tape is read: only then is the end of every episode known.

A symbol's episode closes with its next trade, which may come a day later; to hold the rows in
memory that long would take the whole tape. So they are written as they are, one after another, and
read again in blocks: some 120 bytes per trade beside the output, for as long as the command runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from tape.process.whole_file import scratch_folder

BLOCK: Final = 131_072
"""Rows that are read together, and so of a row group of Parquet."""


class HeldRows:
    """Rows of one type in a file."""

    def __init__(self, file: BinaryIO, kind: np.dtype[Any]) -> None:
        self._file, self._kind = file, kind

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Append rows."""
        self._file.write(np.ascontiguousarray(rows).view(np.uint8).data)

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Yield all rows in their order; none may be added any more."""
        self._file.seek(0)
        while block := self._file.read(BLOCK * self._kind.itemsize):
            yield np.frombuffer(block, self._kind)


@contextmanager
def held_rows(beside: Path, kind: np.dtype[Any]) -> Iterator[HeldRows]:
    """Give a place for rows in the folder of an output, which goes with the block."""
    with (
        scratch_folder(".tape-score-", beside=beside) as folder,
        (folder / "rows").open("w+b") as file,
    ):
        yield HeldRows(file, kind)
