"""What happens to topics, names and records while detectors run: a sentence, or no change."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from tape.kafka.local.broker import LocalKafka, free_port
from tape.kafka.topics import TopicSpec, changelog_name, create_topics, partition_counts
from tape.synthetic import make_day, write_day
from tests.apps import App, Pipeline
from tests.kafka_client import produce

pytestmark = pytest.mark.broker

TRADES = 6_000


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    write_day(make_day(seed=7, trades=TRADES), folder)
    return folder


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def big_trade(sequence: int, symbol: str = "NVDA", size: int = 50_000) -> tuple[bytes, bytes]:
    """One that every profile of rules flags by its size."""
    text = (
        f'{{"ts_recv":"2025-05-05T08:00:00.675221836Z","ts_event":"2025-05-05T08:00:00.675053891Z",'
        f'"rtype":0,"publisher_id":2,"instrument_id":1,"action":"T","side":"N","depth":0,'
        f'"price":113.86,"size":{size},"flags":0,"ts_in_delta":1,"sequence":{sequence},'
        f'"symbol":"{symbol}"}}'
    )
    return symbol.encode(), text.encode()


def sizes(pipeline: Pipeline) -> list[int]:
    return [json.loads(value)["size"] for value in pipeline.anomalies()]


def started(pipeline: Pipeline, **env: str) -> App:
    log = pipeline.folder / "anomaly_detector.log"  # of all starts
    before = log.read_text().count('"detector started"') if log.exists() else 0
    detector = pipeline.detect(**env)
    deadline_s = time.monotonic() + 60
    while len(detector.events("detector started")) <= before:
        assert time.monotonic() < deadline_s, detector.log()
        assert detector.process.poll() is None, detector.log()
        time.sleep(0.05)
    return detector


def one_sentence(app: App, code: int, *words: str) -> str:
    """The app ended with this code; its log ends with one line of error, and has no traceback."""
    assert app.wait() == code, app.log()
    log = app.log_file.read_text()
    assert "Traceback" not in log, log
    lines = [line for line in log.splitlines() if not line.startswith("{")]
    errors = [line for line in lines if line.startswith("error: ")]
    assert lines[-1:] == errors[-1:], log
    for word in words:
        assert word in errors[-1]
    return errors[-1]


@pytest.mark.parametrize(
    "partitions",
    [pytest.param(1, marks=pytest.mark.full), pytest.param(4, marks=pytest.mark.full), 12],
)
def test_stocks_may_have_any_number_of_partitions(
    partitions: int, pipeline: Pipeline, day: Path
) -> None:
    create_topics(pipeline.client, [TopicSpec(pipeline.input, partitions)])
    detector = pipeline.detect()
    assert pipeline.produce(day).wait() == 0
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    changelog = changelog_name(pipeline.group, pipeline.input)
    assert partition_counts(pipeline.client, [pipeline.input, changelog]) == [partitions] * 2
    assert [line["trades"] for line in detector.events("detector stopped")] == [TRADES]


def grow(pipeline: Pipeline, to: int) -> None:
    admin = AdminClient(pipeline.client)
    admin.create_partitions([NewPartitions(pipeline.input, to)])[pipeline.input].result(10)
    while partition_counts(pipeline.client, [pipeline.input]) != [to]:
        time.sleep(0.1)


def test_a_topic_that_grew_is_refused_with_the_reason_and_the_way_on(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(1)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    grow(pipeline, 8)
    said = one_sentence(pipeline.detect(), 4, pipeline.input, "8 partitions", "kept for 4")
    assert "symbols move to other partitions" in said
    assert "tape state reset --all --yes" in said


def test_a_changelog_without_state_grows_with_its_topic(pipeline: Pipeline) -> None:
    """As an earlier version left it, which made four partitions whatever `stocks` had."""
    changelog = changelog_name(pipeline.group, pipeline.input)
    create_topics(pipeline.client, [TopicSpec(pipeline.input, 12), TopicSpec(changelog, 4)])
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(1)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    assert partition_counts(pipeline.client, [changelog]) == [12]


def test_a_topic_made_anew_with_fewer_partitions_is_refused(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(1)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    delete_input(pipeline)
    create_topics(pipeline.client, [TopicSpec(pipeline.input, 2)])
    said = one_sentence(pipeline.detect(), 4, "2 partitions", "kept for 4")
    assert "new Quix__Consumer_Group" in said
    pipeline.group += "-2"
    again = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(5)])
    pipeline.wait_all_judged()
    assert again.stop() == 0


def delete_input(pipeline: Pipeline) -> None:
    admin = AdminClient(pipeline.client)
    admin.delete_topics([pipeline.input])[pipeline.input].result(10)
    while partition_counts(pipeline.client, [pipeline.input]) != [0]:
        time.sleep(0.1)


def test_records_deleted_beyond_the_commit_are_told_with_4(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(n) for n in range(1, 11)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    produce(pipeline.address, pipeline.input, [big_trade(n) for n in range(11, 31)])
    _delete_before(pipeline, 25)
    one_sentence(
        pipeline.detect(), 4, "15 records", "deleted before they were judged", "commit is at 10"
    )


def test_records_deleted_while_the_detector_is_behind_are_told_with_4(pipeline: Pipeline) -> None:
    """The client by itself would continue at the oldest record that is left."""
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(n) for n in range(1, 11)])
    pipeline.wait_all_judged()
    os.kill(detector.process.pid, signal.SIGSTOP)
    produce(pipeline.address, pipeline.input, [big_trade(11)])  # answers the fetch that waits
    time.sleep(0.5)
    produce(pipeline.address, pipeline.input, [big_trade(n) for n in range(12, 31)])
    _delete_before(pipeline, 25)
    os.kill(detector.process.pid, signal.SIGCONT)
    one_sentence(detector, 4, "were deleted before they were judged")
    assert len(sizes(pipeline)) <= 11


def _delete_before(pipeline: Pipeline, offset: int) -> None:
    """Delete the records of the partition that has any."""
    from tape.kafka.reader import ProgressReader

    reader = ProgressReader(pipeline.client, pipeline.input, pipeline.group)
    try:
        parts = [TopicPartition(pipeline.input, number) for number in range(4)]
        ends = {p.partition: reader._consumer.get_watermark_offsets(p)[1] for p in parts}
    finally:
        reader.close()
    (number,) = [number for number, end in ends.items() if end > offset]
    admin = AdminClient(pipeline.client)
    for future in admin.delete_records([TopicPartition(pipeline.input, number, offset)]).values():
        future.result(10)


def test_a_topic_made_anew_behind_the_detectors_back_is_told_with_4(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(n) for n in range(1, 11)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    delete_input(pipeline)
    create_topics(pipeline.client, [TopicSpec(pipeline.input, 4)])
    one_sentence(pipeline.detect(), 4, "its commit is gone", "made again", "tape state reset")


def test_two_detectors_with_one_instance_the_older_ends_with_4(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    def at_work(name: str) -> App:
        (tmp_path / name).mkdir()
        env = pipeline.env(Quix__Deployment__State__Path=str(tmp_path / name))
        app = App("anomaly_detector", env, tmp_path / name / "log")
        pipeline.started.append(app)
        return app

    older = at_work("older")
    while not older.events("detector started"):
        time.sleep(0.1)
    produce(pipeline.address, pipeline.input, [big_trade(1)])
    pipeline.wait_all_judged()
    newer = at_work("newer")
    one_sentence(older, 4, "INSTANCE=test", "each its own INSTANCE")
    produce(pipeline.address, pipeline.input, [big_trade(2)])
    pipeline.wait_all_judged()
    assert newer.stop() == 0
    assert len(sizes(pipeline)) == 2


def test_a_transactional_id_that_expired_is_taken_up_again(
    topic_names: Callable[[str], str], tmp_path: Path
) -> None:
    extra = {
        "transactional.id.expiration.ms": "10000",
        "transaction.remove.expired.transaction.cleanup.interval.ms": "500",
        "producer.id.expiration.ms": "2000",
        "producer.id.expiration.check.interval.ms": "500",
    }
    with LocalKafka(tmp_path / "kafka", free_port(), extra=extra) as kafka:
        pipeline = Pipeline(kafka.address, topic_names, tmp_path)
        try:
            detector = started(pipeline)
            produce(pipeline.address, pipeline.input, [big_trade(1)])
            pipeline.wait_all_judged()
            time.sleep(14)
            produce(pipeline.address, pipeline.input, [big_trade(2)])
            pipeline.wait_all_judged()
            assert detector.process.poll() is None, detector.log()
            assert detector.stop() == 0
            assert detector.events("transactional id expired"), detector.log()
            assert len(sizes(pipeline)) == 2
        finally:
            pipeline.end()


def test_an_output_deleted_while_the_detector_runs_is_told(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(1)])
    pipeline.wait_all_judged()
    admin = AdminClient(pipeline.client)
    admin.delete_topics([pipeline.output])[pipeline.output].result(10)
    time.sleep(1)
    produce(pipeline.address, pipeline.input, [big_trade(2)])
    one_sentence(detector, 1, f"on the broker {pipeline.output} has been deleted")
    again = started(pipeline)
    pipeline.wait_all_judged()
    assert again.stop() == 0
    assert len(sizes(pipeline)) == 1
