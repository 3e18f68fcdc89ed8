"""Both apps on a broker with TLS, SCRAM and ACLs; every way to be refused; no secret anywhere."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tape.kafka.local.broker import LocalKafka, free_port
from tape.kafka.reader import read_topic
from tape.kafka.topics import create_topics, pipeline_topics
from tape.synthetic import make_day, write_day
from tests.apps import ROOT, App, Pipeline
from tests.certificates import Authority

pytestmark = pytest.mark.broker

CANARY = "canary-4f1d-not-to-be-seen"
WRONG = "canary-77aa-wrong-password"
TRADES = 5_000
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
LISTENERS = ("GOOD", "EXPIRED", "ELSEWHERE")


@dataclass(frozen=True)
class Secured:
    """A broker with a good, an expired and a wrongly named TLS listener."""

    kafka: LocalKafka
    ports: dict[str, int]
    authority: Authority
    stranger: Authority

    def env(self, listener: str = "GOOD", user: str = "anna", **more: str) -> dict[str, str]:
        return {
            "Quix__Broker__Address": f"127.0.0.1:{self.ports[listener]}",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": CANARY,
            "KAFKA_SSL_CA_FILE": str(self.authority.file),
            "LOG_LEVEL": "DEBUG",
            **more,
        }


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder / "ca", "authority")
    stores = {
        "GOOD": authority.server("good"),
        "EXPIRED": authority.server("expired", days_left=-1),
        "ELSEWHERE": authority.server("elsewhere", host="kafka.example"),
    }
    ports = {name: free_port() for name in LISTENERS}
    protocols = ",".join(f"{name}:SASL_SSL" for name in LISTENERS)
    extra = {
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,{protocols}",
        "sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:anna",
    }
    for name, store in stores.items():
        listener = f"listener.name.{name.lower()}"
        extra[f"{listener}.ssl.keystore.type"] = "PEM"
        extra[f"{listener}.ssl.keystore.location"] = str(store)
        extra[f"{listener}.scram-sha-256.sasl.jaas.config"] = SCRAM
    kafka = LocalKafka(
        folder / "kafka",
        free_port(),
        listeners=ports,
        scram_users={"anna": CANARY, "bert": CANARY, "carl": CANARY, "dora": CANARY},
        extra=extra,
    )
    with kafka:
        yield Secured(kafka, ports, authority, Authority(folder / "stranger", "stranger"))


@pytest.fixture
def pipeline(
    secured: Secured, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    write_day(make_day(seed=3, trades=TRADES), tmp_path / "data")
    running = Pipeline(secured.kafka.address, topic_names, tmp_path)
    yield running
    assert_no_secret(tmp_path, running)
    running.end()


def assert_no_secret(folder: Path, pipeline: Pipeline) -> None:
    """No canary in any log, state file or record."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert CANARY.encode() not in content, path
            assert WRONG.encode() not in content, path
    admin = AdminClient(pipeline.client)
    own = (pipeline.input, pipeline.output, pipeline.rejected, pipeline.episodes, pipeline.group)
    topics = [t for t in admin.list_topics(timeout=10).topics if any(one in t for one in own)]
    for topic in topics:  # the changelog too: it is named after the group
        for message in (m for lane in read_topic(pipeline.client, topic) for m in lane):
            record = repr((message.key(), message.value(), message.headers()))
            assert CANARY not in record
            assert WRONG not in record


def refused(app: App, *words: str) -> None:
    start_s = time.monotonic()
    assert app.wait(35) not in (0, None)
    assert time.monotonic() - start_s < 30
    assert "Traceback" not in app.log()
    sentence = app.log().splitlines()[-1]
    assert sentence.startswith("error: "), app.log()
    for word in words:
        assert word.lower() in sentence.lower()


def test_the_right_credentials_connect_and_everything_is_judged(
    secured: Secured, pipeline: Pipeline
) -> None:
    port = free_port()
    env = secured.env() | {"LOG_LEVEL": "DEBUG"}
    assert pipeline.produce(pipeline.folder / "data", **env).wait(60) == 0
    detector = pipeline.detect(STOP_WHEN_IDLE_S="6", METRICS_PORT=str(port), **env)
    pipeline.wait_all_judged()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        metrics = answer.read()
    assert b"tapewatch_trades_total" in metrics
    assert CANARY.encode() not in metrics
    assert detector.wait(60) == 0
    assert len(pipeline.stocks()) == TRADES
    assert pipeline.anomalies()


WRONGS = {
    "password": ({"KAFKA_SASL_PASSWORD": WRONG}, "KAFKA_SASL_PASSWORD"),
    "user": ({"KAFKA_SASL_USERNAME": "nobody"}, "KAFKA_SASL_USERNAME"),
    "authority": ({"KAFKA_SSL_CA_FILE": "stranger"}, "KAFKA_SSL_CA_FILE"),
    "no certificate": ({"KAFKA_SSL_CA_FILE": "key"}, "KAFKA_SSL_CA_FILE"),
    "expired certificate": ({"listener": "EXPIRED"}, "KAFKA_SSL_CA_FILE"),
    "host name": ({"listener": "ELSEWHERE"}, "KAFKA_SSL_CA_FILE"),
}


@pytest.mark.parametrize("app", ["producer", "anomaly_detector"])
@pytest.mark.parametrize("what", WRONGS)
def test_a_refusal_ends_the_app_naming_the_setting(
    secured: Secured, pipeline: Pipeline, what: str, app: str
) -> None:
    changes, setting = WRONGS[what]
    changes = dict(changes)
    env = secured.env(changes.pop("listener", "GOOD")) | changes
    if env["KAFKA_SSL_CA_FILE"] == "stranger":
        env["KAFKA_SSL_CA_FILE"] = str(secured.stranger.file)
    if env["KAFKA_SSL_CA_FILE"] == "key":
        (pipeline.folder / "ca.der").write_bytes(b"\x30\x82\x03\x0f no PEM")
        env["KAFKA_SSL_CA_FILE"] = str(pipeline.folder / "ca.der")
    refused(pipeline.start(app, DATA_DIR=str(pipeline.folder / "data"), **env), setting)


def allow(kafka: LocalKafka, user: str, *rights: tuple[ResourceType, str, AclOperation]) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.address})
    bindings = [
        AclBinding(
            kind,
            name,
            ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            operation,
            AclPermissionType.ALLOW,
        )
        for kind, name, operation in rights
    ]
    for future in admin.create_acls(bindings).values():
        future.result(10)


@pytest.mark.parametrize("app", ["producer", "anomaly_detector"])
def test_a_user_without_rights_is_told_which_topic(
    secured: Secured, pipeline: Pipeline, app: str
) -> None:
    env = secured.env(user="bert")
    started = pipeline.start(app, DATA_DIR=str(pipeline.folder / "data"), **env)
    refused(started, pipeline.input, "authorization failed")


def test_apps_that_may_read_but_not_write_end_with_a_sentence(
    secured: Secured, pipeline: Pipeline
) -> None:
    assert pipeline.produce(pipeline.folder / "data", **secured.env()).wait(60) == 0
    allow(
        secured.kafka,
        "carl",
        (ResourceType.TOPIC, "*", AclOperation.DESCRIBE),
        (ResourceType.TOPIC, "*", AclOperation.DESCRIBE_CONFIGS),
        (ResourceType.TOPIC, "*", AclOperation.READ),
        (ResourceType.GROUP, "*", AclOperation.READ),
    )
    write_day(make_day(seed=4, trades=TRADES), pipeline.folder / "more")
    # Which error comes first, the client's "fatal" or the broker's words, is a matter of time.
    sending = pipeline.produce(pipeline.folder / "more", **secured.env(user="carl"))
    refused(sending)
    refused(pipeline.detect(**secured.env(user="carl")), "authorization failed")


def test_the_rights_that_the_documentation_lists_are_enough_for_the_producer(
    secured: Secured, pipeline: Pipeline
) -> None:
    names = (pipeline.input, pipeline.output, pipeline.rejected, pipeline.episodes)
    create_topics(pipeline.client, pipeline_topics(*names))
    topic, write, describe = ResourceType.TOPIC, AclOperation.WRITE, AclOperation.DESCRIBE
    positions = f"{pipeline.input}-positions"
    allow(
        secured.kafka,
        "dora",
        *((topic, name, write) for name in (pipeline.input, pipeline.rejected, positions)),
        *((topic, name, describe) for name in (pipeline.input, pipeline.rejected, positions)),
        (topic, pipeline.input, AclOperation.DESCRIBE_CONFIGS),
        (topic, positions, AclOperation.READ),
        (ResourceType.TRANSACTIONAL_ID, f"{pipeline.input}-producer-test", write),
        (ResourceType.TRANSACTIONAL_ID, f"{pipeline.input}-producer-test", describe),
    )
    env = secured.env(user="dora")
    assert pipeline.produce(pipeline.folder / "data", **env).wait(90) == 0, pipeline.started[
        -1
    ].log()
    assert len(pipeline.stocks()) == TRADES
    other = pipeline.produce(pipeline.folder / "data", **env, INSTANCE="other")
    refused(other, "Transactional Id authorization failed", "docs/operations.md")


def doctor(pipeline: Pipeline, *words: str, **env: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit code and findings of `tape doctor --json`; no secret is in what it writes."""
    done = subprocess.run(
        [sys.executable, "-m", "tape", "doctor", "--json", "--look-s", "0.5", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **pipeline.env(DATA_DIR=str(pipeline.folder / "data")), **env},
        cwd=ROOT,
        timeout=120,
    )
    for secret in (CANARY, WRONG, "Traceback"):
        assert secret not in done.stdout + done.stderr
    return done.returncode, {found["check"]: found for found in json.loads(done.stdout)["checks"]}


def test_the_doctor_works_with_credentials_and_never_prints_them(
    secured: Secured, pipeline: Pipeline
) -> None:
    names = (pipeline.input, pipeline.output, pipeline.rejected, pipeline.episodes)
    create_topics(pipeline.client, pipeline_topics(*names, pipeline.group))
    code, found = doctor(pipeline, "--deep", **secured.env())
    bad = [one for one in found.values() if one["verdict"] not in ("ok", "not checked")]
    assert (code, bad) == (0, []), bad
    assert (found["trial"]["verdict"], found["clock"]["verdict"]) == ("ok", "ok")
    assert "KAFKA_SASL_PASSWORD=********** from environment" in found["settings"]["details"]

    code, found = doctor(pipeline, **secured.env() | {"KAFKA_SASL_PASSWORD": WRONG})
    assert (code, found["broker"]["verdict"]) == (1, "problem")
    assert "KAFKA_SASL_PASSWORD" in found["broker"]["fix"]

    code, found = doctor(pipeline, "--deep", **secured.env(user="bert"))
    assert (code, found["trial"]["verdict"]) == (1, "problem"), found
    assert "authorization failed" in found["trial"]["text"].lower()
