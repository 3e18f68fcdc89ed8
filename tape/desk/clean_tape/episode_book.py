"""The episodes of a replay by number, as rows of a table refer to them before their end is known.

A mark is known only when its episode closes, often long after its first trade. So rows keep a
number, and this keeps what became of each: some 200 bytes an episode, of which a day of an active
symbol has about a hundred.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
import numpy as np

from tape.codec.array_types import F64, I64
from tape.judging.episodes import EpisodeStep
from tape.model.episode import MARKS, Mark

NO_EPISODE: Final = -1
"""Of a trade that is not flagged."""
OPEN: Final = -2
"""Stands for a mark that is not known yet: the episode is open."""
NO_MARK: Final = -1
"""Stands for the mark of an episode that closed without one."""


class _Prices(msgspec.Struct, frozen=True):
    """What the last message of an episode says of its price, in dollars."""

    price_before: float | None = None
    price_extreme: float | None = None


class EpisodeBook:
    """Episodes in the order in which they opened.

    Attributes:
        ids: their identities.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._marks = array("b")
        self._before = array("d")
        self._extreme = array("d")
        self._open: dict[str, int] = {}
        self._read = msgspec.json.Decoder(_Prices)

    def follow(self, steps: Iterable[EpisodeStep]) -> Iterator[tuple[int, bool]]:
        """Yield the episode of each step, in their order, and whether the step closes it."""
        for step in steps:
            number = self._open.get(step.episode_id)
            if number is None:
                number = self._begin(step.episode_id)
            if step.state == "closed":
                del self._open[step.episode_id]
                self._close(number, step.value, step.mark)
            yield number, step.state == "closed"

    @property
    def marks(self) -> I64:
        """Return what became of each: a place in `MARKS`, `NO_MARK`, or `OPEN`."""
        return np.array(self._marks, np.int64)

    @property
    def before(self) -> F64:
        """Return the last ordinary price before each, in dollars; NaN where there is none."""
        return np.array(self._before, np.float64)

    @property
    def extreme(self) -> F64:
        """Return of each the flagged price farthest from the one before; NaN while it is open."""
        return np.array(self._extreme, np.float64)

    def _begin(self, episode_id: str) -> int:
        number = len(self.ids)
        self.ids.append(episode_id)
        self._open[episode_id] = number
        self._marks.append(OPEN)
        self._before.append(np.nan)
        self._extreme.append(np.nan)
        return number

    def _close(self, number: int, value: bytes, mark: Mark | None) -> None:
        said = self._read.decode(value)
        self._marks[number] = NO_MARK if mark is None else MARKS.index(mark)
        if said.price_before is not None:
            self._before[number] = said.price_before
        if said.price_extreme is not None:
            self._extreme[number] = said.price_extreme
