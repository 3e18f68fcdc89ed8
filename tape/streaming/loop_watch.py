"""Ends an app whose loop hangs in a call of the client, so that its supervisor starts it again."""

import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Final

from tape.process.clock import CLOCK, Clock

HANGS_S: Final = 130.0
"""Longer than any call may take: the library gives a broker 120 s before it fails an app.

Seen: a broker that was stopped while a detector was being given its partitions, and a client that
waited for ever inside a call, also when the broker was back.
"""


INNERMOST: Final = 4
"""Functions that are named: the client's call, the library's around it, and ours."""


def end_at_once() -> None:
    """Say why, and end the process as a kill would: the next start continues after the commit."""
    print(
        f"error: the Kafka client has hung for {HANGS_S:.0f} s ({where_the_loop_is()}); nothing of "
        "the last transaction was committed, start the app again",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)


def where_the_loop_is() -> str:
    """Return which functions the main thread is in, the innermost first: a hang must say where."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    names = [summary.name for summary in traceback.extract_stack(frame)]
    return "in " + " of ".join(names[: -INNERMOST - 1 : -1])


class LoopWatch:
    """Calls `on_hang` from a thread of its own once no beat has come for too long.

    Args:
        limit_s: longest time between two beats.
        on_hang: what is done then, once; it ends the process unless it is given.
        clock: by which time is measured.
        every_s: how often is looked.
    """

    def __init__(
        self,
        limit_s: float = HANGS_S,
        on_hang: Callable[[], None] = end_at_once,
        *,
        clock: Clock = CLOCK,
        every_s: float = HANGS_S / 10,
    ) -> None:
        self._limit_s, self._on_hang = limit_s, on_hang
        self._clock, self._every_s = clock, every_s
        self._beat_s = clock.now_s()
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to watch."""
        self.beat()
        threading.Thread(target=self._watch, name="loop watch", daemon=True).start()

    def beat(self) -> None:
        """Note that the loop runs."""
        self._beat_s = self._clock.now_s()

    @property
    def hangs(self) -> bool:
        """Return whether no beat has come for too long."""
        return self._clock.now_s() - self._beat_s > self._limit_s

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(self._every_s):
            if self.hangs:
                self._on_hang()
                return
