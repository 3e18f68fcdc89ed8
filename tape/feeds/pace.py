"""Replaying at the speed of the tape."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from tape.process.clock import CLOCK, Clock

TICK_S = 0.02
"""Trades that fall due within this time are sent together."""

NAP_S = 0.1
"""Longest sleep before looking whether to stop, or to commit what was sent."""


class Pace:
    """Says when the trades of a file are due; the first one is due at once.

    `speed` 0 is as fast as possible, 1 the speed of the tape, 10 ten times that.
    """

    def __init__(self, speed: float, clock: Clock = CLOCK) -> None:
        self._speed, self._clock = speed, clock
        self._first_ns: int | None = None
        self._start_s = 0.0

    def slices(
        self, ts_event_ns: npt.NDArray[np.int64], *, until: Callable[[], bool]
    ) -> Iterator[tuple[int, int]]:
        """Yield (start, stop) of consecutive trades when they are due; ends when `until` is true.

        A batch that is cut short so must not be counted as sent.
        """
        count = len(ts_event_ns)
        if not self._speed or not count:
            yield 0, count
            return
        if self._first_ns is None:
            self._first_ns, self._start_s = int(ts_event_ns[0]), self._clock.now_s()
        due_s = (ts_event_ns - self._first_ns) / (1e9 * self._speed)
        start = 0
        while start < count and not until():
            now_s = self._clock.now_s() - self._start_s
            stop = start + int(np.searchsorted(due_s[start:], now_s + TICK_S, side="right"))
            if stop > start:
                yield start, stop
                start = stop
            else:
                self._clock.sleep(min(NAP_S, float(due_s[start]) - now_s))
