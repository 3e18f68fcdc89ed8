"""Micro-batches: many messages per call and per row, inside Quix Streams' own consumer.

The library's loop costs 7–8 µs per message. A row that stands for up to a thousand messages of one
partition costs the same as one message, and checkpoints, transactions, state, recovery and
rebalancing stay the library's own, because the row carries the offset of its last message.
"""

import logging
import math
from collections import deque
from collections.abc import Callable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition
from quixstreams.models import Row, Topic

from tape.errors import BrokerLostError
from tape.process.clock import CLOCK, Clock
from tape.process.interrupts import called_by_the_client
from tape.streaming.beginning import COMMITS_S, begin_at, commits_of, stocks_among
from tape.streaming.message_batch import MessageBatch, as_row, batches_of, good_messages
from tape.streaming.steady_consumer import SteadyConsumer

log = logging.getLogger(__name__)

LAG_EVERY_S = 1.0
TOPIC_GONE_S = 5.0
"""A topic just made may be unknown for a moment; one that stays unknown was deleted."""
PARTITIONS_GONE = "partitions were taken away by the broker (session timed out)"


class BatchConsumer(SteadyConsumer):
    """Hands out a `MessageBatch` as the value of one row.

    Attributes:
        batch_size: most messages that are taken at once.
        clock: when the lag is reported, once per second.
        on_partitions_gone: gets the partitions that no longer belong to this consumer.
        on_no_commit: gets the partitions that begin without a commit; may refuse them.
        on_begin: gets the offset at which each partition that comes begins.
        on_poll: called each time the library asks for a row.
        on_lag: gets once per second how many messages lie before this consumer.
        member_id: what the group calls this consumer, from its last assignment on.
    """

    batch_size: int = 1_000
    clock: Clock = CLOCK

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_partitions_gone: Callable[[list[int]], None] = lambda partitions: None
        self.on_no_commit: Callable[[list[int]], None] = lambda partitions: None
        self.on_begin: Callable[[dict[int, int]], None] = lambda offsets: None
        self.on_poll: Callable[[], None] = lambda: None
        self.on_lag: Callable[[float], None] = lambda lag_trades: None
        self.member_id = ""
        self._lag_due_s = -math.inf
        self._waiting: deque[MessageBatch] = deque()
        self._next_offset: dict[int, int] = {}
        self._sought: set[int] = set()
        self._lost = self._rebalanced = False
        self._unknown_since_s = self._unknown_last_s = -math.inf
        self.call_on_error(called_by_the_client(self._note_error))

    def subscribe(
        self,
        topics: list[Topic],
        on_assign: Callable[..., None] | None = None,
        on_revoke: Callable[..., None] | None = None,
        on_lost: Callable[..., None] | None = None,
    ) -> None:
        """Subscribe, and forget what belongs to partitions that go."""

        def revoked(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self._rebalanced = True
            self._sought |= {part.partition for part in partitions}
            self._waiting.clear()  # not processed yet: the next owner reads them again
            try:
                if on_revoke is not None:
                    on_revoke(consumer, partitions)  # commits what was processed
            finally:
                self._forget(partitions)

        def lost(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self._waiting.clear()
            self._sought |= {part.partition for part in partitions}
            self._lost = True
            if on_lost is not None:
                on_lost(consumer, partitions)
            self._forget(partitions)

        def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self._rebalanced = True
            self.member_id = consumer.memberid() or self.member_id
            self._begin_at_the_commit(partitions)
            if on_assign is not None:
                on_assign(consumer, partitions)

        super().subscribe(
            topics,
            on_assign=self._held_back(assigned),
            on_revoke=self._held_back(revoked),
            on_lost=self._held_back(lost),
        )

    def _begin_at_the_commit(self, partitions: list[TopicPartition]) -> None:
        """Have each partition read from its commit, one without a commit from its beginning."""
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
        self._next_offset.clear()
        self._sought |= {part.partition for part in self.assignment()}
        super().trigger_backpressure(*args, **kwargs)

    def poll_row(self, timeout: float | None = None, buffered: bool = False) -> Row | None:
        """Return the next batch of one partition as a row, or None if there is none in time."""
        assert not buffered, (  # noqa: S101
            "batches of several topics cannot be aligned in time"
        )
        self.on_poll()
        if not self._waiting:
            self._tell_lag()
            self._rebalanced = False
            messages = self.consume(self.batch_size, -1 if timeout is None else timeout)
            self._end_if_the_topic_is_gone(messages)
            if self._lost:
                # The open checkpoint still holds work on partitions that now belong to others.
                raise BrokerLostError(PARTITIONS_GONE, "start again")
            if self._rebalanced:
                # Partitions went or came in the middle of the call: what went is another's now,
                # and the state of what came is not recovered yet.
                self._give_back(messages)
                return None
            self._waiting.extend(self._by_partition(messages))
        if not self._waiting:
            return None
        return as_row(self._waiting.popleft(), self._input)

    def _note_error(self, error: KafkaError) -> None:
        """Note how long a topic has been unknown; the client tells it about once a second."""
        if error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            log.warning("broker", extra={"error": error.str()})
            return
        now_s = self.clock.now_s()
        if now_s - self._unknown_last_s > TOPIC_GONE_S:
            self._unknown_since_s = now_s
        self._unknown_last_s = now_s

    def _end_if_the_topic_is_gone(self, messages: list[Message]) -> None:
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

    def _give_back(self, messages: list[Message]) -> None:
        """Let messages be read again from the last commit, by whoever has their partitions now."""
        ours = {(part.topic, part.partition) for part in self.assignment()}
        given = {(m.topic(), m.partition()) for m in messages if m.error() is None} & ours
        if not given:
            return
        asked = [TopicPartition(*one) for one in sorted(given)]
        for part in self.committed(asked, timeout=COMMITS_S):
            start = part.offset if part.offset >= 0 else OFFSET_BEGINNING
            self.seek(TopicPartition(part.topic, part.partition, start))
            self._next_offset.pop(part.partition, None)
            self._sought.add(part.partition)

    @property
    def _input(self) -> str:
        (topic,) = [topic for topic in self.topics_by_name.values() if not topic.is_changelog]
        return str(topic.name)

    def _tell_lag(self) -> None:
        if self.clock.now_s() < self._lag_due_s:
            return
        self._lag_due_s = self.clock.now_s() + LAG_EVERY_S
        lag = 0
        for partition, offset in self._next_offset.items():
            part = TopicPartition(self._input, partition)
            _, high = self.get_watermark_offsets(part, cached=True)
            lag += max(0, high - offset)
        self.on_lag(lag)

    def _by_partition(self, messages: list[Message]) -> list[MessageBatch]:
        ends = self._ends()
        batches = batches_of(good_messages(messages), ends)
        came = {batch.partition for batch in batches}
        self._sought -= came
        # Where nothing came since a seek, the client still answers with what was before it.
        batches += [
            MessageBatch(partition, [], ends[partition])
            for partition in sorted(ends.keys() - came - self._sought)
            if ends[partition] > self._next_offset.get(partition, 0)
        ]
        self._next_offset.update({batch.partition: batch.end for batch in batches})
        return batches

    def _ends(self) -> dict[int, int]:
        """Return the offset behind what was taken of each partition, transactions' marks too.

        Without them a group would never be seen to have come to the end of its topic.
        """
        ours = [
            part for part in self.assignment() if not self.topics_by_name[part.topic].is_changelog
        ]
        if not ours:
            return {}
        found = self.position([TopicPartition(part.topic, part.partition) for part in ours])
        return {part.partition: part.offset for part in found if part.offset > 0}

    def _forget(self, partitions: list[TopicPartition]) -> None:
        gone = sorted(
            {p.partition for p in partitions if not self.topics_by_name[p.topic].is_changelog}
        )
        for partition in gone:
            self._next_offset.pop(partition, None)
        self.on_partitions_gone(gone)
