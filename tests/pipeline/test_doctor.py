"""`tape doctor` on a real broker: well when all is well, and each fault made and found."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
)

from tape.kafka.local.broker import LocalKafka, free_port
from tape.kafka.topics import changelog_name, create_topics, pipeline_topics
from tape.synthetic import make_day, write_day
from tests.apps import ROOT, Pipeline
from tests.kafka_client import produce

pytestmark = pytest.mark.broker
Findings = dict[str, dict[str, str]]
Doctor = Callable[..., tuple[int, Findings]]


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    names = (running.input, running.output, running.rejected, running.episodes)
    create_topics(running.client, pipeline_topics(*names, running.group))
    write_day(make_day(1, ["AAA"], 2_000), tmp_path / "data")
    yield running
    running.end()


@pytest.fixture
def doctor(pipeline: Pipeline, tmp_path: Path) -> Doctor:
    def run(*words: str, **env: str) -> tuple[int, Findings]:
        own = pipeline.env(DATA_DIR=str(tmp_path / "data"), PYTHONPATH=str(ROOT), **env)
        look = () if "--look-s" in words else ("--look-s", "1")
        done = subprocess.run(
            [sys.executable, "-m", "tape", "doctor", "--json", *look, *words],
            capture_output=True,
            text=True,
            env={**os.environ, **own},
            cwd=tmp_path,
            timeout=120,
        )
        assert done.stderr == ""
        report = json.loads(done.stdout)
        return done.returncode, {found["check"]: found for found in report["checks"]}

    return run


def test_a_pipeline_that_is_well_is_told_so_and_left_as_it_was(
    pipeline: Pipeline, doctor: Doctor, tmp_path: Path
) -> None:
    port = free_port()
    pipeline.detect(METRICS_PORT=str(port))
    assert pipeline.produce(tmp_path / "data").wait() == 0
    pipeline.wait_all_judged()
    admin = AdminClient(pipeline.client)
    before = set(admin.list_topics(timeout=10).topics)
    code, found = doctor("--deep", METRICS_PORT=str(port))
    assert found.pop("store")["text"] == "neither SINK nor DATABASE_URL is set"
    assert found.pop("alerter")["verdict"] == "not checked"
    assert {f["verdict"] for f in found.values()} == {"ok"}, found
    assert code == 0
    assert found["broker"]["text"].startswith("Apache Kafka 4")
    assert "test (127.0.0.1, partitions: 4)" in found["instances"]["text"]
    assert "flagged and read back" in found["trial"]["text"]
    after = set(admin.list_topics(timeout=10).topics)
    assert {name for name in after ^ before if name.startswith("tape-doctor-")} == set()


def test_topics_that_are_missing_or_differ_are_found(pipeline: Pipeline, doctor: Doctor) -> None:
    admin = AdminClient(pipeline.client)
    short = ConfigEntry("retention.ms", "60000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(
        ConfigResource.Type.TOPIC, pipeline.rejected, incremental_configs=[short]
    )
    admin.incremental_alter_configs([resource])[resource].result(10)
    admin.create_partitions([NewPartitions(pipeline.input, 6)])[pipeline.input].result(10)
    code, found = doctor()
    assert (code, found["topics"]["verdict"]) == (1, "problem")
    details: object = found["topics"]["details"]
    assert details == [
        f"{pipeline.rejected}: retention.ms is 60000 instead of 2592000000",
        f"{changelog_name(pipeline.group, pipeline.input)}: 4 partitions instead of 6, "
        f"as {pipeline.input} has",
    ]
    assert "`tape state reset --all --yes`" in found["topics"]["fix"]
    admin.delete_topics([pipeline.output])[pipeline.output].result(10)
    code, found = doctor()
    assert (code, found["topics"]["verdict"]) == (1, "problem")
    assert f"{pipeline.output}: the topic is missing" in found["topics"]["details"]
    assert "`tape topics create`" in found["topics"]["fix"]


def test_trades_that_wait_for_no_detector_are_found(pipeline: Pipeline, doctor: Doctor) -> None:
    produce(pipeline.address, pipeline.input, [(b"AAA", b"{}")] * 7)
    code, found = doctor()
    assert code == 1
    assert found["lag"]["verdict"] == "problem"
    assert found["lag"]["text"].startswith("7 trades wait and no detector")
    assert {n for n, f in found.items() if f["verdict"] == "problem"} == {"lag"}


def test_ctrl_c_leaves_nothing_of_a_trial_behind(pipeline: Pipeline, tmp_path: Path) -> None:
    admin = AdminClient(pipeline.client)

    def of_trials() -> set[str]:
        return {n for n in admin.list_topics(timeout=10).topics if n.startswith("tape-doctor-")}

    process = subprocess.Popen(
        [sys.executable, "-m", "tape", "doctor", "--deep", "--look-s", "0.5", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **pipeline.env(DATA_DIR=str(tmp_path), PYTHONPATH=str(ROOT))},
        cwd=tmp_path,
    )
    deadline_s = time.monotonic() + 90
    while not of_trials():
        assert process.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    while of_trials():  # the broker says "deleted" a moment before it is so
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def test_clients_that_take_turns_by_one_name_are_found(pipeline: Pipeline, doctor: Doctor) -> None:
    done = Event()
    joined: list[Consumer] = []
    config = {"group.id": pipeline.group, "group.instance.id": "test", "log_level": 0}

    def take_turns() -> None:
        while not done.is_set():
            joined.append(Consumer({**pipeline.client, **config}))
            joined[-1].subscribe([pipeline.input])
            until_s = time.monotonic() + 1.5
            while time.monotonic() < until_s:
                joined[-1].poll(0.2)

    taking_turns = Thread(target=take_turns)
    taking_turns.start()
    try:
        code, found = doctor("--look-s", "6")
    finally:
        done.set()
        taking_turns.join()
        for consumer in joined:
            consumer.close()
    assert (code, found["instances"]["verdict"] in ("warning", "problem")) == (1, True), found
    assert "processes were INSTANCE test within" in found["instances"]["text"]


@pytest.mark.full
def test_two_detectors_by_one_name_are_found(pipeline: Pipeline, doctor: Doctor) -> None:
    """Both under a supervisor: whoever is thrown out of the group comes back."""
    done = Event()

    def supervise() -> None:
        while not done.is_set():
            pipeline.detect().process.wait(60)

    supervisors = [Thread(target=supervise) for _ in range(2)]
    for supervisor in supervisors:
        supervisor.start()
    try:
        pipeline.wait_until(lambda *_: len(pipeline.started) > 2)  # one was thrown out
        code, found = doctor("--look-s", "12")
    finally:
        done.set()
        pipeline.end()
        for supervisor in supervisors:
            supervisor.join()
    assert (code, found["instances"]["verdict"] in ("warning", "problem")) == (1, True)
    assert "processes were INSTANCE test within" in found["instances"]["text"]
    assert "its own INSTANCE" in found["instances"]["fix"]


def test_a_transaction_that_nobody_ends_is_found(pipeline: Pipeline, doctor: Doctor) -> None:
    producer = Producer({**pipeline.client, "transactional.id": pipeline.group})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(pipeline.output, b"{}", b"AAA")
    producer.flush(10)
    code, found = doctor()
    assert (code, found["transactions"]["verdict"]) == (1, "warning")
    producer.abort_transaction(10)
    assert doctor()[1]["transactions"]["verdict"] == "ok"
