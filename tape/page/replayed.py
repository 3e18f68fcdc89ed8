"""A page without a broker: a day from files through the detector, at a chosen speed."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Final

from tape.errors import TapeError
from tape.judging.replay import Replay, Shown
from tape.model.bar import Bar, decode_bar, seconds_of
from tape.model.fields import NANOS
from tape.page.board import Board
from tape.page.near import Recent
from tape.page.pulse import Pulse
from tape.process.clock import WALL_CLOCK, Clock

log = logging.getLogger(__name__)

STEP_S: Final = 0.2
"""Longest pause at once, so that an end is noticed."""


class ReplayedDay:
    """Judges files into a board, paced by the trades' own time."""

    def __init__(
        self,
        run: Replay,
        board: Board,
        pulse: Pulse,
        speed: float,
        clock: Clock = WALL_CLOCK,
    ) -> None:
        """Replay at `speed` times the speed of the tape; 0 is as fast as can be."""
        self._run, self._board, self._pulse = run, board, pulse
        self._speed, self._clock = speed, clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, name="page-replay", daemon=True)
        self.recent = Recent(board)
        self._first: tuple[int, float] | None = None

    def start(self) -> None:
        """Begin."""
        self._pulse.connected = True
        self._thread.start()

    def stop(self) -> None:
        """End; waits a moment for the thread, which is a daemon."""
        self._over.set()
        self._thread.join(2.0)

    def _show(self) -> None:
        """Play on a thread of the page; what keeps it from that is shown there."""
        try:
            self.play()
        except TapeError as error:
            log.error("replay ended", extra={"reason": str(error)})
            self._pulse.problem = f"The replay ended: {error.cause}."

    def play(self) -> None:
        """Judge all of it on this thread, and return when the day is over, or the page ends."""
        for shown in self._run.batches():
            self.recent.add(list(self._run.judge.symbols.names), shown.judged.batch.trades)
            for due_ns, add, value in sorted(self._news(shown), key=lambda one: one[0]):
                self._wait_for(due_ns)
                if self._over.is_set():
                    return
                add(value)
        faults = " ".join(f"{one}." for one in self._run.outcome.sentences(remedy=False))
        trades = "" if self._run.trades else "It had no trade."
        self._pulse.problem = " ".join(filter(None, ("The day is over.", trades, faults)))

    def _news(self, shown: Shown) -> Iterator[tuple[int, Callable[[bytes], None], bytes]]:
        """Yield what a stretch of the tape brings: when it is due, and where it goes."""
        board, bars = self._board, self._run.judge.bars
        for flagged in shown.judged.flagged:
            yield flagged.ts_event_ns, board.add_anomaly, flagged.value
        for step in shown.judged.episodes:
            yield step.ts_event_ns, self._add_episode, step.value
        for _, value in bars.told() if bars is not None else ():
            bar = decode_bar(value)
            if isinstance(bar, Bar):
                yield (seconds_of(bar.bar_start) + 1) * NANOS, board.add_bar, value

    def _add_episode(self, value: bytes) -> None:
        self._board.add_episode(value, self._clock.now_s())

    def _wait_for(self, due_ns: int) -> None:
        """Return when it is a time's turn; the tape's first one is due at once."""
        if not self._speed:
            return
        now_s = self._clock.now_s()
        if self._first is None:
            self._first = due_ns, now_s
        due_s = self._first[1] + (due_ns - self._first[0]) / NANOS / self._speed
        while (left_s := due_s - self._clock.now_s()) > 0 and not self._over.is_set():
            self._over.wait(min(left_s, STEP_S))
        self._pulse.news_s = self._clock.now_s()
