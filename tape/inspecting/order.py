"""How files lie on the tape: in which order, which overlap, and which are not in order inside."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tape.archives.tape_file import times_of
from tape.archives.time_keys import TimeKeys
from tape.inspecting.report import FileReport
from tape.scan import I64
from tape.trade_fields import NANOS

MOST_NAMED: Final = 20
"""Files that are named of those that one overlaps with."""


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

    def end(self, report: FileReport) -> None:
        """Say what came of it."""
        self._keys.end()
        self._take()
        report.out_of_order = self._keys.disordered
        report.out_of_order_most_s = self._keys.farthest_ns / NANOS

    def _take(self) -> None:
        while (keys := self._keys.next()) is not None:
            if len(keys):
                self.first_ns = int(keys[0]) if self.first_ns < 0 else self.first_ns
                self.last_ns = max(self.last_ns, int(keys.max()))


def in_order(files: Sequence[tuple[FileReport, FileOrder, str]]) -> list[FileReport]:
    """Return files in the order of the tape, each with the others that it overlaps with.

    The third of each is what is compared where the times are the same. Files that only touch do
    not overlap.
    """
    ordered = sorted(files, key=lambda one: (one[1].first_ns, one[1].last_ns, one[2]))
    first = np.array([order.first_ns for _, order, _ in ordered], np.int64)
    last = np.array([order.last_ns for _, order, _ in ordered], np.int64)
    for n, (report, order, _) in enumerate(ordered):
        meets = (first < order.last_ns) & (last > order.first_ns) & (first >= 0)
        meets[n] = False
        report.overlaps = int(np.count_nonzero(meets)) if order.first_ns >= 0 else 0
        if report.overlaps:
            others = np.flatnonzero(meets)[:MOST_NAMED].tolist()
            report.overlaps_with = [ordered[other][0].path for other in others]
    return [report for report, _, _ in ordered]
