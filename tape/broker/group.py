"""Looks at a consumer group: how far it is, who is in it, and what readers wait for."""

import time
from dataclasses import dataclass
from typing import Final

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from tape.broker.connect import told_plainly

TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Member:
    """A process in a consumer group, as the broker knows it.

    `instance` is its stable name; `member_id` is given anew whenever a process joins;
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
        first, end: offset of the oldest message kept, and of the next to be written.
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
    """Looks at a consumer group of one topic, as often as asked."""

    def __init__(self, client_config: dict[str, str], group: str, topic: str) -> None:
        self._admin = AdminClient({**client_config, "log_level": 0})
        self._group, self._topic = group, topic
        self._partitions = partitions_of(self._admin, topic)

    def look(self) -> Look:
        """Return the state of now; raises `BrokerError` if the broker refuses."""
        with told_plainly(f"the consumer group {self._group}"):
            return self._look()

    def _look(self) -> Look:
        of_topic = [TopicPartition(self._topic, number) for number in self._partitions]
        asked = [ConsumerGroupTopicPartitions(self._group, of_topic)]
        (committed,) = self._admin.list_consumer_group_offsets(asked).values()
        offsets = committed.result(TIMEOUT_S).topic_partitions
        members, moving = self._members()
        return Look(
            at_s=time.monotonic(),
            first=offsets_of(self._admin, self._topic, self._partitions, OffsetSpec.earliest()),
            end=offsets_of(self._admin, self._topic, self._partitions, OffsetSpec.latest()),
            committed={part.partition: part.offset for part in offsets if part.offset >= 0},
            members=members,
            moving=moving,
        )

    def members(self) -> tuple[Member, ...]:
        """Return the processes in the group; raises `BrokerError` if the broker refuses."""
        with told_plainly(f"the consumer group {self._group}"):
            return self._members()[0]

    def _members(self) -> tuple[tuple[Member, ...], bool]:
        (future,) = self._admin.describe_consumer_groups([self._group]).values()
        try:
            group = future.result(TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:  # nobody was ever in it
                return (), False
            raise
        members = tuple(
            Member(
                member.group_instance_id or "",
                member.member_id,
                member.host.lstrip("/"),
                sum(part.topic == self._topic for part in member.assignment.topic_partitions),
            )
            for member in group.members
        )
        settled = (ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)
        return members, group.state not in settled


def partitions_of(admin: AdminClient, topic: str) -> list[int]:
    """Return the numbers of a topic's partitions; raises `BrokerError` if there is none."""
    with told_plainly(f"the topic {topic}"):
        found = admin.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
    return sorted(found.partitions)


def offsets_of(
    admin: AdminClient,
    topic: str,
    partitions: list[int],
    spec: OffsetSpec,
    isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
) -> dict[int, int]:
    """Return an offset a partition; raises `BrokerError` if the broker refuses."""
    asked = {TopicPartition(topic, number): spec for number in partitions}
    with told_plainly(f"the topic {topic}"):
        answers = admin.list_offsets(asked, isolation_level=isolation, request_timeout=TIMEOUT_S)
        return {part.partition: found.result(TIMEOUT_S).offset for part, found in answers.items()}


def open_transactions(client_config: dict[str, str], topic: str) -> dict[int, int]:
    """Return, by partition, from which offset on readers wait for a transaction to end."""
    admin = AdminClient({**client_config, "log_level": 0})
    numbers = partitions_of(admin, topic)
    latest = OffsetSpec.latest()
    ends = offsets_of(admin, topic, numbers, latest)
    stable = offsets_of(admin, topic, numbers, latest, IsolationLevel.READ_COMMITTED)
    return {number: stable[number] for number in numbers if stable[number] < ends[number]}
