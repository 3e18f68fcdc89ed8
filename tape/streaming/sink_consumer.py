"""Micro-batches of several topics for a store, which may ask to be given them again."""

import logging
import math
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from quixstreams.models import Row, Topic

from tape.errors import BrokerLostError
from tape.process.clock import CLOCK, Clock
from tape.streaming.adapter import without_errors
from tape.streaming.message_batch import MessageBatch, as_row
from tape.streaming.steady_consumer import SteadyConsumer

log = logging.getLogger(__name__)

Lane = tuple[str, int]
"""A topic and a number of its partitions."""

BATCH_SIZE: Final = 2_000
"""Messages taken at once: more are no faster, and a slow store gets fewer."""

LAG_EVERY_S: Final = 1.0
PARTITIONS_GONE: Final = "partitions were taken away by the broker (session timed out)"


class SinkConsumer(SteadyConsumer):
    """Hands out a `MessageBatch` of one partition of one topic as the value of one row.

    Attributes:
        batch_size: most messages that are taken at once.
        clock: when the lag is reported, once per second.
        on_begin: gets a partition that comes, and where it begins.
        on_gone: called when partitions have gone.
        on_poll: called each time the library asks for a row.
        on_lag: gets once per second how many messages lie before this consumer.
        rewind: where partitions have to be read again, if the store cannot take what it was given.
    """

    batch_size: int = BATCH_SIZE
    clock: Clock = CLOCK

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_begin: Callable[[str, int, int], None] = lambda topic, partition, offset: None
        self.on_gone: Callable[[], None] = lambda: None
        self.on_poll: Callable[[], None] = lambda: None
        self.on_lag: Callable[[float], None] = lambda lag: None
        self.rewind: dict[Lane, int] = {}
        self._waiting: deque[tuple[str, MessageBatch]] = deque()
        self._next: dict[Lane, int] = {}
        self._sought: set[Lane] = set()
        self._lost = self._rebalanced = False
        self._lag_due_s = -math.inf

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
            self._waiting.clear()  # not stored yet: the next owner reads them again
            try:
                if on_revoke is not None:
                    on_revoke(consumer, partitions)  # stores and commits what was taken
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
            if on_assign is not None:
                on_assign(consumer, partitions)
            asked = [TopicPartition(part.topic, part.partition) for part in partitions]
            for part in self.committed(asked) if asked else []:
                self._say_if_deleted(part)
                self.on_begin(part.topic, part.partition, max(0, part.offset))

        super().subscribe(
            topics,
            on_assign=self._held_back(assigned),
            on_revoke=self._held_back(revoked),
            on_lost=self._held_back(lost),
        )

    def _say_if_deleted(self, part: TopicPartition) -> None:
        """Say so if records behind the commit were deleted: they are in no store."""
        if part.offset < 0:
            return
        first, _ = self.get_watermark_offsets(TopicPartition(part.topic, part.partition))
        if first > part.offset:
            place = f"{part.topic}[{part.partition}]"
            facts = {"partition": place, "records": first - part.offset, "continues_at": first}
            log.warning("records deleted before they were stored", extra=facts)

    def trigger_backpressure(
        self, offsets_to_seek: dict[Lane, int], resume_after: float, **more: Any
    ) -> None:
        """Go back to the first message that is not stored, and pause.

        The library's own places are those of the last message of a batch.
        """
        starts, self.rewind = self.rewind, {}
        for topic, batch in self._waiting:
            starts.setdefault((topic, batch.partition), first_of(batch))
        self._waiting.clear()
        self._sought |= starts.keys()
        for lane in starts:
            self._next.pop(lane, None)
        super().trigger_backpressure(offsets_to_seek=starts, resume_after=resume_after, **more)

    def poll_row(self, timeout: float | None = None, buffered: bool = False) -> Row | None:
        """Return the next batch of one partition as a row, or None if there is none in time."""
        assert not buffered, "batches cannot be aligned in time"  # noqa: S101
        self.on_poll()
        if not self._waiting:
            self._tell_lag()
            self._rebalanced = False
            messages = self.consume(self.batch_size, -1 if timeout is None else timeout)
            if self._lost:
                # The open checkpoint still holds offsets of partitions that now belong to others.
                raise BrokerLostError(PARTITIONS_GONE, "start again")
            if self._rebalanced:
                self._give_back(messages)
                return None
            self._waiting.extend(self._by_lane(without_errors(messages)))
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
        for part in self.committed([TopicPartition(*one) for one in sorted(given)]):
            start = part.offset if part.offset >= 0 else OFFSET_BEGINNING
            self.seek(TopicPartition(part.topic, part.partition, start))
            self._next.pop((part.topic, part.partition), None)
            self._sought.add((part.topic, part.partition))

    def _by_lane(self, messages: list[Message]) -> list[tuple[str, MessageBatch]]:
        """Return messages by partition; of one where only transactions' marks came an empty batch.

        Without these a group would never be seen to have come to the end of its topics.
        """
        lanes: dict[Lane, list[Message]] = {}
        for message in messages:
            lanes.setdefault((message.topic(), message.partition()), []).append(message)
        self._sought -= lanes.keys()
        ends = self._ends()
        batches = [
            (topic, MessageBatch(number, group, max(group[-1].offset() + 1, ends.get(lane, 0))))
            for lane, group in lanes.items()
            for topic, number in [lane]
        ]
        # Where nothing came since a seek, the client still answers with what was before it.
        batches += [
            (topic, MessageBatch(number, [], end))
            for (topic, number), end in sorted(ends.items())
            if (topic, number) not in lanes.keys() | self._sought
            and end > self._next.get((topic, number), 0)
        ]
        for topic, batch in batches:
            self._next[topic, batch.partition] = batch.end
        return batches

    def _ends(self) -> dict[Lane, int]:
        """Return the offset behind what was taken of each partition, transactions' marks too."""
        ours = self.assignment()
        found = self.position(ours) if ours else []
        return {(part.topic, part.partition): part.offset for part in found if part.offset > 0}

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
        for part in partitions:
            self._next.pop((part.topic, part.partition), None)
            self._sought.discard((part.topic, part.partition))
        self.on_gone()


def first_of(batch: MessageBatch) -> int:
    """Return the offset of a batch's first message; of an empty one a place just before its end."""
    return int(batch.messages[0].offset()) if batch.messages else batch.end - 1
