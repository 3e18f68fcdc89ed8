"""Producing from tests."""

from collections.abc import Sequence

from confluent_kafka import Producer


def produce(
    address: str, topic: str, messages: Sequence[tuple[bytes | None, bytes | None]]
) -> None:
    """Send (key, value) pairs and wait until the broker has them."""
    producer = Producer({"bootstrap.servers": address, "partitioner": "murmur2"})
    for key, value in messages:
        producer.produce(topic, value, key)
    assert producer.flush(30) == 0
