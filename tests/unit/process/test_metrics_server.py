"""The metrics server answers honest readers whatever strangers do at its door."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry, Counter

import tape.process.metrics_server
from tape.errors import SettingsError
from tape.process.metrics_server import CONNECTIONS_MAX, serve


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(tape.process.metrics_server, "CONNECTION_MAX_S", 2)
    registry = CollectorRegistry()
    Counter("tapewatch_trades", "Trades judged", registry=registry).inc(7)
    chosen = free_port()
    end = serve("127.0.0.1", chosen, registry, lambda: (True, "detector: at work"))
    yield chosen
    end()


def asked(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_metrics_and_health_are_answered(port: int) -> None:
    status, text = asked(port, "/metrics")
    assert (status, b"tapewatch_trades_total 7.0" in text) == (200, True)
    assert asked(port, "/health") == (200, b"detector: at work\n")
    assert asked(port, "/health", "HEAD") == (200, b"")
    assert asked(port, "/else")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_only_get_and_head_are_answered(method: str, path: str, port: int) -> None:
    assert asked(port, path, method)[0] == 405


def test_an_app_that_hangs_is_unwell() -> None:
    chosen = free_port()
    end = serve("127.0.0.1", chosen, CollectorRegistry(), lambda: (False, "detector: silent"))
    try:
        assert asked(chosen, "/health") == (503, b"detector: silent\n")
    finally:
        end()


@pytest.mark.parametrize("said", [b"", b"GET /metr", b"GET /health HTTP/1.1\r\nX: "])
def test_strangers_who_say_half_a_request_are_shown_out(said: bytes, port: int) -> None:
    threads = threading.active_count()
    with ExitStack() as stack:
        strangers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            for _ in range(3 * CONNECTIONS_MAX)
        ]
        for stranger in strangers:
            stranger.sendall(said)
        assert_an_honest_reader_is_answered(port, threads)


def assert_an_honest_reader_is_answered(port: int, threads: int) -> None:
    assert threading.active_count() <= threads, "no thread for a stranger"
    before_s = time.process_time()
    time.sleep(1)
    assert time.process_time() - before_s < 0.5, "nothing is burnt while they stay"
    deadline_s, status = time.monotonic() + 30, 0
    while status != 200 and time.monotonic() < deadline_s:
        try:
            status, _ = asked(port, "/health")
        except OSError:
            time.sleep(0.2)
    assert status == 200


def test_a_stranger_who_drips_is_shown_out_as_well(port: int) -> None:
    stranger = socket.create_connection(("127.0.0.1", port), timeout=10)
    stranger.sendall(b"GET /health HTTP/1.1\r\n")

    def drip() -> None:
        deadline_s = time.monotonic() + 15
        while time.monotonic() < deadline_s:
            stranger.sendall(b"X-Drip: 1\r\n")
            time.sleep(0.2)

    with pytest.raises(OSError, match=r"reset|closed|pipe"):
        drip()
    stranger.close()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        chosen = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"METRICS_PORT={chosen}"):
            serve("127.0.0.1", chosen, CollectorRegistry(), lambda: (True, ""))


def test_its_end_frees_the_port() -> None:
    chosen = free_port()
    for _ in range(3):
        serve("127.0.0.1", chosen, CollectorRegistry(), lambda: (True, "well"))()
        deadline_s = time.monotonic() + 5
        while time.monotonic() < deadline_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", chosen)):
                    break
            time.sleep(0.05)
