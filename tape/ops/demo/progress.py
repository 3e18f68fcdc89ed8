"""How many trades a run has sent and judged by now, for its bars."""

from tape.kafka.reader import Progress
from tape.streaming.positions import PositionsFollower, positions_topic, read_positions, totals


class TradeProgress:
    """Turns offsets into trades.

    A transaction's mark on a partition has an offset too, so offsets are a few more than trades.
    """

    def __init__(self, client: dict[str, str], topic: str) -> None:
        self._client, self._topic = client, positions_topic(topic)
        self._follower = PositionsFollower(client, self._topic)
        self._all: int | None = None

    def sent(self) -> int:
        """Return how many trades the producer has sent."""
        return self._follower.trades() if self._all is None else self._all

    def producer_done(self) -> int:
        """Note that the producer has ended; returns how many trades it has sent in all."""
        self._all, _ = totals(read_positions(self._client, self._topic).files)
        return self._all

    def judged(self, progress: Progress) -> int:
        """Return how many of them are judged, as the marks lie evenly among the trades."""
        return judged_trades(self.sent(), progress)

    def close(self) -> None:
        """Leave the broker."""
        self._follower.close()


def judged_trades(sent: int, progress: Progress) -> int:
    """Return how many of the trades sent are judged, by the share of offsets that is committed.

    >>> judged_trades(1_000, Progress(written=1_010, committed=505))
    500
    >>> judged_trades(1_000, Progress(written=1_010, committed=1_010))
    1000
    """
    if progress.written <= 0:
        return 0
    return sent * min(progress.committed, progress.written) // progress.written
