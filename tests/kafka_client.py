"""Producing and reading from tests."""

from collections.abc import Sequence
from uuid import uuid4

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)


def produce(
    address: str,
    topic: str,
    messages: Sequence[tuple[bytes | None, bytes | None]],
    headers: list[tuple[str, bytes]] | None = None,
) -> None:
    """Send (key, value) pairs and wait until the broker has them."""
    producer = Producer({"bootstrap.servers": address, "partitioner": "murmur2"})
    refused: list[KafkaError] = []

    def noted(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            refused.append(error)

    for key, value in messages:
        producer.produce(
            topic,
            value,
            key,
            headers=headers or [],
            on_delivery=noted,
        )
    assert producer.flush(30) == 0
    assert not refused, refused


def read_all(address: str, topic: str, isolation: str = "read_committed") -> list[Message]:
    """Every message of all partitions up to their present ends."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": f"test-{uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "enable.partition.eof": True,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        assert partitions, f"no topic {topic}"
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        found, open_ones = [], set(partitions)
        while open_ones:
            message = consumer.poll(20)
            assert message is not None, f"{topic}: nothing from {open_ones} for 20 s"
            if message.error() is None:
                found.append(message)
            elif message.error().name() == "_PARTITION_EOF":
                open_ones.discard(message.partition())
            else:
                raise AssertionError(message.error().str())
        return found
    finally:
        consumer.close()
