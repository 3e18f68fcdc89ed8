"""Records on the wrong partition, as another partitioner sends them, on a real broker."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tape.kafka.local.broker import LocalKafka
from tape.kafka.rejected_topic import rejected_records
from tape.kafka.topics import TopicSpec, create_topics
from tape.model.partitions import partition_of
from tape.streaming.transactions import Transactions
from tests.apps import Pipeline, command, doctor_says
from tests.kafka_client import read_all
from tests.pipeline.test_conditions import big_trade, started

pytestmark = pytest.mark.broker

SYMBOLS = ["AAPL", "AMZN", "MSFT", "NVDA", "TSLA"]
EACH = 9
LIBRDKAFKA = "consistent_random"
"""What a client that is built on librdkafka takes by itself: CRC32 over the key."""


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def send(pipeline: Pipeline, partitioner: str) -> None:
    producer = Producer({**pipeline.client, "partitioner": partitioner})
    for sequence in range(1, EACH + 1):
        for symbol in SYMBOLS:
            key, value = big_trade(sequence, symbol)
            producer.produce(pipeline.input, value, key)
    assert producer.flush(30) == 0


def test_our_hash_places_keys_as_the_client_does_that_we_send_with(
    kafka: LocalKafka, topic_names: Callable[[str], str]
) -> None:
    """The answers are librdkafka's own."""
    topic = topic_names("placed")
    client = {"bootstrap.servers": kafka.address}
    create_topics(client, [TopicSpec(topic, 7)])
    dice = random.Random(5)
    keys = [dice.randbytes(length) for length in range(1, 72) for _ in range(4)]
    keys += [symbol.encode() for symbol in SYMBOLS]
    transactions = Transactions(client, topic)
    transactions.send(topic, keys, [b"x"] * len(keys))
    transactions.commit()
    found = {message.key(): message.partition() for message in read_all(kafka.address, topic)}
    assert found == {key: partition_of(key, 7) for key in keys}


def test_trades_sent_by_two_partitioners_are_judged_once(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    send(pipeline, "murmur2")
    pipeline.wait_all_judged()
    assert doctor_says(pipeline, "placing")["verdict"] == "ok"
    send(pipeline, LIBRDKAFKA)
    pipeline.wait_all_judged()
    misplaced = [
        message
        for message in read_all(pipeline.address, pipeline.input)
        if partition_of(message.key(), 4) != message.partition()
    ]
    assert 0 < len(misplaced) < len(SYMBOLS) * EACH, "the other partitioner has another answer"

    ids = Counter(json.loads(value)["anomaly_id"] for value in pipeline.anomalies())
    assert set(ids.values()) == {1}
    assert len(ids) == len(SYMBOLS) * EACH
    records = rejected_records(pipeline.client, pipeline.rejected)
    assert {record.reason for record in records} == {"partition_wrong"}
    assert {record.source for record in records} == {
        f"{message.topic()}[{message.partition()}]@{message.offset()}" for message in misplaced
    }

    (told,) = detector.events("records on the wrong partition")
    assert told["first"] in {record.source for record in records}
    assert "murmur2" in str(told["detail"])
    doctor = doctor_says(pipeline, "placing")
    assert doctor["verdict"] == "problem"
    assert f"{len(misplaced)} of the newest {2 * EACH * len(SYMBOLS)}" in str(doctor["text"])
    assert "murmur2" in str(doctor["fix"])

    again = command(pipeline, "rejected", "retry", "--reason", "partition_wrong", "--yes")
    assert again.returncode == 0, again.stderr
    pipeline.wait_all_judged()
    assert len(pipeline.anomalies()) == len(ids), "on their own partition they are duplicates"
    assert detector.stop() == 0
    (end,) = detector.events("detector stopped")
    assert end["rejected"] == {"partition_wrong": len(misplaced)}


def test_what_was_only_sent_to_wrong_partitions_is_judged_after_a_retry(
    pipeline: Pipeline,
) -> None:
    detector = started(pipeline)
    send(pipeline, LIBRDKAFKA)
    pipeline.wait_all_judged()
    before = len(pipeline.anomalies())
    assert before < EACH * len(SYMBOLS)
    again = command(pipeline, "rejected", "retry", "--reason", "partition_wrong", "--yes")
    assert again.returncode == 0, again.stderr
    pipeline.wait_all_judged()
    assert len(pipeline.anomalies()) == EACH * len(SYMBOLS)
    assert detector.stop() == 0


def test_a_topic_of_one_partition_takes_every_partitioner(pipeline: Pipeline) -> None:
    create_topics(pipeline.client, [TopicSpec(pipeline.input, 1)])
    detector = started(pipeline)
    send(pipeline, LIBRDKAFKA)
    pipeline.wait_all_judged()
    assert len(pipeline.anomalies()) == EACH * len(SYMBOLS)
    assert detector.stop() == 0
    (end,) = detector.events("detector stopped")
    assert end["rejected"] == {}


def test_a_feed_of_another_partitioner_stops_at_the_breaker_which_says_why(
    pipeline: Pipeline,
) -> None:
    from tests.pipeline.test_conditions import one_sentence

    detector = pipeline.detect(REJECTED_RUN_MAX="3")
    while not detector.events("detector started"):
        assert detector.process.poll() is None, detector.log()
    send(pipeline, LIBRDKAFKA)
    one_sentence(detector, 3, "partition_wrong", "murmur2")
