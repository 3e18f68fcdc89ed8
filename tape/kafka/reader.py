"""Reading topics from outside the pipeline, as its users do: committed records only."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from uuid import uuid4

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from tape.errors import BrokerError
from tape.kafka import clients
from tape.kafka.bounded import within
from tape.kafka.clients import Isolation
from tape.kafka.connect import told_plainly
from tape.process.clock import CLOCK

TIMEOUT_S = 10.0
REFUSED = "see whether the topic is there and this user may read it: `tape topics check`"
SILENT_S = 60.0
"""Longest without a message before the end that is read up to; then the broker is gone."""


def read_topic(
    client_config: dict[str, str],
    topic: str,
    *,
    isolation: Isolation = "read_committed",
    settle_s: float = 0.0,
) -> list[list[Message]]:
    """Return what a topic holds now, a list per partition, in the order of the offsets.

    Args:
        client_config: the connection in librdkafka's names.
        topic: a topic that is there.
        isolation: whether records of open and aborted transactions are read too.
        settle_s: how long to wait until no transaction is open. Kafka answers a commit before its
            markers are on every partition; until then the last transaction is not readable.

    Raises:
        BrokerError: the broker refuses, or sends nothing for `SILENT_S`.
    """
    consumer = _consumer(client_config, f"reader-{uuid4()}", isolation)
    try:
        partitions = _partitions(consumer, topic)
        if settle_s:
            _wait_until_settled(client_config, topic, consumer, settle_s)
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p))[1] for p in partitions}
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        found: dict[int, list[Message]] = {p: [] for p in partitions}
        for message in _up_to(consumer, topic, ends):
            found[message.partition()].append(message)
        return [found[p] for p in partitions]
    finally:
        consumer.close()


def count_topic(client_config: dict[str, str], topic: str) -> int:
    """Return how many committed messages a topic holds; the offsets count more than these."""
    consumer = _consumer(client_config, f"reader-{uuid4()}", "read_committed")
    try:
        partitions = _partitions(consumer, topic)
        _wait_until_settled(client_config, topic, consumer, TIMEOUT_S)
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p))[1] for p in partitions}
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        return sum(
            message.offset() < ends[message.partition()]
            for message in _up_to(consumer, topic, ends)
        )
    finally:
        consumer.close()


def _up_to(consumer: Consumer, topic: str, ends: dict[int, int]) -> Iterator[Message]:
    """Yield messages until each partition's end is reached.

    Raises `BrokerError` if a message cannot be read, or none comes for `SILENT_S`: a broker that
    went away would be waited for without end.
    """
    heard_s = CLOCK.now_s()
    while any(_position(consumer, topic, p) < end for p, end in ends.items()):
        messages = consumer.consume(10_000, 0.5)
        if messages:
            heard_s = CLOCK.now_s()
        elif CLOCK.now_s() - heard_s > SILENT_S:
            raise BrokerError(
                f"cannot read {topic}: the broker sent nothing for {SILENT_S:.0f} s",
                "see whether it still runs, then call this again",
            )
        for message in messages:
            if message.error() is not None:
                raise BrokerError(f"cannot read {topic}: {message.error().str()}", REFUSED)
            yield message


def _wait_until_settled(
    client_config: dict[str, str], topic: str, reader: Consumer, settle_s: float
) -> None:
    """Return when the reader's end of each partition is its very end, or after `settle_s`."""
    deadline_s = CLOCK.now_s() + settle_s
    looker = _consumer(client_config, f"reader-{uuid4()}", "read_uncommitted")
    try:
        for number in _partitions(reader, topic):
            part = TopicPartition(topic, number)
            while reader.get_watermark_offsets(part) != looker.get_watermark_offsets(part):
                if CLOCK.now_s() > deadline_s:
                    return
                CLOCK.sleep(0.1)
    finally:
        looker.close()


class _Time(msgspec.Struct):
    ts_event: str


def in_tape_order(partitions: Iterable[list[Message]]) -> list[bytes]:
    """Return the values of several partitions merged by trade time.

    The order within a partition, and so within a symbol, stays as it is.
    """
    decoder = msgspec.json.Decoder(_Time)
    lanes = [[(decoder.decode(m.value()).ts_event, m) for m in lane] for lane in partitions]
    return [m.value() for _, m in heapq.merge(*lanes, key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a topic a consumer group has committed, in offsets.

    A transaction leaves a mark on each partition that it wrote to, so there are a few more of
    these than messages; both count the marks, and are equal when nothing is left.
    """

    written: int
    committed: int


class ProgressReader:
    """Asks the broker how far a consumer group is with a topic; `close` ends it."""

    def __init__(self, client_config: dict[str, str], topic: str, group: str) -> None:
        self._topic = topic
        self._consumer = _consumer(client_config, group, "read_committed")
        self._partitions = _partitions(self._consumer, topic)

    def read(self) -> Progress:
        """Return the progress of now; raises `BrokerError` if the broker does not answer."""
        with told_plainly(f"the progress of {self._topic}"):
            return self._read()

    def _read(self) -> Progress:
        of_topic = [TopicPartition(self._topic, p) for p in self._partitions]
        written = committed = 0
        commits = within(TIMEOUT_S, lambda: self._consumer.committed(of_topic, timeout=TIMEOUT_S))
        for partition in commits:
            low, high = self._consumer.get_watermark_offsets(partition, timeout=TIMEOUT_S)
            written += high - low
            committed += max(0, partition.offset - low)
        return Progress(written, committed)

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def _consumer(client_config: dict[str, str], group: str, isolation: Isolation) -> Consumer:
    return clients.consumer(client_config, group=group, isolation=isolation)


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    found = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
    if found.error is not None:
        raise BrokerError(f"cannot read the topic {topic}: {found.error.str()}", REFUSED)
    return sorted(map(attrgetter("id"), found.partitions.values()))


def _position(consumer: Consumer, topic: str, partition: int) -> int:
    offset: int = consumer.position([TopicPartition(topic, partition)])[0].offset
    return max(0, offset)
