"""What a sink reads: micro-batches of several topics for a store, which may ask for them again."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import Message, TopicPartition

from tape.streaming.adapter import without_errors
from tape.streaming.message_batch import MessageBatch
from tape.streaming.partition_consumer import Lane, PartitionConsumer

log = logging.getLogger(__name__)

BATCH_SIZE: Final = 2_000
"""Messages taken at once: more are no faster, and a slow store gets fewer."""


class SinkConsumer(PartitionConsumer):
    """Hands out a `MessageBatch` of one partition of one topic as the value of one row.

    Attributes:
        on_begin: gets a partition that comes, and where it begins.
        on_gone: called when partitions have gone.
        rewind: where partitions have to be read again, if the store cannot take what it was given.
    """

    batch_size: int = BATCH_SIZE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_begin: Callable[[str, int, int], None] = lambda topic, partition, offset: None
        self.on_gone: Callable[[], None] = lambda: None
        self.rewind: dict[Lane, int] = {}

    def _came(self, partitions: list[TopicPartition]) -> None:
        asked = [TopicPartition(part.topic, part.partition) for part in partitions]
        for part in self.committed(asked) if asked else []:
            self._say_if_deleted(part)
            self.on_begin(part.topic, part.partition, max(0, part.offset))

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

    def _batches(
        self, messages: list[Message], ends: Mapping[Lane, int]
    ) -> list[tuple[str, MessageBatch]]:
        lanes: dict[Lane, list[Message]] = {}
        for message in without_errors(messages):
            lanes.setdefault((message.topic(), message.partition()), []).append(message)
        return [
            (topic, MessageBatch(number, group, max(group[-1].offset() + 1, ends.get(lane, 0))))
            for lane, group in lanes.items()
            for topic, number in [lane]
        ]

    def _forget(self, partitions: list[TopicPartition]) -> None:
        super()._forget(partitions)
        self._sought -= {(part.topic, part.partition) for part in partitions}
        self.on_gone()


def first_of(batch: MessageBatch) -> int:
    """Return the offset of a batch's first message; of an empty one a place just before its end."""
    return int(batch.messages[0].offset()) if batch.messages else batch.end - 1
