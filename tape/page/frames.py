"""What goes to the viewers' browsers: one frame four times a second, written once for all."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tape.model.bar import Bar, seconds_of
from tape.page.board import Board
from tape.page.pulse import Pulse
from tape.process.clock import WALL_CLOCK, Clock

EVERY_S: Final = 0.25
QUEUE_MAX: Final = 20
"""Frames that wait for a viewer; one that does not take them is cut, and comes back."""

encode = msgspec.json.Encoder().encode
BarRow = list[Any]


def bar_row(bar: Bar) -> BarRow:
    """Return a bar as the chart takes it: second, prices, volume, trades, flags, band."""
    second = seconds_of(bar.bar_start)
    prices = [bar.open, bar.high, bar.low, bar.close]
    return [second, *prices, bar.volume, bar.trades, bar.flagged, bar.lower, bar.upper]


@dataclass(eq=False)
class Viewer:
    """A browser that listens; it is sent the bars of one symbol."""

    symbol: str = ""
    frames: "deque[bytes]" = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    cut: bool = False

    def give(self, frame: bytes) -> None:
        """Put a frame in the queue; cut the viewer where it is full."""
        if len(self.frames) >= QUEUE_MAX:
            self.cut = True
        else:
            self.frames.append(frame)
        self.news.set()


class Feed:
    """Sends frames to viewers.

    Attributes:
        seq: number of the board's last change that was sent.
    """

    def __init__(self, board: Board, pulse: Pulse, clock: Clock = WALL_CLOCK) -> None:
        self._board, self._pulse, self._clock = board, pulse, clock
        self.viewers: set[Viewer] = set()
        self.seq = board.seq
        self.frames_sent = self.viewers_cut = 0
        self._beat_s = clock.now_s()

    async def run(self) -> None:
        """Send frames until this is cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.beat()

    def facts(self) -> dict[str, Any]:
        """Return how the pipeline is."""
        board, now_s = self._board, self._clock.now_s()
        self._pulse.note(now_s, board.trades, board.anomalies)
        facts = self._pulse.facts(now_s, board.newest_ns)
        return facts | {"unreadable": board.unreadable, "lost": board.lost, "now": now_s}

    def seconds_since_beat(self) -> float:
        """Return how long ago the last frame was sent."""
        return self._clock.now_s() - self._beat_s

    def beat(self) -> None:
        """Send one frame."""
        self._beat_s = self._clock.now_s()
        facts, board = self.facts(), self._board
        bars = board.new_bars()
        rows = board.changes(self.seq)
        since, self.seq = self.seq, board.seq
        frame = {"since": since, "seq": self.seq, "facts": facts, "rows": rows}
        common = encode(frame)[:-1]
        of_symbol: dict[str, bytes] = {}
        for viewer in list(self.viewers):
            if viewer.symbol not in of_symbol:
                rows_of = [bar_row(bar) for bar in bars.get(viewer.symbol, ())]
                of = {"symbol": viewer.symbol, "bars": rows_of}
                of_symbol[viewer.symbol] = common + b"," + encode(of)[1:]
            viewer.give(of_symbol[viewer.symbol])
            self.frames_sent += 1
            if viewer.cut:
                self.viewers.discard(viewer)
                self.viewers_cut += 1
