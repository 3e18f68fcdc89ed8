"""Whether the newest records of a topic lie on the partitions where their keys belong."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from tape.kafka import clients
from tape.kafka.connect import told_plainly
from tape.kafka.group import partitions_of
from tape.model.partitions import partition_of
from tape.process.clock import CLOCK

NEWEST: Final = 500
"""Offsets that are looked at, per partition."""

TIMEOUT_S: Final = 5.0
AT_ONCE: Final = 1_000
"""Records that one read takes at most."""


@dataclass(frozen=True, slots=True)
class Placing:
    """Records that were looked at, how many lie on a wrong partition, and the first of these."""

    records: int = 0
    wrong: int = 0
    first: str = ""


def look_at_placing(client_config: dict[str, str], topic: str) -> Placing:
    """Return how the newest committed records are placed; raises `BrokerError` if none can be read.

    A record without a key belongs nowhere and is not counted: it is no trade.
    """
    consumer = clients.consumer(client_config, group="tape-doctor")
    records, wrong, first = 0, 0, ""
    with closing(consumer), told_plainly(f"the topic {topic}"):
        partitions = partitions_of(consumer, topic)
        for message in _newest(consumer, topic, partitions):
            key = message.key()
            if key is None:
                continue
            records += 1
            right = partition_of(key, len(partitions))
            if right != message.partition():
                wrong += 1
                source = f"{topic}[{message.partition()}]@{message.offset()}"
                first = first or f"{source} belongs on partition {right}"
    return Placing(records, wrong, first)


def _newest(consumer: Consumer, topic: str, partitions: list[int]) -> Iterator[Message]:
    ends, starts = {}, []
    for number in partitions:
        part = TopicPartition(topic, number)
        low, high = consumer.get_watermark_offsets(part, timeout=TIMEOUT_S)
        if high > low:
            ends[number] = high
            starts.append(TopicPartition(topic, number, max(low, high - NEWEST)))
    consumer.assign(starts)
    until_s = CLOCK.now_s() + TIMEOUT_S
    while ends and CLOCK.now_s() < until_s:
        for message in consumer.consume(AT_ONCE, 0.2):
            if message.error() is not None:
                raise KafkaException(message.error())
            yield message
        for part in consumer.position([TopicPartition(topic, number) for number in ends]):
            if part.offset >= ends[part.partition]:  # marks of transactions are passed, too
                del ends[part.partition]
