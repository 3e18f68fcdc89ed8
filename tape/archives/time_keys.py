"""Where each trade of a file stands in time, when some of its times are wrong.

A tape is put together by these keys. They are the trades' own times where a file is in order; a
time that contradicts its neighbours is replaced by a neighbour's, so that one wrong clock moves
neither the file nor the trades of other files.
"""

from collections import deque
from typing import Final

import numpy as np

from tape.archives.order_kernel import in_order
from tape.codec.text import I64
from tape.model.fields import NANOS

BEHIND: Final = 1_024
AHEAD: Final = 2_200
"""Trades looked at before and behind those whose keys are made: with more than twice 1,024 ahead,
a thousand wrong times in a row are always fewer than the right ones."""

FEW: Final = 3
"""This many trades at an end of a file may stand apart, and are drawn to the others."""

MANY: Final = 1_024
PAUSE_NS: Final = 4 * 86_400 * NANOS
"""This many may if they stand apart by more than this, which is longer than markets close."""

LEAST_APART_NS: Final = 60 * NANOS
"""A few trades apart by less, a minute, are a quiet stretch of the same session."""
LEAST_BODY: Final = 32
"""Trades that must follow those that stand apart: of fewer it is not known which are the right
ones."""
HELD_MOST: Final = 64
"""Pieces that are held at most, however few trades are in them."""

NOTHING: Final = np.empty(0, np.int64)


class TimeKeys:
    """Makes the keys of one file, piece by piece, looking some way ahead.

    Attributes:
        disordered: trades whose key is not their time.
        farthest_ns: by how much, at most.
    """

    def __init__(self, ahead: int = AHEAD) -> None:
        self._ahead = ahead
        self._behind = NOTHING
        self._held: deque[I64] = deque()
        self._waiting = 0
        self._ended = False
        self._lead: tuple[int, int] | None = None
        self.disordered = 0
        self.farthest_ns = 0

    @property
    def held(self) -> int:
        """Return how many trades were added whose keys are not made."""
        return self._waiting

    def add(self, times: I64) -> None:
        """Add the times of the next piece of the file."""
        self._held.append(times)
        self._waiting += len(times)

    def end(self) -> None:
        """Say that no piece follows."""
        self._ended = True

    def next(self) -> I64 | None:
        """Return the keys of the next piece, or None while more has to be added first."""
        if not self._held:
            return None
        ready = self._ended or len(self._held) > HELD_MOST or not len(self._held[0])
        if not ready and self._waiting - len(self._held[0]) < self._ahead:
            return None
        times = self._held.popleft()
        self._waiting -= len(times)
        if not len(times):
            return times
        found = self._keys(times)
        self._behind = np.concatenate([self._behind, found])[-BEHIND:]
        off = np.abs(found - times)
        wrong = np.count_nonzero(off)
        if wrong:
            self.disordered += int(wrong)
            self.farthest_ns = max(self.farthest_ns, int(off.max()))
        return found

    def _keys(self, times: I64) -> I64:
        window = np.concatenate([self._behind, times, *self._held])
        start = len(self._behind)
        keys = window
        if (window[1:] < window[:-1]).any():
            keys = np.empty_like(window)
            in_order(window, keys)
        if self._lead is None:
            rows = _apart(keys, window)
            self._lead = rows, int(keys[min(rows, len(keys) - 1)])
        if self._ended:
            rows = _apart(-keys[::-1], -window[::-1])
            if rows:
                keys[len(keys) - rows :] = keys[len(keys) - rows - 1]
        found = keys[start : start + len(times)]
        rows, key = self._lead
        if rows:
            found[:rows] = key
            self._lead = max(0, rows - len(found)), key
        return found


def _apart(keys: I64, times: I64) -> int:
    """Return how many of the first keys, which are in order, stand apart from those behind.

    Of these rows some may have times that agree with those behind: they speak against it.
    """
    gaps = np.diff(keys[: 2 * MANY + 1])
    count = np.arange(1, len(gaps) + 1)
    far = (gaps > PAUSE_NS) | ((gaps > LEAST_APART_NS) & (count <= FEW))
    for rows in count[far][::-1].tolist():
        apart = int(np.count_nonzero(times[:rows] <= keys[rows - 1]))
        body = keys[rows : rows + MANY]
        enough = apart <= MANY and len(keys) - apart >= max(apart, LEAST_BODY)
        if enough and gaps[rows - 1] > body[-1] - body[0]:
            return int(rows)
    return 0
