"""The pipeline's topics on a broker: made, looked at, set right."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    TopicMetadata,
)

from tape.errors import BrokerAwayError, BrokerError
from tape.kafka import clients
from tape.kafka.differences import ALSO_LOOKED_AT, TopicState, how_to_fix
from tape.kafka.errors import kind_of
from tape.kafka.specs import LARGEST, TopicSpec, changelog_name, pipeline_topics
from tape.process.clock import CLOCK

__all__ = [
    "TopicSpec",
    "TopicState",
    "alter_topics",
    "changelog_name",
    "check_topics",
    "create_topics",
    "how_to_fix",
    "partition_counts",
    "pipeline_topics",
    "refuse_unfit_topics",
    "too_small_topics",
    "topic_states",
]

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 15.0
ASKED_S: Final = TIMEOUT_S - 1
"""The client has to give up before we do: dropped with a question open, it may crash."""


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
                raise kind_of(error)(
                    f"cannot create the topic {name}: {error.args[0].str()}; create it or give "
                    "the user the right to"
                ) from None
        except TimeoutError:
            raise BrokerAwayError(
                f"cannot create the topic {name}: no answer within {TIMEOUT_S:.0f} s",
                "see whether the broker is well",
            ) from None
    _wait_until_ready(admin, client_config, created)
    return created


def _wait_until_ready(admin: AdminClient, client_config: dict[str, str], names: list[str]) -> None:
    """Return when the broker tells of new topics, and answers for each of their partitions.

    It says "created" a moment before either; a detector that asks for the end of its changelog
    in between would have to be started again.
    """
    deadline_s = CLOCK.now_s() + TIMEOUT_S
    looker = clients.consumer(client_config, group="tape-topics")
    try:
        while names and CLOCK.now_s() < deadline_s:
            there = admin.list_topics(timeout=TIMEOUT_S).topics
            if all(name in there and there[name].partitions for name in names):
                parts = [TopicPartition(n, part) for n in names for part in there[n].partitions]
                if all(_answers_for(looker, part) for part in parts):
                    return
            CLOCK.sleep(0.05)
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


def topic_states(
    client_config: dict[str, str], specs: list[TopicSpec], *, hidden: bool = False
) -> list[TopicState]:
    """Return what the broker has of each topic, in the order of `specs`.

    Raises `BrokerError` if the broker does not answer or does not show a configuration; with
    `hidden`, topics whose configuration it does not show are skipped.
    """
    admin, cluster = _cluster(client_config)
    there = cluster.topics
    configs = _configs(admin, [spec.name for spec in specs if spec.name in there], hidden=hidden)
    return [
        _state(_as_there(spec, there), there, configs.get(spec.name, {}), len(cluster.brokers))
        for spec in specs
        if spec.name in configs or spec.name not in there
    ]


def _state(
    spec: TopicSpec,
    there: Mapping[str, TopicMetadata],
    config: Mapping[str, str | None],
    brokers: int,
) -> TopicState:
    names = dict.fromkeys((*spec.config, *ALSO_LOOKED_AT))
    looked_at = {name: config.get(name) for name in names}
    if spec.name not in there:
        return TopicState(spec, 0, looked_at)
    parts = there[spec.name].partitions
    copies = min((len(part.replicas) for part in parts.values()), default=0)
    return TopicState(spec, len(parts), looked_at, copies, brokers)


def _configs(
    admin: AdminClient, names: list[str], *, hidden: bool
) -> dict[str, dict[str, str | None]]:
    """Return the configuration of topics, by topic and name."""
    wanted = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    answers = admin.describe_configs(wanted, request_timeout=ASKED_S) if wanted else {}
    configs: dict[str, dict[str, str | None]] = {}
    for resource, future in answers.items():
        try:
            entries = future.result(TIMEOUT_S)
            configs[resource.name] = {name: entry.value for name, entry in entries.items()}
        except KafkaException as error:
            if hidden and error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                continue
            raise kind_of(error)(
                f"cannot read the configuration of {resource.name}: {error.args[0].str()}; "
                "give the user the right to describe it"
            ) from None
        except TimeoutError:
            raise BrokerAwayError(
                f"cannot read the configuration of {resource.name}: no answer within "
                f"{TIMEOUT_S:.0f} s",
                "see whether the broker is well",
            ) from None
    return configs


def alter_topics(client_config: dict[str, str], states: list[TopicState]) -> dict[str, str]:
    """Set right what a setting can set, and return it, in words, by topic.

    Raises `BrokerError` that names the topic and what the broker said.
    """
    admin, _ = _topics_of(client_config)
    wanted = {state.spec.name: found for state in states if (found := state.wrong_settings())}
    for name, settings in wanted.items():
        entries = [
            ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
            for setting, value in settings.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=entries)
        futures = admin.incremental_alter_configs([resource], request_timeout=ASKED_S)
        try:
            futures[resource].result(TIMEOUT_S)
        except (KafkaException, TimeoutError) as error:
            silent = isinstance(error, TimeoutError)
            why = "no answer" if silent else error.args[0].str()
            raise BrokerError(
                f"cannot change the configuration of {name}: {why}",
                "give the user the right to (AlterConfigs), or change it with the broker's own "
                "tool",
            ) from None
    return {name: _in_words(settings) for name, settings in wanted.items()}


def _in_words(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{setting}={value}" for setting, value in settings.items())


def refuse_unfit_topics(client_config: dict[str, str], specs: list[TopicSpec]) -> None:
    """Raise `BrokerError` for topics that would lose data or take none; log other differences.

    Topics that are missing or whose configuration the broker does not show are left alone: that
    is said where they are used.
    """
    states = topic_states(client_config, specs, hidden=True)
    there = [state for state in states if state.partitions]
    faults = [fault for state in there for fault in state.faults()]
    refused = [fault for fault in faults if fault.weight == "refused"]
    if refused:
        texts, fixes = ([fault.text for fault in refused], [fault.fix for fault in refused])
        raise BrokerError("; ".join(texts), "; ".join(dict.fromkeys(fixes)))
    for fault in faults:
        log.warning("topic differs", extra={"found": fault.text, "fix": fault.fix})


def too_small_topics(client_config: dict[str, str], specs: list[TopicSpec]) -> BrokerError:
    """Return what to say when the broker refused a record as too large."""
    states = topic_states(client_config, specs, hidden=True)
    faults = [fault for state in states for fault in state.too_small()]
    if faults:
        fixes = dict.fromkeys(fault.fix for fault in faults)
        return BrokerError("; ".join(fault.text for fault in faults), "; ".join(fixes))
    names = ", ".join(spec.name for spec in specs)
    return BrokerError(
        "the broker refused a record as too large",
        f"raise {LARGEST} of the topics ({names}) and the broker's own message.max.bytes",
    )


def partition_counts(client_config: dict[str, str], names: Iterable[str]) -> list[int]:
    """Return how many partitions each topic has, 0 for one that is missing."""
    _, there = _topics_of(client_config)
    return [len(there[name].partitions) if name in there else 0 for name in names]


def check_topics(client_config: dict[str, str], specs: list[TopicSpec]) -> list[str]:
    """Return in words how the broker's topics differ from `specs`, missing ones first."""
    states = sorted(topic_states(client_config, specs), key=lambda state: state.partitions > 0)
    return [difference for state in states for difference in state.differences()]


def _topics_of(client_config: dict[str, str]) -> tuple[AdminClient, dict[str, TopicMetadata]]:
    admin, cluster = _cluster(client_config)
    return admin, cluster.topics


def _cluster(client_config: dict[str, str]) -> tuple[AdminClient, ClusterMetadata]:
    admin = clients.admin(client_config)
    try:
        return admin, admin.list_topics(timeout=TIMEOUT_S)
    except KafkaException as error:
        address = client_config["bootstrap.servers"]
        raise kind_of(error)(
            f"the broker at {address} does not answer: {error.args[0].str()}",
            "see whether it is well",
        ) from None
