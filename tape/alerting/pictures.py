"""Pictures for messages, within a time: an alert goes without one rather than late."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from tape.alerting.decision import Announcement
from tape.errors import TapeError
from tape.process.bounded import NoAnswerError, in_time
from tape.process.clock import CLOCK, Clock

log = logging.getLogger(__name__)

Source = tuple[int, int]
"""Partition and offset on `stocks` of the trade that brought a state."""

Draw = Callable[[Announcement, Source], bytes | None]

PICTURE_S: Final = 5.0
"""Longest wait for a picture. Reading the trades and drawing takes half a second of a processor."""

PAUSE_S: Final = 60.0
"""After a failure none is tried for so long: of a thousand messages that wait, each would wait."""

KEPT: Final = 16
"""Pictures that are kept for the other channels, which want them in the same moment."""


class Pictures:
    """Has pictures drawn, one at a time, for all channels.

    Attributes:
        failing: why the last one failed; empty if it did not.
    """

    def __init__(self, draw: Draw, clock: Clock = CLOCK) -> None:
        """Take what draws, and gives None where there is nothing to draw.

        It is called in a thread that is left behind if it takes too long.
        """
        self._draw, self._clock = draw, clock
        self._turn = threading.Lock()
        self._drawing = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._paused_s = 0.0
        self.failing = ""

    def of(self, announcement: Announcement, source: Source) -> bytes | None:
        """Return the picture of an announcement as PNG; None if there is none within the time."""
        if not self._turn.acquire(timeout=PICTURE_S):
            return None
        try:
            return self._found(announcement, source)
        finally:
            self._turn.release()

    def _found(self, announcement: Announcement, source: Source) -> bytes | None:
        name = _name(announcement)
        if name in self._kept:
            return self._kept[name]
        if self._paused_s > self._clock.now_s() or self._drawing.locked():
            return None
        try:
            picture = in_time(PICTURE_S, lambda: self._drawn(announcement, source))
        except TapeError as error:
            self._fail(str(error))
        except NoAnswerError as late:
            self._fail(f"it took too long: {late}")
        except Exception as error:  # of the drawing library: no trade may keep an alert from people
            self._fail(f"it cannot be drawn ({type(error).__name__})")
        else:
            self.failing = ""
            if picture is not None:
                self._keep(name, picture)
            return picture
        return None

    def _drawn(self, announcement: Announcement, source: Source) -> bytes | None:
        with self._drawing:
            return self._draw(announcement, source)

    def _keep(self, name: str, picture: bytes) -> None:
        self._kept[name] = picture
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _fail(self, why: str) -> None:
        self._paused_s = self._clock.now_s() + PAUSE_S
        if not self.failing:
            log.warning("no picture", extra={"reason": why})
        self.failing = why


def _name(announcement: Announcement) -> str:
    """Return what a picture is of: the same on all channels."""
    return announcement.once.replace(f"|{announcement.channel}|", "|", 1)
