"""The one definition of the topics that the pipeline needs."""

import time
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, TopicMetadata

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
    admin, there = _topics_of(client_config)
    new = [
        NewTopic(spec.name, spec.partitions, replication_factor=-1, config=spec.config)
        for spec in specs
        if spec.name not in there
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
        except TimeoutError:
            raise BrokerError(
                f"cannot create the topic {name}: no answer within {TIMEOUT_S:.0f} s; see "
                "whether the broker is well"
            ) from None
    _wait_until_visible(admin, created)
    return created


def _wait_until_visible(admin: AdminClient, names: list[str]) -> None:
    """Return when the broker tells of new topics: it says "created" a moment before it does."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        there = admin.list_topics(timeout=TIMEOUT_S).topics
        if all(name in there and there[name].partitions for name in names):
            return
        time.sleep(0.05)


def check_topics(client_config: dict[str, str], specs: list[TopicSpec]) -> list[str]:
    """Return in words how the broker's topics differ from `specs`; empty if they do not."""
    admin, there = _topics_of(client_config)
    found = [spec for spec in specs if spec.name in there]
    differences = [f"{s.name}: the topic is missing" for s in specs if s.name not in there]
    resources = {ConfigResource(ConfigResource.Type.TOPIC, spec.name): spec for spec in found}
    answers = admin.describe_configs(list(resources)) if resources else {}
    for resource, future in answers.items():
        spec = resources[resource]
        try:
            actual = {name: entry.value for name, entry in future.result(TIMEOUT_S).items()}
        except KafkaException as error:
            raise BrokerError(
                f"cannot read the configuration of {spec.name}: {error.args[0].str()}"
            ) from None
        except TimeoutError:
            raise BrokerError(
                f"cannot read the configuration of {spec.name}: no answer within {TIMEOUT_S:.0f} s"
            ) from None
        partitions = len(there[spec.name].partitions)
        if partitions != spec.partitions:
            differences.append(f"{spec.name}: {partitions} partitions instead of {spec.partitions}")
        differences += [
            f"{spec.name}: {name} is {actual.get(name)} instead of {value}"
            for name, value in spec.config.items()
            if actual.get(name) != value
        ]
    return differences


def _topics_of(client_config: dict[str, str]) -> tuple[AdminClient, dict[str, TopicMetadata]]:
    admin = AdminClient({**client_config, "log_level": 0})
    try:
        return admin, admin.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        address = client_config["bootstrap.servers"]
        raise BrokerError(
            f"the broker at {address} does not answer: {error.args[0].str()}"
        ) from None
