"""Where partitions begin, without a broker: at the commit, at the beginning, or not at all."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from tape.errors import StateError
from tape.streaming.beginning import begin_at, commits_of, stocks_among


class Broker:
    """What a consumer is told: commits by partition, and the oldest and next offset of each."""

    def __init__(self, commits: dict[int, int], ends: tuple[int, int] = (0, 100)) -> None:
        self.commits, self.ends = commits, ends

    def committed(
        self, partitions: list[TopicPartition], timeout: float | None = None
    ) -> list[TopicPartition]:
        return [TopicPartition(p.topic, p.partition, self.commits[p.partition]) for p in partitions]

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float | None = None, cached: bool = False
    ) -> tuple[int, int]:
        return self.ends


def topics(changelog_partitions: int) -> dict[str, Any]:
    config = SimpleNamespace(num_partitions=changelog_partitions)
    return {
        "stocks": SimpleNamespace(is_changelog=False),
        "changelog": SimpleNamespace(is_changelog=True, broker_config=config),
    }


def begun(commit: int, ends: tuple[int, int]) -> int:
    broker = Broker({0: commit}, ends)
    parts = [TopicPartition("stocks", 0), TopicPartition("changelog", 0)]
    (stocks,) = stocks_among(parts, topics(1))
    (found,) = commits_of(broker, [stocks])
    begin_at(broker, stocks, found)
    assert parts[1].offset == OFFSET_BEGINNING, "recovery moves it"
    return int(stocks.offset)


@pytest.mark.parametrize(
    ("commit", "ends", "begins"),
    [
        (-1001, (0, 100), OFFSET_BEGINNING),  # what the client answers where there is none
        (0, (0, 100), 0),
        (40, (0, 100), 40),
        (40, (40, 100), 40),
        (100, (40, 100), 100),
    ],
)
def test_a_partition_begins_at_its_commit_or_at_its_beginning(
    commit: int, ends: tuple[int, int], begins: int
) -> None:
    assert begun(commit, ends) == begins


def test_records_that_were_deleted_before_they_were_judged_are_counted() -> None:
    with pytest.raises(StateError, match=r"25 records of stocks\[0\] were deleted before"):
        begun(40, (65, 100))


def test_a_topic_that_ends_before_the_commit_was_made_again() -> None:
    with pytest.raises(StateError, match="the topic was made again"):
        begun(101, (0, 100))


def test_a_partition_without_a_place_for_its_state_is_refused() -> None:
    parts = [TopicPartition("stocks", number) for number in range(3)]
    assert stocks_among(parts[:2], topics(2)) == parts[:2]
    with pytest.raises(StateError, match="more partitions than the state was kept for"):
        stocks_among(parts, topics(2))
