"""How files lie on the tape: in which order, which overlap, and which are not in order inside."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tape.archives.file_order import FileOrder
from tape.desk.inspect.report import FileReport

MOST_NAMED: Final = 20
"""Files that are named of those that one overlaps with."""


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
        report.out_of_order, report.out_of_order_most_s = order.disordered, order.farthest_s
        report.overlaps = int(np.count_nonzero(meets)) if order.first_ns >= 0 else 0
        if report.overlaps:
            others = np.flatnonzero(meets)[:MOST_NAMED].tolist()
            report.overlaps_with = [ordered[other][0].path for other in others]
    return [report for report, _, _ in ordered]
