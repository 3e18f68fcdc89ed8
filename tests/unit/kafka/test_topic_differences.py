"""Topics as clusters have them, also of several brokers, against what the pipeline needs."""

import dataclasses

import pytest

from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.kafka.differences import TopicState, how_to_fix
from tape.kafka.specs import TopicSpec, changelog_name, pipeline_topics
from tape.model.counts import Counts
from tape.settings.detector import DetectorSettings

AS_A_BROKER_HAS_IT = {"max.message.bytes": "1048588", "min.insync.replicas": "1"}

SPECS = pipeline_topics(group="g", alerts="alerts", bars="bars", reviews="reviews")


def spec_of(name: str) -> TopicSpec:
    return next(spec for spec in SPECS if spec.name == name)


def state(name: str, copies: int = 1, brokers: int = 1, **other: str | None) -> TopicState:
    """A topic as it should be, but for what is given (with _ for each dot)."""
    spec = spec_of(name)
    changed = {key.replace("_", "."): value for key, value in other.items()}
    policy = {"cleanup.policy": "delete", "message.timestamp.type": "CreateTime"}
    config = {**policy, **AS_A_BROKER_HAS_IT, **spec.config, **changed}
    return TopicState(spec, spec.partitions, config, copies, brokers)


def weights(found: TopicState) -> list[str]:
    return [fault.weight for fault in found.faults()]


ALL = [spec.name for spec in SPECS]
MESSAGES = ["stocks", "anomalies", "rejected"]
COMPACTED = ["episodes", "alerts", "reviews", "stocks-positions", changelog_name("g", "stocks")]


@pytest.mark.parametrize("name", ALL)
def test_a_topic_that_we_made_has_no_difference(name: str) -> None:
    assert state(name).differences() == []


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_messages_by_key_that_are_compacted_are_refused(name: str, policy: str) -> None:
    found = state(name, cleanup_policy=policy)
    assert weights(found) == ["refused"]
    assert f"{name}: cleanup.policy is {policy} instead of delete" in found.differences()[0]
    assert found.wrong_settings() == {"cleanup.policy": "delete"}


@pytest.mark.parametrize("name", COMPACTED)
@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_what_must_be_compacted_and_is_not_is_told(name: str, policy: str) -> None:
    found = state(name, cleanup_policy=policy)
    assert weights(found) == ["differs"]
    assert f"{name}: cleanup.policy is {policy} instead of compact" in found.differences()[0]


def test_of_two_policies_both_are_wanted_in_whatever_order() -> None:
    assert state("bars", cleanup_policy="delete, compact").differences() == []
    for policy in ("delete", "compact"):
        found = state("bars", cleanup_policy=policy)
        assert weights(found) == ["differs"]
        assert found.wrong_settings() == {"cleanup.policy": "compact,delete"}


@pytest.mark.parametrize("name", [*MESSAGES, "episodes"])
def test_a_time_of_the_sender_is_told_with_the_command_to_change_it(name: str) -> None:
    found = state(name, message_timestamp_type="CreateTime")
    assert weights(found) == ["advice"]
    assert "message.timestamp.type is CreateTime instead of LogAppendTime" in str(
        found.differences()
    )
    assert "`tape topics alter`" in how_to_fix([found])


@pytest.mark.parametrize("name", ALL)
def test_a_topic_that_takes_less_than_we_send_is_refused(name: str) -> None:
    found = state(name, max_message_bytes="999999")
    assert weights(found) == ["refused"]
    assert found.differences() == [
        f"{name}: max.message.bytes is 999999, at least 1000000 is needed"
    ]
    assert f"raise max.message.bytes of {name}" in how_to_fix([found])
    assert found.wrong_settings() == {"max.message.bytes": "1000000"}
    assert state(name, max_message_bytes="1000000").differences() == []


@pytest.mark.parametrize("name", MESSAGES)
def test_whoever_keeps_records_longer_is_left_alone(name: str) -> None:
    spec = spec_of(name)
    longer = str(10 * int(spec.config["retention.ms"]))
    assert state(name, retention_ms=longer).differences() == []
    assert state(name, retention_ms="-1").differences() == []
    shorter = state(name, retention_ms="1000", retention_bytes="5000")
    assert shorter.differences() == [
        f"{name}: retention.ms is 1000 instead of {spec.config['retention.ms']}",
        f"{name}: retention.bytes is 5000 instead of -1",
    ]
    assert shorter.wrong_settings() == {
        "retention.ms": spec.config["retention.ms"],
        "retention.bytes": "-1",
    }


def test_copies_matter_where_there_are_brokers_for_them() -> None:
    assert state("stocks", copies=1, brokers=1).differences() == []
    alone = state("stocks", copies=1, brokers=3)
    assert weights(alone) == ["advice"]
    assert "a copy on 1 broker of 3" in alone.differences()[0]
    one_is_enough = state("stocks", copies=3, brokers=3)
    assert weights(one_is_enough) == ["advice"]
    assert "min.insync.replicas is 1 with 3 copies" in one_is_enough.differences()[0]
    assert state("stocks", copies=3, brokers=3, min_insync_replicas="2").differences() == []


def test_a_topic_that_nothing_can_be_written_to_is_refused() -> None:
    found = state("anomalies", copies=1, brokers=1, min_insync_replicas="2")
    assert weights(found) == ["refused"]
    assert "min.insync.replicas is 2" in found.differences()[0]


def test_what_a_broker_does_not_tell_is_no_difference() -> None:
    """Redpanda has no min.insync.replicas."""
    untold = dict.fromkeys(("min_insync_replicas", "max_message_bytes", "message_timestamp_type"))
    assert state("stocks", copies=3, brokers=3, **untold).differences() == []


def test_a_missing_topic_is_made_and_not_altered() -> None:
    missing = dataclasses.replace(state("stocks"), partitions=0)
    assert missing.differences() == ["stocks: the topic is missing"]
    assert missing.wrong_settings() == {}
    assert "`tape topics create`" in how_to_fix([missing])


@pytest.mark.parametrize("profile", ["classic", "calibrated"])
@pytest.mark.parametrize("length", [2, 1_000, 30_000])
def test_no_state_is_larger_than_the_changelog_is_asked_to_take(profile: str, length: int) -> None:
    history = max(50, length)
    judge = Judge(Parameters(window=length, history=history, profile=profile), 10, Counts())
    judge.symbols.number("A")
    largest = judge.detector.snapshot(0)
    settings = DetectorSettings(WINDOW=length, HISTORY=history, PROFILE=profile)
    assert len(largest) + 4_096 < settings.state_bytes_max
    *_, changelog = pipeline_topics(group="g", state_bytes=settings.state_bytes_max)
    assert changelog.largest_bytes >= settings.state_bytes_max


def test_a_changelog_of_states_above_a_megabyte_is_made_for_them() -> None:
    settings = DetectorSettings(WINDOW=100_000, HISTORY=25_000)
    *_, changelog = pipeline_topics(group="g", state_bytes=settings.state_bytes_max)
    assert settings.state_bytes_max > 8 * 100_000 + 4 * 25_000
    assert int(changelog.config["max.message.bytes"]) == changelog.largest_bytes > 1_000_000
    assert "max.message.bytes" not in spec_of(changelog_name("g", "stocks")).config
