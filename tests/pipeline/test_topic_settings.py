"""Brokers as they are: what topics are set to, and what the apps and commands make of it."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from tape.kafka.local.broker import LocalKafka, free_port
from tape.kafka.rejected_topic import rejected_records
from tape.kafka.topics import TopicSpec, changelog_name, create_topics, pipeline_topics
from tape.synthetic import make_day, write_day
from tests.apps import Pipeline, command, doctor_says
from tests.kafka_client import produce, read_all
from tests.pipeline.test_conditions import big_trade, one_sentence, started

pytestmark = pytest.mark.broker
TRADES = 2_000


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    make_topics(running)
    yield running
    running.end()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    write_day(make_day(seed=7, trades=TRADES), folder)
    return folder


def make_topics(pipeline: Pipeline) -> None:
    names = (pipeline.input, pipeline.output, pipeline.rejected, pipeline.episodes)
    create_topics(pipeline.client, pipeline_topics(*names, pipeline.group))


def set_topic(pipeline: Pipeline, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient(pipeline.client)
    admin.incremental_alter_configs([resource])[resource].result(10)


def test_stocks_that_is_compacted_is_refused_until_it_is_altered(
    pipeline: Pipeline, day: Path
) -> None:
    set_topic(pipeline, pipeline.input, "cleanup.policy", "compact")
    told = f"{pipeline.input}: cleanup.policy is compact instead of delete"
    check = command(pipeline, "topics", "check")
    assert check.returncode == 4
    assert check.stderr.count("\n") == 1
    assert told in check.stderr
    assert "`tape topics alter`" in check.stderr
    found = doctor_says(pipeline, "topics")
    assert found["verdict"] == "problem"
    assert told in str(found["details"])
    one_sentence(pipeline.detect(), 4, told, "`tape topics alter`")
    one_sentence(pipeline.produce(day), 4, told, "`tape topics alter`")

    altered = command(pipeline, "topics", "alter", "--yes")
    assert altered.returncode == 0, altered.stderr
    assert json.loads(altered.stdout)["altered"] == {pipeline.input: "cleanup.policy=delete"}
    assert command(pipeline, "topics", "check").returncode == 0
    detector = started(pipeline)
    assert detector.stop() == 0


def test_altering_asks_first_and_without_an_answer_changes_nothing(pipeline: Pipeline) -> None:
    set_topic(pipeline, pipeline.output, "cleanup.policy", "compact")
    assert command(pipeline, "topics", "alter").returncode != 0
    assert command(pipeline, "topics", "check").returncode == 4


def test_a_changelog_that_is_not_compacted_is_told_and_works(pipeline: Pipeline) -> None:
    changelog = changelog_name(pipeline.group, pipeline.input)
    set_topic(pipeline, changelog, "cleanup.policy", "delete")
    told = f"{changelog}: cleanup.policy is delete instead of compact"
    assert told in command(pipeline, "topics", "check").stderr
    detector = started(pipeline)
    (warning,) = detector.events("topic differs")
    assert told in str(warning["found"])
    assert "`tape topics alter`" in str(warning["fix"])
    assert detector.stop() == 0


def test_topics_of_before_work_and_the_command_to_change_them_is_told(pipeline: Pipeline) -> None:
    """As an earlier version made them: the sender's times."""
    old = [pipeline.input, pipeline.output, pipeline.rejected, pipeline.episodes]
    for name in old:
        set_topic(pipeline, name, "message.timestamp.type", "CreateTime")
    created = command(pipeline, "topics", "create")
    assert created.returncode == 0, created.stderr
    check = command(pipeline, "topics", "check")
    assert check.returncode == 4
    for name in old:
        told = f"{name}: message.timestamp.type is CreateTime instead of LogAppendTime"
        assert told in created.stderr
        assert told in check.stderr
    assert "`tape topics alter`" in check.stderr
    assert doctor_says(pipeline, "topics")["verdict"] == "warning"
    detector = started(pipeline)
    assert len(detector.events("topic differs")) == len(old)
    produce(pipeline.address, pipeline.input, [big_trade(1)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    assert command(pipeline, "topics", "alter", "--yes").returncode == 0
    assert command(pipeline, "topics", "check").returncode == 0


def test_stocks_that_takes_too_little_ends_the_producer_with_what_it_must_take(
    pipeline: Pipeline, day: Path
) -> None:
    set_topic(pipeline, pipeline.input, "max.message.bytes", "2000")
    one_sentence(
        pipeline.produce(day),
        4,
        f"{pipeline.input}: max.message.bytes is 2000, at least 1000000 is needed",
        f"raise max.message.bytes of {pipeline.input}",
    )
    assert pipeline.stocks() == []
    assert command(pipeline, "topics", "alter", "--yes").returncode == 0
    assert pipeline.produce(day).wait() == 0
    assert len(pipeline.stocks()) == TRADES


OUTPUTS = ["output", "episodes", "rejected", "changelog"]


def of(pipeline: Pipeline, topic: str) -> str:
    if topic == "changelog":
        return changelog_name(pipeline.group, pipeline.input)
    return str(getattr(pipeline, topic))


@pytest.mark.parametrize("topic", OUTPUTS)
def test_an_output_that_takes_too_little_is_refused_at_the_start(
    topic: str, pipeline: Pipeline
) -> None:
    name = of(pipeline, topic)
    set_topic(pipeline, name, "max.message.bytes", "2000")
    said = one_sentence(
        pipeline.detect(), 4, f"{name}: max.message.bytes is 2000, at least 1000000 is needed"
    )
    assert "start again" not in said


@pytest.mark.parametrize(
    "topic",
    [OUTPUTS[0], *(pytest.param(topic, marks=pytest.mark.full) for topic in OUTPUTS[1:])],
)
def test_an_output_that_comes_to_take_too_little_ends_the_detector_with_4(
    topic: str, pipeline: Pipeline
) -> None:
    name = of(pipeline, topic)
    detector = started(pipeline)
    set_topic(pipeline, name, "max.message.bytes", "100")
    produce(pipeline.address, pipeline.input, [big_trade(1), (b"NVDA", b"bad"), big_trade(2)])
    said = one_sentence(
        detector,
        4,
        f"{name}: max.message.bytes is 100, at least 1000000 is needed",
        f"raise max.message.bytes of {name}",
    )
    assert "start again" not in said
    assert pipeline.judged()[1] == 0
    assert command(pipeline, "topics", "alter", "--yes").returncode == 0
    again = started(pipeline)
    pipeline.wait_all_judged()
    assert again.stop() == 0
    assert len(pipeline.anomalies()) == 2
    assert len(rejected_records(pipeline.client, pipeline.rejected)) == 1


@pytest.mark.full
def test_stocks_that_comes_to_take_too_little_ends_the_producer_with_4(
    pipeline: Pipeline, day: Path
) -> None:
    producer = pipeline.produce(day, REPLAY_SPEED="20")
    pipeline.wait_until(lambda written, _: written > 0)
    set_topic(pipeline, pipeline.input, "max.message.bytes", "100")
    one_sentence(
        producer,
        4,
        f"{pipeline.input}: max.message.bytes is 100, at least 1000000 is needed",
        f"raise max.message.bytes of {pipeline.input}",
    )


def test_a_retry_of_what_the_topic_does_not_take_says_so(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    key, value = big_trade(1)
    produce(pipeline.address, pipeline.input, [(b"AAPL", value)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    set_topic(pipeline, pipeline.input, "max.message.bytes", "100")
    done = command(pipeline, "rejected", "retry", "--yes")
    assert done.returncode == 4
    assert f"raise max.message.bytes of {pipeline.input}" in done.stderr
    assert key == b"NVDA"


def test_a_key_of_megabytes_is_cut_and_the_detector_goes_on(pipeline: Pipeline) -> None:
    """Compressed it is small enough for `stocks`; in full no topic would take it."""
    detector = started(pipeline)
    config = {**pipeline.client, "compression.type": "zstd", "message.max.bytes": 20_000_000}
    producer = Producer({**config, "partitioner": "murmur2"})
    producer.produce(pipeline.input, big_trade(1)[1], b"N" * 5_000_000)
    assert producer.flush(30) == 0
    produce(pipeline.address, pipeline.input, [big_trade(2)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    (record,) = rejected_records(pipeline.client, pipeline.rejected)
    assert (record.reason, record.key) == ("message_shape", b"N" * 4_096)
    assert not record.can_be_retried
    assert len(pipeline.anomalies()) == 1


TIMES_MS = [1, 1_746_432_000_000]
"""As an own feed may set them: as good as none, and the trade's own, in 2025."""

FLAGGED, BAD = 20, 5


def send_with_times(pipeline: Pipeline) -> None:
    producer = Producer({**pipeline.client, "partitioner": "murmur2", "linger.ms": 0})
    for number in range(FLAGGED):
        key, value = big_trade(number + 1)
        producer.produce(pipeline.input, value, key, timestamp=TIMES_MS[number % 2])
    for number in range(BAD):
        producer.produce(pipeline.input, b"bad", b"NVDA", timestamp=TIMES_MS[number % 2])
    assert producer.flush(30) == 0


def wait_for_retention(client: dict[str, str], folder: str) -> None:
    """Return when the broker has looked at all that was written before.

    That it deletes an old record of another topic is the proof, once for the look that was
    under way, once for one that began after it.
    """
    consumer = Consumer({**client, "group.id": "control"})
    for number in (1, 2):
        control = f"control-{folder}-{number}"
        create_topics(client, [TopicSpec(control, 1, {"retention.ms": str(30 * 86_400_000)})])
        producer = Producer(client)
        producer.produce(control, b"old", b"key", timestamp=1)
        assert producer.flush(30) == 0
        deadline_s = time.monotonic() + 90
        while (ends := consumer.get_watermark_offsets(TopicPartition(control, 0))) != (1, 1):
            assert time.monotonic() < deadline_s, ends
            time.sleep(0.1)
    consumer.close()


def test_times_that_a_sender_sets_delete_nothing(
    topic_names: Callable[[str], str], tmp_path: Path
) -> None:
    extra = {"log.retention.check.interval.ms": "500", "log.initial.task.delay.ms": "500"}
    with LocalKafka(tmp_path / "kafka", free_port(), extra=extra) as kafka:
        pipeline = Pipeline(kafka.address, topic_names, tmp_path)
        try:
            detector = started(pipeline)
            send_with_times(pipeline)
            pipeline.wait_all_judged()
            produce(pipeline.address, pipeline.input, [big_trade(FLAGGED + 1)])  # a later commit
            pipeline.wait_all_judged()
            assert detector.stop() == 0
            wait_for_retention(pipeline.client, pipeline.input)

            flagged = [json.loads(value)["sequence"] for value in pipeline.anomalies()]
            assert sorted(flagged) == list(range(1, FLAGGED + 2))
            assert len(rejected_records(pipeline.client, pipeline.rejected)) == BAD
            assert len(pipeline.stocks()) == FLAGGED + BAD + 1
            assert len(pipeline.episode_states()) > 0
        finally:
            pipeline.end()


def test_outputs_of_an_earlier_version_lose_nothing_to_a_senders_times(
    topic_names: Callable[[str], str], tmp_path: Path
) -> None:
    """There the client's time counts: the detector writes with its own, not with the sender's."""
    extra = {"log.retention.check.interval.ms": "500", "log.initial.task.delay.ms": "500"}
    with LocalKafka(tmp_path / "kafka", free_port(), extra=extra) as kafka:
        pipeline = Pipeline(kafka.address, topic_names, tmp_path)
        try:
            create_topics(pipeline.client, [TopicSpec(pipeline.input, 4, {"retention.ms": "-1"})])
            month = {"retention.ms": str(30 * 86_400_000)}
            for name in (pipeline.output, pipeline.rejected):
                create_topics(pipeline.client, [TopicSpec(name, 1, month)])
            detector = started(pipeline)
            send_with_times(pipeline)
            pipeline.wait_all_judged()
            produce(pipeline.address, pipeline.input, [big_trade(FLAGGED + 1)])
            pipeline.wait_all_judged()
            assert detector.stop() == 0
            wait_for_retention(pipeline.client, pipeline.input)
            assert len(pipeline.anomalies()) == FLAGGED + 1
            assert len(rejected_records(pipeline.client, pipeline.rejected)) == BAD
        finally:
            pipeline.end()


def test_the_time_of_a_trade_goes_with_what_is_written_of_it(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    _, other = big_trade(2)
    produce(pipeline.address, pipeline.input, [big_trade(1), (b"AAPL", other), (b"NVDA", b"bad")])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    at_ns = b"1746432000675053891"  # 2025-05-05T08:00:00.675053891Z
    for name in (pipeline.output, pipeline.episodes):
        for message in read_all(pipeline.address, name):
            assert dict(message.headers())["ts_event_ns"] == at_ns
            assert message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME
    by_value = {
        message.value(): dict(message.headers())
        for message in read_all(pipeline.address, pipeline.rejected)
    }
    assert by_value[other]["ts_event_ns"] == at_ns
    assert "ts_event_ns" not in by_value[b"bad"], "it is no trade and has no time"
