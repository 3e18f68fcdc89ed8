"""Taking decisions: one at a time, each with sight of the one before."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from tape.errors import SettingsError
from tape.model.review import Review, Step, after, checked_step, encode_review
from tape.page.board import Board
from tape.process.clock import WALL_CLOCK, Clock


class Shelf(Protocol):
    """Where decisions are kept."""

    def put(self, review: Review) -> None:
        """Keep a decision, and return when it was read again; raises `BrokerError`."""


class MemoryShelf:
    """Keeps decisions as long as the process lives: of a page without a broker."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def put(self, review: Review) -> None:
        """Keep a decision."""
        self._board.add_review(encode_review(review))


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a decision.

    Attributes:
        review: what counts now.
        taken: whether it is this decision; if not, somebody else was earlier.
    """

    review: Review | None
    taken: bool


class Decisions:
    """Takes decisions of all viewers of a page; other pages on the same topic may take others."""

    def __init__(self, board: Board, shelf: Shelf, clock: Clock = WALL_CLOCK) -> None:
        self._board, self._shelf, self._clock = board, shelf, clock
        self._lock = threading.Lock()

    def decide(
        self,
        episode_id: str,
        state: str,
        reason: str,
        note: str,
        tags: tuple[str, ...],
        *,
        by: str,
        steps_seen: int,
    ) -> Answer:
        """Take a decision of somebody who saw `steps_seen` decisions about the episode before.

        Somebody who saw fewer than there are is shown what counts, and decides again. Raises
        `SettingsError` for what cannot be, and `BrokerError` where it cannot be kept.
        """
        at = datetime.fromtimestamp(self._clock.now_s(), UTC).isoformat(timespec="milliseconds")
        step: Step = checked_step(state, reason, note, tags, by=by, at=at.replace("+00:00", "Z"))
        with self._lock:
            if self._board.detail(episode_id) is None:
                raise SettingsError("this episode is not known", "reload the page")
            before = self._board.review(episode_id)
            if steps_seen != (0 if before is None else len(before.history)):
                return Answer(before, taken=False)
            wanted = after(before, episode_id, step)
            self._shelf.put(wanted)
            now = self._board.review(episode_id)
            return Answer(now, taken=now == wanted)
