"""The one definition of the topics that the pipeline needs."""

from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from tape.errors import BrokerError

DAY_MS: Final = 86_400_000
TIMEOUT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be; `config` in Kafka's own names."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def pipeline_topics(
    input: str = "stocks",
    output: str = "anomalies",
    rejected: str = "rejected",
    group: str | None = None,
) -> list[TopicSpec]:
    """Return the pipeline's topics; with a consumer `group`, also its detector's changelog.

    The changelog would be made by Quix Streams too, but with segments so large that compaction
    hardly ever runs, and a recovery would read every old state.
    """
    topics = [
        TopicSpec(input, 4, {"retention.ms": str(7 * DAY_MS), "retention.bytes": "-1"}),
        TopicSpec(output, 4, {"retention.ms": str(30 * DAY_MS), "retention.bytes": "-1"}),
        TopicSpec(rejected, 1, {"retention.ms": str(30 * DAY_MS), "retention.bytes": "-1"}),
    ]
    if group is not None:
        compacted = {
            "cleanup.policy": "compact",
            "segment.bytes": str(64 * 2**20),
            "min.cleanable.dirty.ratio": "0.1",
        }
        topics.append(TopicSpec(f"changelog__{group}--{input}--default", 4, compacted))
    return topics


def create_topics(client_config: dict[str, str], specs: list[TopicSpec]) -> list[str]:
    """Create the topics that are missing and return their names; harmless to call again.

    Raises `BrokerError` that names the topic and what the broker said.
    """
    admin = AdminClient({**client_config, "log_level": 0})
    try:
        there = admin.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        address = client_config["bootstrap.servers"]
        raise BrokerError(
            f"the broker at {address} does not answer: {error.args[0].str()}"
        ) from None
    missing = [spec for spec in specs if spec.name not in there]
    new = [
        NewTopic(spec.name, spec.partitions, replication_factor=-1, config=spec.config)
        for spec in missing
    ]
    created = []
    for name, future in (admin.create_topics(new) if new else {}).items():
        try:
            future.result(TIMEOUT_S)
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise BrokerError(
                    f"cannot create the topic {name}: {error.args[0].str()}; create it or give "
                    "the user the right to"
                ) from None
    return created
