"""Micro-batches: many messages per call and per row, inside Quix Streams' own consumer.

The library's loop costs 7–8 µs per message. A row that stands for up to a thousand messages of one
partition costs the same as one message, and checkpoints, transactions, state, recovery and
rebalancing stay the library's own, because the row carries the offset of its last message.
"""

import math
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from quixstreams.models import Row, Topic

from tape.errors import BrokerLostError
from tape.process.clock import CLOCK, Clock
from tape.streaming.message_batch import MessageBatch, as_row
from tape.streaming.steady_consumer import ASKED_S, SteadyConsumer

Lane = tuple[str, int]
"""A topic and a number of its partitions."""

LAG_EVERY_S: Final = 1.0
PARTITIONS_GONE: Final = "partitions were taken away by the broker (session timed out)"


class PartitionConsumer(SteadyConsumer):
    """Hands out a `MessageBatch` of one partition of one topic as the value of one row.

    Partitions may come and go at any time; what was taken of one that goes is forgotten, and its
    next owner reads it again. Where a partition begins, and what its batches are, subclasses say.

    Attributes:
        batch_size: most messages that are taken at once.
        clock: when the lag is reported, once per second.
        commits_s: longest wait for the group's commits.
        on_poll: called each time the library asks for a row.
        on_lag: gets once per second how many messages lie before this consumer.
    """

    batch_size: int = 1_000
    clock: Clock = CLOCK
    commits_s: ClassVar[float] = ASKED_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_poll: Callable[[], None] = lambda: None
        self.on_lag: Callable[[float], None] = lambda lag: None
        self._waiting: deque[tuple[str, MessageBatch]] = deque()
        self._next: dict[Lane, int] = {}
        self._sought: set[Lane] = set()
        self._lost = self._rebalanced = False
        self._lag_due_s = -math.inf

    @abstractmethod
    def _batches(
        self, messages: list[Message], ends: Mapping[Lane, int]
    ) -> list[tuple[str, MessageBatch]]:
        """Return messages by partition, each with its topic; `ends` lie behind what was taken."""

    def _come(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Say where partitions begin that come, before the library is told of them."""

    def _came(self, partitions: list[TopicPartition]) -> None:
        """Look at partitions that have come, when the library knows of them."""

    def _look_at(self, messages: list[Message]) -> None:
        """Raise what messages say that were just taken, or that there are none."""

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
            self._waiting.clear()  # not processed yet: the next owner reads them again
            try:
                if on_revoke is not None:
                    on_revoke(consumer, partitions)  # commits what was processed
            finally:
                self._forget(partitions)

        def lost(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self._waiting.clear()
            self._lost = True
            if on_lost is not None:
                on_lost(consumer, partitions)
            self._forget(partitions)

        def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self._rebalanced = True
            self._come(consumer, partitions)
            if on_assign is not None:
                on_assign(consumer, partitions)
            self._came(partitions)

        super().subscribe(
            topics,
            on_assign=self._held_back(assigned),
            on_revoke=self._held_back(revoked),
            on_lost=self._held_back(lost),
        )

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
            self._look_at(messages)
            if self._lost:
                # The open checkpoint still holds work on partitions that now belong to others.
                raise BrokerLostError(PARTITIONS_GONE, "start again")
            if self._rebalanced:
                # Partitions went or came in the middle of the call: what went is another's now,
                # and the state of what came is not recovered yet.
                self._give_back(messages)
                return None
            self._waiting.extend(self._by_lane(messages))
        if not self._waiting:
            return None
        topic, batch = self._waiting.popleft()
        return as_row(batch, topic)

    def _give_back(self, messages: list[Message]) -> None:
        """Let messages be read again from the last commit, by whoever has their partitions now."""
        ours = {(part.topic, part.partition) for part in self.assignment()}
        given = {(m.topic(), m.partition()) for m in messages if m.error() is None} & ours
        if not given:
            return
        asked = [TopicPartition(*one) for one in sorted(given)]
        for part in self.committed(asked, timeout=self.commits_s):
            start = part.offset if part.offset >= 0 else OFFSET_BEGINNING
            self.seek(TopicPartition(part.topic, part.partition, start))
            self._next.pop((part.topic, part.partition), None)
            self._sought.add((part.topic, part.partition))

    def _by_lane(self, messages: list[Message]) -> list[tuple[str, MessageBatch]]:
        """Return messages by partition; of one where only transactions' marks came an empty batch.

        Without these a group would never be seen to have come to the end of its topics.
        """
        ends = self._ends()
        batches = self._batches(messages, ends)
        came = {(topic, batch.partition) for topic, batch in batches}
        self._sought -= came
        # Where nothing came since a seek, the client still answers with what was before it.
        batches += [
            (lane[0], MessageBatch(lane[1], [], ends[lane]))
            for lane in sorted(ends.keys() - came - self._sought)
            if ends[lane] > self._next.get(lane, 0)
        ]
        self._next.update({(topic, batch.partition): batch.end for topic, batch in batches})
        return batches

    def _ends(self) -> dict[Lane, int]:
        """Return the offset behind what was taken of each partition, transactions' marks too."""
        ours = self._inputs(self.assignment())
        found = self.position([TopicPartition(*lane) for lane in ours]) if ours else []
        return {(part.topic, part.partition): part.offset for part in found if part.offset > 0}

    def _inputs(self, partitions: list[TopicPartition]) -> list[Lane]:
        """Return those of partitions that are none of the state's own."""
        return [
            (part.topic, part.partition)
            for part in partitions
            if not self.topics_by_name[part.topic].is_changelog
        ]

    def _tell_lag(self) -> None:
        if self.clock.now_s() < self._lag_due_s:
            return
        self._lag_due_s = self.clock.now_s() + LAG_EVERY_S
        lag = 0
        for lane, offset in self._next.items():
            _, high = self.get_watermark_offsets(TopicPartition(*lane), cached=True)
            lag += max(0, high - offset)
        self.on_lag(lag)

    def _forget(self, partitions: list[TopicPartition]) -> None:
        """Forget partitions that have gone."""
        for part in partitions:
            self._next.pop((part.topic, part.partition), None)
