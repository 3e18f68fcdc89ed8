"""Kafka clients: all are made in one place, with the settings that each of them has to have."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

from tape.errors import SettingsError
from tape.kafka import clients
from tests.apps import ROOT

KINDS = {"Consumer", "Producer", "AdminClient"}
HOME = ROOT / "tape/kafka/clients.py"
NOBODY = {"bootstrap.servers": "127.0.0.1:1"}


def files() -> Iterator[Path]:
    yield from sorted((ROOT / "tape").rglob("*.py"))
    yield from (ROOT / app / "main.py" for app in ("producer", "anomaly_detector"))


def made(tree: ast.Module) -> Iterator[int]:
    """Yield the lines on which a Kafka client is made, under whatever name it was imported."""
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("confluent_kafka")
        for alias in node.names
        if alias.name in KINDS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            func = node.func
            by_name = isinstance(func, ast.Name) and func.id in names
            by_module = isinstance(func, ast.Attribute) and func.attr in KINDS
            if by_name or by_module:
                yield node.lineno


def test_kafka_clients_are_made_in_one_place() -> None:
    found = [
        f"{file}:{line} makes a Kafka client: tape.kafka.clients does"
        for file in files()
        if file != HOME
        for line in made(ast.parse(file.read_text()))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "from confluent_kafka import Consumer; Consumer({})",
        "from confluent_kafka.admin import AdminClient as A; A({})",
        "import confluent_kafka; confluent_kafka.Producer({})",
    ],
)
def test_a_client_made_elsewhere_is_noticed(line: str) -> None:
    assert list(made(ast.parse(line))) == [1]


def test_a_producer_uses_kafka_s_own_partitioner_or_none() -> None:
    with pytest.raises(SettingsError, match="murmur2"):
        clients.producer(NOBODY, {"partitioner": "random"})


def test_an_error_that_no_call_raises_comes_through_the_callback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    told: list[KafkaError] = []
    client = clients.admin(NOBODY, on_error=told.append)
    while not told:
        with pytest.raises(KafkaException):
            client.list_topics(timeout=0.1)
        client.poll(0)
    assert told[0].code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)
    assert capfd.readouterr().err == "", "the client prints nothing itself"


def test_own_settings_win(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KafkaException, match=r"no\.such\.setting"):
        clients.consumer(NOBODY, own={"no.such.setting": "1"})
