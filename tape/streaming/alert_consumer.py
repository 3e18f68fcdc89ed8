"""Reads `episodes` for people: commits nothing that is still on its way to them."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from quixstreams.models import Topic

from tape.streaming.sink_consumer import SinkConsumer


class AlertConsumer(SinkConsumer):
    """A sink's consumer whose commits stop before what has not been acknowledged.

    Attributes:
        on_leaving: called before partitions go, while their offsets can still be committed.
        before_commit: called before each commit.
        safe: from a partition and the offset to be committed, the one that may be.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_leaving: Callable[[], None] = lambda: None
        self.before_commit: Callable[[], None] = lambda: None
        self.safe: Callable[[int, int], int] = lambda partition, offset: offset

    def subscribe(
        self,
        topics: list[Topic],
        on_assign: Callable[..., None] | None = None,
        on_revoke: Callable[..., None] | None = None,
        on_lost: Callable[..., None] | None = None,
    ) -> None:
        """Subscribe, and have what is on its way brought to an end before partitions go."""

        def revoked(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self.on_leaving()
            if on_revoke is not None:
                on_revoke(consumer, partitions)

        super().subscribe(topics, on_assign=on_assign, on_revoke=revoked, on_lost=on_lost)

    def commit(
        self,
        message: Message | None = None,
        offsets: list[TopicPartition] | None = None,
        asynchronous: bool = True,
    ) -> list[TopicPartition] | None:
        """Commit offsets as far as that is safe."""
        self.before_commit()
        lowered = [
            TopicPartition(part.topic, part.partition, self.safe(part.partition, part.offset))
            for part in offsets or []
        ]
        if not lowered:
            return []
        committed: list[TopicPartition] | None = super().commit(
            offsets=lowered, asynchronous=asynchronous
        )
        return committed
