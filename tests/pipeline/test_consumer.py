"""The batching consumer while partitions move in the middle of its calls."""

import threading
import time
from collections.abc import Callable

import pytest
from confluent_kafka import Message, Producer, TopicPartition
from quixstreams.models import Topic

from tape.kafka.local.broker import LocalKafka
from tape.kafka.topics import TopicSpec, create_topics
from tape.streaming.consumer import BatchConsumer

pytestmark = pytest.mark.broker

PARTITIONS, KNOWN, RATE, SECONDS = 4, 100, 400, 8
CALL_S = 2.0
"""Long calls: a rebalance that takes a moment falls into the middle of one."""


class Reader(threading.Thread):
    """A member of the group on a thread of its own, and the offsets it was handed."""

    def __init__(self, address: str, group: str, topic: str) -> None:
        super().__init__(daemon=True)
        self.rows: dict[int, list[int]] = {partition: [] for partition in range(PARTITIONS)}
        self.gave_back = self.early_rows = 0
        self.assigned = False
        self.ended = threading.Event()
        self.consumer = BatchConsumer(
            broker_address=address,
            consumer_group=group,
            auto_offset_reset="earliest",
            auto_commit_enable=False,
            extra_config={"session.timeout.ms": 10_000},
        )
        self.consumer.batch_size = 1_000_000
        self._give_back = self.consumer._give_back
        self.consumer._give_back = self.noting  # type: ignore[method-assign]
        self.topic = topic
        self.consumer.subscribe([Topic(topic)], on_assign=self.on_assign, on_revoke=self.on_revoke)

    def on_assign(self, consumer: object, partitions: object) -> None:
        self.assigned = True

    def on_revoke(self, consumer: object, partitions: list[TopicPartition]) -> None:
        """Commit what was handed out, as a checkpoint does before partitions go."""
        ours = [part.partition for part in partitions if self.rows[part.partition]]
        offsets = [TopicPartition(self.topic, part, self.rows[part][-1] + 1) for part in ours]
        if offsets:
            self.consumer.commit(offsets=offsets, asynchronous=False)

    def noting(self, messages: list[Message]) -> None:
        self.gave_back += len(messages)
        self._give_back(messages)

    def run(self) -> None:
        while not self.ended.is_set():
            self.take()
        self.consumer.close()

    def take(self) -> None:
        """Take a row; one from the call that brought partitions is too early for their state."""
        self.assigned = False
        row = self.consumer.poll_row(CALL_S)
        if row is not None:
            self.early_rows += self.assigned
            batch = row.value
            self.rows[batch.partition] += [m.offset() for m in batch.messages]


def test_messages_fetched_before_a_rebalance_are_handed_out_once_and_to_the_new_owner(
    kafka: LocalKafka, topic_names: Callable[[str], str]
) -> None:
    topic, group = topic_names("stocks"), topic_names("group")
    create_topics({"bootstrap.servers": kafka.address}, [TopicSpec(topic, PARTITIONS)])
    producer = Producer({"bootstrap.servers": kafka.address, "linger.ms": 5})
    for number in range(KNOWN * PARTITIONS):
        producer.produce(topic, b"known", partition=number % PARTITIONS)
    assert producer.flush(10) == 0

    first = Reader(kafka.address, group, topic)
    while sum(map(len, first.rows.values())) < KNOWN * PARTITIONS:  # on this thread, until quiet
        first.take()
    known = [TopicPartition(topic, partition, KNOWN) for partition in range(PARTITIONS)]
    first.consumer.commit(offsets=known, asynchronous=False)
    first.rows = {partition: [] for partition in range(PARTITIONS)}
    first.gave_back = 0

    first.start()
    second = Reader(kafka.address, group, topic)
    sent = 0
    for step in range(SECONDS * 10):
        for _ in range(RATE // 10):
            producer.produce(topic, b"new", partition=sent % PARTITIONS)
            sent += 1
        producer.flush(10)
        if step == 15:
            second.start()
        time.sleep(0.1)
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        found = sum(len(rows) for one in (first, second) for rows in one.rows.values())
        if found >= sent:
            break
        time.sleep(0.2)
    time.sleep(CALL_S + 1)  # anything handed out twice would come now
    for one in (first, second):
        one.ended.set()
        one.join(20)

    assert first.gave_back > 0, "no rebalance fell into the middle of a call"
    assert first.early_rows == second.early_rows == 0, "handed out before their state is here"
    assert all(any(one.rows.values()) for one in (first, second)), "both had work"
    end = KNOWN + sent // PARTITIONS
    for partition in range(PARTITIONS):
        handed = first.rows[partition] + second.rows[partition]
        assert sorted(handed) == list(range(KNOWN, end))
