"""Messages of one partition as one row of Quix Streams."""

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, Message
from quixstreams.models import MessageContext, Row

from tape.errors import StateError
from tape.streaming.adapter import without_errors
from tape.streaming.beginning import BEHIND_A_GAP


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """Consecutive messages of one partition, in their order.

    `end` is the offset behind them, and behind the marks that transactions leave there, which no
    reader sees. A batch without messages says that only such marks came.
    """

    partition: int
    messages: list[Message]
    end: int


def good_messages(messages: list[Message]) -> list[Message]:
    """Return messages of which none is an error.

    Raises `StateError` if records were deleted before they were read, else what the library
    raises for the first error.
    """
    if not any(map(Message.error, messages)):  # `== None` with a client's error fails in the client
        return messages
    for message in messages:
        error = message.error()
        if error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise StateError(
                f"records of {message.topic()}[{message.partition()}] were deleted before they "
                f"were judged ({error.str()})",
                f"{BEHIND_A_GAP}",
            )
    return without_errors(messages)


def batches_of(messages: list[Message], ends: Mapping[int, int]) -> list[MessageBatch]:
    """Return messages by partition; `ends` are the offsets behind what was taken of each."""
    partitions = list(map(Message.partition, messages))
    groups: dict[int, list[Message]] = {}
    for partition in dict.fromkeys(partitions):
        if partitions.count(partition) == len(messages):
            groups[partition] = messages
        else:
            pairs = zip(partitions, messages, strict=True)
            groups[partition] = [message for number, message in pairs if number == partition]
    return [
        MessageBatch(partition, group, max(group[-1].offset() + 1, ends.get(partition, 0)))
        for partition, group in groups.items()
    ]


def as_row(batch: MessageBatch, topic: str) -> Row:
    """Return a batch as the row that carries the offset of its last message."""
    last = batch.messages[-1] if batch.messages else None
    context = MessageContext(
        topic=topic,
        partition=batch.partition,
        offset=batch.end - 1,
        size=0,
        leader_epoch=None if last is None else last.leader_epoch(),
    )
    timestamp = 0 if last is None else last.timestamp()[1]
    return Row(value=batch, key=None, timestamp=timestamp, context=context, headers=None)
