"""What an app tells of itself, by a clock that is set."""

import urllib.error
import urllib.request

import pytest

from tape.kafka.local.ports import free_port
from tape.model.counts import Counts
from tape.process.app_metrics import LAG_KEPT_S, SILENT_S
from tape.process.metrics import Metrics
from tape.testing import SettableClock


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def told(metrics: Metrics, name: str) -> list[float]:
    families = {family.name: family for family in metrics.registry.collect()}
    return [sample.value for sample in families[name].samples]


def test_a_lag_that_was_told_long_ago_is_not_told_on() -> None:
    clock = SettableClock()
    metrics = Metrics("detector", Counts(), clock)
    assert told(metrics, "tapewatch_lag_trades") == []
    metrics.told_lag(7)
    assert told(metrics, "tapewatch_lag_trades") == [7]
    metrics.answers = lambda: False
    assert told(metrics, "tapewatch_lag_trades") == []
    metrics.answers = lambda: True
    clock.advance(LAG_KEPT_S)
    assert told(metrics, "tapewatch_lag_trades") == [7]
    clock.advance(0.1)
    assert told(metrics, "tapewatch_lag_trades") == []


def test_the_time_since_the_last_commit_is_told() -> None:
    clock = SettableClock()
    metrics = Metrics("detector", Counts(), clock)
    clock.advance(4)
    assert told(metrics, "tapewatch_seconds_since_commit") == [4]
    metrics.committed(took_s=0.5)
    clock.advance(1)
    assert told(metrics, "tapewatch_seconds_since_commit") == [1]


def test_what_an_alert_waits_for_is_there_from_the_start() -> None:
    families = {family.name: family for family in Metrics("x", Counts()).registry.collect()}
    (sample,) = [s for s in families["tapewatch_rejected"].samples if s.name.endswith("_total")]
    assert (sample.labels, sample.value) == ({"reason": "partition_wrong"}, 0)


def test_an_app_that_hangs_is_not_healthy() -> None:
    clock = SettableClock()
    metrics = Metrics("detector", Counts(), clock)
    port = free_port()
    end = metrics.serve("127.0.0.1", port)
    clock.advance(SILENT_S - 1)
    assert "at work" in get(port, "/health")
    clock.advance(1)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        get(port, "/health")
    metrics.alive()
    assert "at work" in get(port, "/health")
    end()
