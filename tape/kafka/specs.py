"""The one definition of the topics that the pipeline needs."""

from dataclasses import dataclass, field
from typing import Final

DAY_MS: Final = 86_400_000
BATCH_BYTES: Final = 1_000_000
"""Largest batch of records that our clients send; librdkafka's own defaults, which we keep."""

FRAME_BYTES: Final = 4_096
"""Room for what stands around one large record: its key, its headers, the batch's own."""

POLICY: Final = "cleanup.policy"
TIMESTAMPS: Final = "message.timestamp.type"
LARGEST: Final = "max.message.bytes"
IN_SYNC: Final = "min.insync.replicas"
RETENTION: Final = ("retention.ms", "retention.bytes")


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be.

    Attributes:
        partitions: how many it gets where it is made.
        config: in Kafka's own names.
        any_number: whether one that is there may have any other number of partitions.
        like: a topic that it must have as many partitions as, in place of `partitions`.
        largest_bytes: the largest batch that we write to it, or 0 if it does not matter.
    """

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)
    any_number: bool = False
    like: str | None = None
    largest_bytes: int = 0


def pipeline_topics(
    input: str = "stocks",
    output: str = "anomalies",
    rejected: str = "rejected",
    episodes: str = "episodes",
    group: str | None = None,
    *,
    state_bytes: int = 0,
    alerts: str | None = None,
    bars: str | None = None,
    reviews: str | None = None,
) -> list[TopicSpec]:
    """Return the pipeline's topics; with a consumer `group`, also its detector's changelog.

    Those of messages may have any number of partitions. The changelog has as many as `input`:
    the state of a symbol lies in the partition of its trades. It would be made by Quix Streams
    too, but with segments so large that compaction hardly ever runs, and a recovery would read
    every old state.

    Messages get the broker's time: by a time that their sender chose, the broker would delete
    them as soon as that is older than they may become.

    Args:
        input: name of the topic of trades.
        output: of anomalies.
        rejected: of rejected records.
        episodes: of episodes.
        group: the detector's consumer group; None leaves the changelog out.
        state_bytes: most bytes that the state of a symbol takes; 0 if that is not known.
        alerts: of what people were told; None leaves it out.
        reviews: of what people decided; None leaves it out.
        bars: of bars; None leaves it out. Its records are kept for a week, each of them: the key is
            the symbol, so compaction waits until then.
    """
    compacted = {
        POLICY: "compact",
        "segment.bytes": str(64 * 2**20),
        "min.cleanable.dirty.ratio": "0.1",
    }
    appended = {TIMESTAMPS: "LogAppendTime"}
    week = _kept(7) | appended
    month = _kept(30) | appended
    topics = [
        TopicSpec(input, 4, week, any_number=True, largest_bytes=BATCH_BYTES),
        TopicSpec(output, 4, month, any_number=True, largest_bytes=BATCH_BYTES),
        TopicSpec(rejected, 1, month, any_number=True, largest_bytes=BATCH_BYTES),
        TopicSpec(episodes, 4, compacted | appended, any_number=True, largest_bytes=BATCH_BYTES),
        TopicSpec(f"{input}-positions", 1, compacted, largest_bytes=BATCH_BYTES),
    ]
    if alerts is not None:
        topics.append(
            TopicSpec(alerts, 1, compacted | appended, any_number=True, largest_bytes=BATCH_BYTES)
        )
    if reviews is not None:  # one partition: its order decides between two who decide at once
        topics.append(
            TopicSpec(reviews, 1, compacted | appended, any_number=True, largest_bytes=BATCH_BYTES)
        )
    if bars is not None:
        policy = {POLICY: "compact,delete", "min.compaction.lag.ms": week["retention.ms"]}
        topics.append(TopicSpec(bars, 4, week | policy, any_number=True, largest_bytes=BATCH_BYTES))
    if group is not None:
        name, largest = changelog_name(group, input), state_batch_bytes(state_bytes)
        if largest > BATCH_BYTES:  # more than a broker takes by itself
            compacted = compacted | {LARGEST: str(largest)}
        topics.append(TopicSpec(name, 4, compacted, like=input, largest_bytes=largest))
    return topics


def _kept(days: int) -> dict[str, str]:
    return {POLICY: "delete", "retention.ms": str(days * DAY_MS), "retention.bytes": "-1"}


def state_batch_bytes(state_bytes: int) -> int:
    """Return the bytes of the largest batch for a changelog of states of at most `state_bytes`."""
    return max(BATCH_BYTES, state_bytes + FRAME_BYTES)


def changelog_name(group: str, input: str) -> str:
    """Return the topic that holds the state of a group's detectors, as Quix Streams names it."""
    return f"changelog__{group}--{input}--default"
