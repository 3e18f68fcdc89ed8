"""What all programs share that show topics as they grow: records, and partitions that are there."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message

from tape.kafka.headers import headers_of, source_of

PARTITIONS_EVERY_S: Final = 10.0
"""How often it is looked whether a topic has new partitions."""
ANSWER_S: Final = 5.0
"""How long the broker may take to answer a question; a person waits."""
GONE: Final = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE})
"""The client's own errors that say that no broker is reached; it keeps trying."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a topic.

    Attributes:
        at_ms: its Kafka timestamp: when it was written.
        source: partition and offset on `stocks` of its trade, if its headers say so.
        reason: why it was rejected, if its headers say so.
    """

    topic: str
    partition: int
    offset: int
    value: bytes
    at_ms: int
    source: tuple[int, int] | None = None
    reason: str = ""


def record_of(message: Message) -> Record:
    """Return what is shown of a message that came without an error."""
    headers = dict(headers_of(message))
    return Record(
        message.topic() or "",
        message.partition(),
        message.offset(),
        message.value() or b"",
        message.timestamp()[1],
        source_of(headers),
        (headers.get("reason") or b"").decode(errors="replace"),
    )


def partitions_there(consumer: Consumer, topics: Iterable[str]) -> dict[str, list[int]]:
    """Return the partitions of those topics that are there; raises `KafkaException`."""
    there = consumer.list_topics(timeout=ANSWER_S).topics
    return {
        name: sorted(there[name].partitions)
        for name in topics
        if name in there and there[name].error is None and there[name].partitions
    }
