"""Decisions on the topic `reviews`: written, read again, and put right where two met."""

from typing import Final

from tape.errors import BrokerLostError
from tape.kafka.lone_records import LoneRecords
from tape.model.review import Review, encode_review
from tape.page.board import Board
from tape.page.reader import TopicReader

BACK_S: Final = 10.0
"""How long the page's own reader may take to see a record; a person waits."""


class TopicShelf:
    """Keeps decisions on a topic of one partition, whose order decides between two pages.

    A record that was written without sight of the one before it does not count. It may still be
    the newest of its key, which is all that compaction leaves: so what counts is written again.
    """

    def __init__(
        self, client_config: dict[str, str], topic: str, board: Board, reader: TopicReader
    ) -> None:
        self._topic, self._board, self._reader = topic, board, reader
        self._records = LoneRecords(client_config)

    def put(self, review: Review) -> None:
        """Keep a decision; return when the board has seen what became of it."""
        self._write(review)
        counts = self._board.review(review.episode_id)
        if counts is not None and counts != review:
            self._write(counts)

    def _write(self, review: Review) -> None:
        key, value = review.episode_id.encode(), encode_review(review)
        partition, offset = self._records.put(self._topic, key, value)
        if not self._reader.wait_for(self._topic, partition, offset, BACK_S):
            raise BrokerLostError(
                "the decision was kept, but did not come back in time", "reload the page"
            )
