"""Looks at a consumer group: how far it is, who is in it, and what readers wait for.

With the client's older calls, which block: the newer ones (`describe_consumer_groups`,
`list_offsets`) end the whole process when the broker goes away or starts in the middle of one
(librdkafka 2.12: a failed assertion, or a crash when the client is dropped).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import GroupMetadata

from tape.kafka import clients
from tape.kafka.bounded import within
from tape.kafka.clients import Isolation
from tape.kafka.connect import told_plainly
from tape.process.clock import CLOCK

TIMEOUT_S: Final = 5.0
AGAIN_S: Final = 0.3
UUID_CHARACTERS: Final = 36
"""The broker makes a member's id from its stable name, a dash and this many random characters."""

MOVING: Final = ("PreparingRebalance", "CompletingRebalance")
"""States of a group that is assigning its partitions, as the broker names them."""


@dataclass(frozen=True, slots=True)
class Member:
    """A process in a consumer group, as the broker knows it.

    `instance` is its stable name; `member_id` is given again whenever a process joins;
    `partitions` is how many of the topic it has.
    """

    instance: str
    member_id: str
    host: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Look:
    """How far a group is with a topic at one moment; offsets by partition.

    Attributes:
        at_s: when, on the monotonic clock.
        first, end: offset of the oldest message kept, and of the end that readers of committed
            messages see. Marks of transactions have offsets too: differences are a few more
            than messages.
        committed: offset that the group reads next; without a commit the partition is missing.
        members: processes in the group.
        moving: whether the group is just sharing its partitions out.
    """

    at_s: float
    first: dict[int, int]
    end: dict[int, int]
    committed: dict[int, int]
    members: tuple[Member, ...]
    moving: bool

    @property
    def lag(self) -> int:
        """Return how many messages wait."""
        return sum(end - self._next(number) for number, end in self.end.items())

    @property
    def written(self) -> int:
        """Return the sum of the ends; only a difference between two looks means something."""
        return sum(self.end.values())

    @property
    def taken(self) -> int:
        """Return the sum of the next offsets; only a difference between looks means something."""
        return sum(self._next(number) for number in self.end)

    @property
    def deleted_unread(self) -> int:
        """Return how many messages the broker deleted before the group had read them."""
        return sum(max(0, self.first[number] - offset) for number, offset in self.committed.items())

    def _next(self, partition: int) -> int:
        first = self.first[partition]
        return min(self.end[partition], max(first, self.committed.get(partition, first)))


class GroupWatcher:
    """Looks at a consumer group of one topic, as often as asked; never joins it.

    Args:
        client_config: the connection in librdkafka's names.
        group: the group; it need not be there yet.
        topic: whose partitions it has committed offsets of.
    """

    def __init__(self, client_config: dict[str, str], group: str, topic: str) -> None:
        self._admin = clients.admin(client_config)
        self._group, self._topic = group, topic
        self._consumer = _consumer(client_config, group, "read_committed")

    def look(self) -> Look:
        """Return the state of now; raises `BrokerError` if the broker refuses."""
        numbers = partitions_of(self._consumer, self._topic)
        members, moving = self._members()
        of_topic = [TopicPartition(self._topic, number) for number in numbers]
        with told_plainly(f"the consumer group {self._group}"):
            committed = within(
                TIMEOUT_S, lambda: self._consumer.committed(of_topic, timeout=TIMEOUT_S)
            )
        bounds = _bounds(self._consumer, self._topic, numbers)
        return Look(
            at_s=CLOCK.now_s(),
            first={number: low for number, (low, _) in bounds.items()},
            end={number: high for number, (_, high) in bounds.items()},
            committed={part.partition: part.offset for part in committed if part.offset >= 0},
            members=members,
            moving=moving,
        )

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def members(self) -> tuple[Member, ...]:
        """Return the processes in the group; raises `BrokerError` if the broker refuses."""
        return self._members()[0]

    def _members(self) -> tuple[tuple[Member, ...], bool]:
        with told_plainly(f"the consumer group {self._group}"):
            found = self._groups()
            for group in found:
                if group.error is not None:
                    raise KafkaException(group.error)
        members = tuple(
            Member(
                member.id[: -UUID_CHARACTERS - 1],
                member.id,
                member.client_host.lstrip("/"),
                assigned(member.assignment, self._topic),
            )
            for group in found
            for member in group.members
        )
        return members, any(group.state in MOVING for group in found)

    def _groups(self) -> list[GroupMetadata]:
        """Return what the brokers know of the group; one may just be connecting: ask again."""
        until_s = CLOCK.now_s() + TIMEOUT_S
        while True:
            try:
                found: list[GroupMetadata] = self._admin.list_groups(self._group, timeout=TIMEOUT_S)
                return found
            except KafkaException:
                if CLOCK.now_s() > until_s:
                    raise
            CLOCK.sleep(AGAIN_S)


def assigned(assignment: bytes | None, topic: str) -> int:
    """Return how many partitions of a topic a member's assignment holds, in Kafka's own form.

    That is a version (16 bits), the number of topics (32), and for each its name, with its
    length (16) before it, and its partitions (32 each) with their number (32).
    """
    raw, at, count = assignment or b"", 6, 0
    try:
        for _ in range(struct.unpack_from(">i", raw, 2)[0]):
            (length,) = struct.unpack_from(">h", raw, at)
            name = raw[at + 2 : at + 2 + length]
            (partitions,) = struct.unpack_from(">i", raw, at + 2 + length)
            at += 6 + length + 4 * partitions
            count += partitions if name == topic.encode() else 0
    except struct.error:  # nothing assigned yet
        return count
    return count


def partitions_of(consumer: Consumer, topic: str) -> list[int]:
    """Return the numbers of a topic's partitions; raises `BrokerError` if there is none."""
    with told_plainly(f"the topic {topic}"):
        found = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
    return sorted(found.partitions)


def open_transactions(client_config: dict[str, str], topic: str) -> dict[int, int]:
    """Return, by partition, from which offset on readers wait for a transaction to end."""
    all_of_it = _consumer(client_config, "tape-doctor", "read_uncommitted")
    committed = _consumer(client_config, "tape-doctor", "read_committed")
    try:
        numbers = partitions_of(all_of_it, topic)
        ends, stable = (_bounds(consumer, topic, numbers) for consumer in (all_of_it, committed))
    finally:
        all_of_it.close()
        committed.close()
    return {number: stable[number][1] for number in numbers if stable[number][1] < ends[number][1]}


def _consumer(client_config: dict[str, str], group: str, isolation: Isolation) -> Consumer:
    return clients.consumer(client_config, group=group, isolation=isolation)


def _bounds(consumer: Consumer, topic: str, numbers: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return the oldest offset kept and the next to come, as far as the consumer may see."""
    with told_plainly(f"the topic {topic}"):
        return {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=TIMEOUT_S)
            for number in numbers
        }
