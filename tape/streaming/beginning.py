"""Where a detector begins to read the partitions that it is given."""

from collections.abc import Mapping
from typing import Final, Protocol

from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from quixstreams.models import Topic

from tape.errors import StateError

ASKED_S: Final = 30.0
"""Longest wait for the broker's answer; the library gives it as long."""

COMMITS_S: Final = 60.0
"""Longest wait for the group's commits, which the broker withholds while a transaction has some.

That of a killed detector ends 30 s after it began (`TRANSACTION_TIMEOUT_MS`) and Kafka looks for
such every 10 s; whoever gives up before starts again, moves partitions, and makes others wait.
"""

BEHIND_A_GAP: Final = (
    "take a new Quix__Consumer_Group and a new output and EPISODES_TOPIC to judge what is there "
    "from its beginning, or set the group's offsets with the broker's own tool to continue there"
)


class Asked(Protocol):
    """What a consumer is asked about partitions."""

    def committed(
        self, partitions: list[TopicPartition], timeout: float | None = None
    ) -> list[TopicPartition]:
        """Return partitions with the group's commits."""

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float | None = None, cached: bool = False
    ) -> tuple[int, int]:
        """Return the offset of the oldest record, and that of the next to come."""


def stocks_among(
    partitions: list[TopicPartition], topics: Mapping[str, Topic]
) -> list[TopicPartition]:
    """Return the input's partitions, having set every partition to its beginning.

    Recovery moves a changelog to where it has to begin. Raises `StateError` if there is no place
    for the state of a partition.
    """
    changelog_of = _changelog_partitions(topics)
    stocks = []
    for part in partitions:
        part.offset = OFFSET_BEGINNING
        if not topics[part.topic].is_changelog:
            stocks.append(part)
    if any(part.partition >= changelog_of for part in stocks):
        raise StateError(
            f"{stocks[0].topic} has more partitions than the state was kept for ({changelog_of}): "
            "symbols move to other partitions, away from their state",
            "`tape state reset --all --yes` gives the changelog as many, and the detectors start "
            "over; see docs/operations.md on topics that grow",
        )
    return stocks


def commits_of(consumer: Asked, stocks: list[TopicPartition]) -> list[TopicPartition]:
    """Return the group's commits of partitions, in their order."""
    ours = [TopicPartition(part.topic, part.partition) for part in stocks]
    return consumer.committed(ours, timeout=COMMITS_S) if ours else []


def begin_at(consumer: Asked, part: TopicPartition, commit: TopicPartition) -> None:
    """Have a partition read from its commit, if there is one.

    Raises `StateError` if records behind the commit were deleted: the client itself would
    continue after the gap without a word.
    """
    if commit.error is not None or commit.offset < 0:
        return
    first, end = consumer.get_watermark_offsets(
        TopicPartition(part.topic, part.partition), timeout=ASKED_S
    )
    if commit.offset < first:
        raise StateError(
            f"{first - commit.offset:,} records of {part.topic}[{part.partition}] were deleted "
            f"before they were judged (the commit is at {commit.offset}, the oldest record at "
            f"{first})",
            f"{BEHIND_A_GAP}",
        )
    if commit.offset > end:
        raise StateError(
            f"{part.topic}[{part.partition}] ends at {end}, before the commit at {commit.offset}: "
            "the topic was made again",
            f"{BEHIND_A_GAP}",
        )
    part.offset = commit.offset


def _changelog_partitions(topics: Mapping[str, Topic]) -> int:
    """Return for how many partitions there is room for state."""
    counts = [topic.broker_config.num_partitions for topic in topics.values() if topic.is_changelog]
    return min(counts, default=2**31)
