"""Where a whole file lies in time, and which files make up a day together."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tape.archives.discovery import Archive
from tape.archives.reader import read_columns
from tape.archives.tape_file import times_of
from tape.archives.time_keys import TimeKeys
from tape.codec.text import I64
from tape.errors import ArchiveError
from tape.model.fields import NANOS, TIME_MAX_NS

DAY_NS: Final = 86_400 * NANOS
NEW_YORK_BEHIND_NS: Final = 5 * 3_600 * NANOS


class FileOrder:
    """Follows the times of one file, by which it is put among others.

    Attributes:
        first_ns: where it begins, -1 without a trade.
        last_ns: where it ends.
    """

    def __init__(self) -> None:
        self._keys = TimeKeys()
        self.first_ns = self.last_ns = -1

    def add(self, trades: I64) -> None:
        """Follow the next trades of the file."""
        self._keys.add(times_of(trades))
        self._take()

    def end(self) -> None:
        """Follow it to its end."""
        self._keys.end()
        self._take()

    @property
    def disordered(self) -> int:
        """Return how many trades contradict those around them."""
        return self._keys.disordered

    @property
    def farthest_s(self) -> float:
        """Return by how much the farthest of these is off."""
        return self._keys.farthest_ns / NANOS

    def _take(self) -> None:
        while (keys := self._keys.next()) is not None:
            if len(keys):
                self.first_ns = int(keys[0]) if self.first_ns < 0 else self.first_ns
                self.last_ns = max(self.last_ns, int(keys.max()))


def days_of_files(archives: Sequence[Archive]) -> list[list[Archive]]:
    """Return files in order of time, those together that overlap or are parts of one day.

    Each is read once for this. A file that cannot be read or has no trade stands alone, first.
    """
    spans = sorted((*_span(archive), archive.sha256, archive) for archive in archives)
    days: list[list[Archive]] = []
    until_ns, before = -1, -1
    for first_ns, last_ns, day, _, archive in spans:
        if first_ns >= 0 and days and (first_ns < until_ns or day == before):
            days[-1].append(archive)
        else:
            days.append([archive])
        until_ns, before = max(until_ns, last_ns), day
    return days


def _span(archive: Archive) -> tuple[int, int, int]:
    """Return first and last time of a file, and the day in which most of it lies."""
    order, times = FileOrder(), []
    try:
        for batch in read_columns(archive, latest_ns=TIME_MAX_NS):
            order.add(batch.values)
            times.append(times_of(batch.values))
    except ArchiveError:  # reported by who reads it for its trades
        return -1, -1, -1
    order.end()
    if order.first_ns < 0:
        return -1, -1, -1
    middle_ns = int(np.median(np.concatenate(times)))
    return order.first_ns, order.last_ns, (middle_ns - NEW_YORK_BEHIND_NS) // DAY_NS
