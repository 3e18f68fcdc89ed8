"""The one definition of the topics that the pipeline needs."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, TopicMetadata

from tape.errors import BrokerError

DAY_MS: Final = 86_400_000
TIMEOUT_S: Final = 15.0
ASKED_S: Final = TIMEOUT_S - 1
"""The client has to give up before we do: dropped with a question open, it may crash."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be.

    Attributes:
        partitions: how many it gets where it is made.
        config: in Kafka's own names.
        any_number: whether one that is there may have any other number of partitions.
        like: a topic that it must have as many partitions as, in place of `partitions`.
    """

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)
    any_number: bool = False
    like: str | None = None


def pipeline_topics(
    input: str = "stocks",
    output: str = "anomalies",
    rejected: str = "rejected",
    episodes: str = "episodes",
    group: str | None = None,
) -> list[TopicSpec]:
    """Return the pipeline's topics; with a consumer `group`, also its detector's changelog.

    Those of messages may have any number of partitions. The changelog has as many as `input`:
    the state of a symbol lies in the partition of its trades. It would be made by Quix Streams
    too, but with segments so large that compaction hardly ever runs, and a recovery would read
    every old state.
    """
    compacted = {
        "cleanup.policy": "compact",
        "segment.bytes": str(64 * 2**20),
        "min.cleanable.dirty.ratio": "0.1",
    }
    week = {"retention.ms": str(7 * DAY_MS), "retention.bytes": "-1"}
    month = {"retention.ms": str(30 * DAY_MS), "retention.bytes": "-1"}
    topics = [
        TopicSpec(input, 4, week, any_number=True),
        TopicSpec(output, 4, month, any_number=True),
        TopicSpec(rejected, 1, month, any_number=True),
        TopicSpec(episodes, 4, compacted, any_number=True),
        TopicSpec(f"{input}-positions", 1, compacted),
    ]
    if group is not None:
        topics.append(TopicSpec(changelog_name(group, input), 4, compacted, like=input))
    return topics


def changelog_name(group: str, input: str) -> str:
    """Return the topic that holds the state of a group's detectors, as Quix Streams names it."""
    return f"changelog__{group}--{input}--default"


def _as_there(spec: TopicSpec, there: Mapping[str, TopicMetadata]) -> TopicSpec:
    """Return a spec with as many partitions as the topic has that it must be like."""
    if spec.like is None or spec.like not in there:
        return spec
    return replace(spec, partitions=len(there[spec.like].partitions))


def create_topics(client_config: dict[str, str], specs: list[TopicSpec]) -> list[str]:
    """Create the topics that are missing and return their names; harmless to call again.

    Raises `BrokerError` that names the topic and what the broker said.
    """
    admin, there = _topics_of(client_config)
    new = [
        NewTopic(spec.name, spec.partitions, replication_factor=-1, config=spec.config)
        for spec in (_as_there(spec, there) for spec in specs)
        if spec.name not in there
    ]
    created = []
    for name, future in (admin.create_topics(new, request_timeout=ASKED_S) if new else {}).items():
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
    _wait_until_ready(admin, client_config, created)
    return created


def _wait_until_ready(admin: AdminClient, client_config: dict[str, str], names: list[str]) -> None:
    """Return when the broker tells of new topics, and answers for each of their partitions.

    It says "created" a moment before either; a detector that asks for the end of its changelog
    in between would have to be started again.
    """
    deadline_s = time.monotonic() + TIMEOUT_S
    looker = Consumer({**client_config, "group.id": "tape-topics", "enable.auto.commit": False})
    try:
        while names and time.monotonic() < deadline_s:
            there = admin.list_topics(timeout=TIMEOUT_S).topics
            if all(name in there and there[name].partitions for name in names):
                parts = [TopicPartition(n, part) for n in names for part in there[n].partitions]
                if all(_answers_for(looker, part) for part in parts):
                    return
            time.sleep(0.05)
    finally:
        looker.close()


def _answers_for(looker: Consumer, part: TopicPartition) -> bool:
    """Return whether a partition's leader tells its ends, or refuses to.

    By the consumer: the admin client's `list_offsets` ends the process with the broker.
    """
    try:
        looker.get_watermark_offsets(part, timeout=TIMEOUT_S)
    except KafkaException as error:
        return bool(error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED)
    return True


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the broker has it; `partitions` is 0 if it is missing, `config` as in its spec."""

    spec: TopicSpec
    partitions: int
    config: dict[str, str | None]

    def differences(self) -> list[str]:
        """Return in words how the topic differs from its spec; empty if it does not."""
        spec = self.spec
        if not self.partitions:
            return [f"{spec.name}: the topic is missing"]
        found = []
        if self.partitions != spec.partitions and not spec.any_number:
            like = f", as {spec.like} has" if spec.like else ""
            found.append(
                f"{spec.name}: {self.partitions} partitions instead of {spec.partitions}{like}"
            )
        return found + [
            f"{spec.name}: {name} is {self.config[name]} instead of {value}"
            for name, value in spec.config.items()
            if self.config[name] != value
        ]


def how_to_fix(states: list[TopicState]) -> str:
    """Return what to do about topics that differ from their specs."""
    if any(not state.partitions for state in states):
        return "`tape topics create` makes the missing ones"
    if any(state.spec.like and state.partitions > state.spec.partitions for state in states):
        return (
            "a topic does not shrink: take a new Quix__Consumer_Group, `output` and EPISODES_TOPIC"
        )
    if any(state.spec.like and state.partitions < state.spec.partitions for state in states):
        return (
            "`tape state reset --all --yes` gives the changelog as many partitions, and the "
            "detectors begin afresh; see docs/operations.md on topics that grow"
        )
    return "correct them with the broker's own tool, or delete them and run `tape topics create`"


def topic_states(client_config: dict[str, str], specs: list[TopicSpec]) -> list[TopicState]:
    """Return what the broker has of each topic, in the order of `specs`.

    Raises `BrokerError` if the broker does not answer or does not show a configuration.
    """
    admin, there = _topics_of(client_config)
    wanted = [
        ConfigResource(ConfigResource.Type.TOPIC, spec.name) for spec in specs if spec.name in there
    ]
    answers = admin.describe_configs(wanted, request_timeout=ASKED_S) if wanted else {}
    configs: dict[str, dict[str, str | None]] = {}
    for resource, future in answers.items():
        try:
            entries = future.result(TIMEOUT_S)
            configs[resource.name] = {name: entry.value for name, entry in entries.items()}
        except KafkaException as error:
            raise BrokerError(
                f"cannot read the configuration of {resource.name}: {error.args[0].str()}; "
                "give the user the right to describe it"
            ) from None
        except TimeoutError:
            raise BrokerError(
                f"cannot read the configuration of {resource.name}: no answer within "
                f"{TIMEOUT_S:.0f} s; see whether the broker is well"
            ) from None
    return [
        TopicState(
            _as_there(spec, there),
            len(there[spec.name].partitions) if spec.name in there else 0,
            {name: configs.get(spec.name, {}).get(name) for name in spec.config},
        )
        for spec in specs
    ]


def partition_counts(client_config: dict[str, str], names: Iterable[str]) -> list[int]:
    """Return how many partitions each topic has, 0 for one that is missing."""
    _, there = _topics_of(client_config)
    return [len(there[name].partitions) if name in there else 0 for name in names]


def check_topics(client_config: dict[str, str], specs: list[TopicSpec]) -> list[str]:
    """Return in words how the broker's topics differ from `specs`, missing ones first."""
    states = sorted(topic_states(client_config, specs), key=lambda state: state.partitions > 0)
    return [difference for state in states for difference in state.differences()]


def _topics_of(client_config: dict[str, str]) -> tuple[AdminClient, dict[str, TopicMetadata]]:
    admin = AdminClient({**client_config, "log_level": 0})
    try:
        return admin, admin.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        address = client_config["bootstrap.servers"]
        raise BrokerError(
            f"the broker at {address} does not answer: {error.args[0].str()}"
        ) from None
