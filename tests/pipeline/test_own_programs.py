"""The examples that send and read on their own, beside the real detector on a real broker."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tape.kafka.local.broker import LocalKafka
from tape.kafka.reader import read_topic
from tape.kafka.topics import create_topics, pipeline_topics
from tests.apps import ROOT, App, Pipeline, wait_until
from tests.topic_schemas import assert_valid

pytestmark = pytest.mark.broker


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    topics = pipeline_topics(running.input, running.output, running.rejected, running.episodes)
    create_topics(running.client, topics)
    yield running
    running.end()


def send(pipeline: Pipeline, *trades: tuple[int, str, str, int]) -> None:
    """Send (second, symbol, price, shares) with the example; the second is the sequence, too."""
    lines = [
        f"2025-05-05T14:{s // 60:02}:{s % 60:02}.{0:09}Z,{s},{n},{p},{q}" for s, n, p, q in trades
    ]
    done = subprocess.run(
        [sys.executable, ROOT / "examples/own_feed.py"],
        input="\n".join(lines),
        text=True,
        capture_output=True,
        env={**os.environ, **pipeline.env()},
    )
    assert done.returncode == 0, done.stderr


def abort(pipeline: Pipeline, value: bytes) -> None:
    """Leave a record of an aborted transaction on `episodes`, as a killed detector does."""
    producer = Producer({**pipeline.client, "transactional.id": f"{pipeline.group}-aborted"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(pipeline.episodes, value, key=b"never")
    producer.flush(30)
    producer.abort_transaction(30)


def position_is_kept(pipeline: Pipeline, group: str) -> bool:
    """Whether a group has committed all that can be seen on `episodes`."""
    (last,) = [lane[-1] for lane in read_topic(pipeline.client, pipeline.episodes) if lane]
    reader = Consumer({**pipeline.client, "group.id": group})
    try:
        (kept,) = reader.committed([TopicPartition(pipeline.episodes, last.partition())], 10)
    finally:
        reader.close()
    return bool(kept.offset > last.offset())


def test_a_feed_and_a_reader_of_ones_own_lose_and_double_nothing(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    group = f"{pipeline.group}-reader"

    def reader(log: str) -> App:
        app = App("examples/own_reader.py", pipeline.env(GROUP=group), tmp_path / log)
        pipeline.started.append(app)
        return app

    send(pipeline, *((s, "NVDA", "142.51", 100) for s in range(3)), (3, "NVDA", "150.25", 30_000))
    send(pipeline, *((s, "NVDA", "142.51", 100) for s in range(10, 13)))
    detector = pipeline.detect()
    first = reader("first.log")
    wait_until(lambda: "NVDA-9001-" in first.log(), "the first episode", first, detector)
    never = {"episode_id": "never", "state": "closed", "text": "aborted"}
    abort(pipeline, json.dumps(never).encode())
    wait_until(lambda: position_is_kept(pipeline, group), "its position", first)
    first.kill()

    after = [(second, "NVDA", "142.51", 100) for second in (30, 31)]
    send(pipeline, (20, "NVDA", "142.51", 25_000), *after)
    pipeline.wait_all_judged()
    second = reader("second.log")
    wait_until(lambda: "NVDA-9001-" in second.log(), "the second episode", second, detector)
    second.kill()

    bad_print = "price 142.51 to 150.25 (+5.43 %) and back to 142.51: a bad print, likely."
    (line,) = [line for line in first.log().splitlines() if line.startswith("NVDA-")]
    assert line.endswith(bad_print)
    (line,) = [line for line in second.log().splitlines() if line.startswith("NVDA-")]
    assert line.split()[0] == "NVDA-9001-1746453620000000000-20"
    assert "never" not in first.log() + second.log()
    for topic in (pipeline.output, pipeline.episodes):
        name = "anomalies" if topic == pipeline.output else "episodes"
        for message in (m for lane in read_topic(pipeline.client, topic) for m in lane):
            assert_valid(name, message.value())
    assert not any(read_topic(pipeline.client, pipeline.rejected))
