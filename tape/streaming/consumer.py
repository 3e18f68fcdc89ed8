"""What a detector reads: micro-batches of one topic, each partition from its commit on."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from tape.errors import BrokerLostError
from tape.process.interrupts import called_by_the_client
from tape.streaming.beginning import COMMITS_S, begin_at, commits_of, stocks_among
from tape.streaming.message_batch import MessageBatch, batches_of, good_messages
from tape.streaming.partition_consumer import Lane, PartitionConsumer

log = logging.getLogger(__name__)

TOPIC_GONE_S = 5.0
"""A topic just made may be unknown for a moment; one that stays unknown was deleted."""


class BatchConsumer(PartitionConsumer):
    """Hands out a `MessageBatch` as the value of one row.

    Attributes:
        on_partitions_gone: gets the partitions that no longer belong to this consumer.
        on_no_commit: gets the partitions that begin without a commit; may refuse them.
        on_begin: gets the offset at which each partition that comes begins.
        member_id: what the group calls this consumer, from its last assignment on.
    """

    commits_s = COMMITS_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_partitions_gone: Callable[[list[int]], None] = lambda partitions: None
        self.on_no_commit: Callable[[list[int]], None] = lambda partitions: None
        self.on_begin: Callable[[dict[int, int]], None] = lambda offsets: None
        self.member_id = ""
        self._unknown_since_s = self._unknown_last_s = -math.inf
        self.call_on_error(called_by_the_client(self._note_error))

    def _come(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Have each partition read from its commit, one without a commit from its beginning."""
        self.member_id = consumer.memberid() or self.member_id
        stocks = stocks_among(partitions, self.topics_by_name)
        commits = commits_of(self, stocks)
        if new := [part.partition for part in commits if part.error is None and part.offset < 0]:
            self.on_no_commit(new)
        for part, commit in zip(stocks, commits, strict=True):
            begin_at(self, part, commit)
        self.on_begin({part.partition: max(0, part.offset) for part in stocks})

    def trigger_backpressure(self, *args: Any, **kwargs: Any) -> None:
        """Drop what is waiting, because the library seeks back to before it."""
        self._waiting.clear()
        self._next.clear()
        self._sought |= {(part.topic, part.partition) for part in self.assignment()}
        super().trigger_backpressure(*args, **kwargs)

    def _note_error(self, error: KafkaError) -> None:
        """Note how long a topic has been unknown; the client tells it about once a second."""
        if error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            log.warning("broker", extra={"error": error.str()})
            return
        now_s = self.clock.now_s()
        if now_s - self._unknown_last_s > TOPIC_GONE_S:
            self._unknown_since_s = now_s
        self._unknown_last_s = now_s

    def _look_at(self, messages: list[Message]) -> None:
        """Raise `BrokerLostError` if the topic is gone."""
        if messages:
            self._unknown_last_s = -math.inf
        elif self._unknown_last_s - self._unknown_since_s > TOPIC_GONE_S:
            names = ", ".join(
                name for name, topic in self.topics_by_name.items() if not topic.is_changelog
            )
            raise BrokerLostError(
                f"topic {names} has been deleted on the broker",
                "make it again with `tape topics create`, or correct the setting `input`",
            )

    @property
    def _input(self) -> str:
        (topic,) = [topic for topic in self.topics_by_name.values() if not topic.is_changelog]
        return str(topic.name)

    def _batches(
        self, messages: list[Message], ends: Mapping[Lane, int]
    ) -> list[tuple[str, MessageBatch]]:
        topic = self._input
        of_partition = {partition: end for (_, partition), end in ends.items()}
        return [(topic, one) for one in batches_of(good_messages(messages), of_partition)]

    def _forget(self, partitions: list[TopicPartition]) -> None:
        super()._forget(partitions)
        self._sought |= {(part.topic, part.partition) for part in partitions}
        self.on_partitions_gone(sorted({number for _, number in self._inputs(partitions)}))
