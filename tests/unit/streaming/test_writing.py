"""Many records in one transaction, written by the client itself, on a broker inside it."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from quixstreams.internal_producer import InternalProducer

from tape.streaming.adapter import OpenTransaction, Record

TOPIC = "anomalies"
RECORDS: list[Record] = [
    (TOPIC, b"NVDA", b"value %d" % n, [("source_offset", b"%d" % n), ("ts_event_ns", b"1")])
    for n in range(500)
]


class _Dataframe(SimpleNamespace):
    """What `OpenTransaction` needs of a dataframe."""


@pytest.fixture
def producer() -> Any:
    """The library's producer on a broker within the client, in an open transaction."""
    made = InternalProducer(
        broker_address="127.0.0.1:1",
        extra_config={
            "test.mock.num.brokers": 1,
            "transactional.id": "t",
            "queue.buffering.max.messages": 100,
        },
        transactional=True,
    )
    made._producer._producer.list_topics(TOPIC, timeout=30)  # makes it
    made.begin_transaction()
    return made


def transaction(producer: Any) -> OpenTransaction:
    return OpenTransaction(_Dataframe(processing_context=SimpleNamespace(producer=producer)))


def read(producer: Any) -> list[tuple[bytes, bytes, list[tuple[str, bytes]]]]:
    """What a reader sees, once it has all."""
    found = producer._producer._producer.list_topics(TOPIC, timeout=30)
    (broker,) = found.brokers.values()
    reader = Consumer({"bootstrap.servers": f"{broker.host}:{broker.port}", "group.id": "r"})
    reader.assign([TopicPartition(TOPIC, number, 0) for number in found.topics[TOPIC].partitions])
    seen: list[Any] = []
    while len(seen) < len(RECORDS):
        seen += [m for m in reader.consume(1_000, 1.0) if m.error() is None]
    reader.close()
    return [(m.key(), m.value(), m.headers()) for m in seen]


def test_what_is_written_in_a_transaction_is_there_with_key_and_headers(producer: Any) -> None:
    """More of it than the client's queue has room for."""
    transaction(producer).write(iter(RECORDS))
    producer.commit_transaction([], None)
    assert read(producer) == [(key, value, headers) for _, key, value, headers in RECORDS]


def test_a_record_that_was_not_delivered_is_raised_by_the_next_write(producer: Any) -> None:
    producer._on_delivery(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), None)
    with pytest.raises(Exception, match="authorization failed"):
        transaction(producer).write(RECORDS[:1])
