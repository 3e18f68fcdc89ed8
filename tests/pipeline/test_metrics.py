"""Metrics and health of the real apps, scraped while they work."""

import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tape.broker.kafka import free_port
from tape.judge import Counts
from tape.metrics import SILENT_S, Metrics
from tape.synthetic import make_day, write_day
from tests.apps import ROOT, Pipeline

pytestmark = pytest.mark.broker
RULES = ROOT / "ops/prometheus/tapewatch.rules.yml"


@pytest.fixture
def pipeline(kafka, topic_names, tmp_path: Path) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def scraped(port: int) -> dict[tuple[str, str], float]:
    """Value by name and label."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(get(port, "/metrics"))
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created"))
    }


def test_the_apps_tell_what_they_do(pipeline: Pipeline, tmp_path: Path) -> None:
    trades = 20_000
    write_day(make_day(seed=3, trades=trades), tmp_path / "data")
    sending, judging = free_port(), free_port()
    detector = pipeline.detect(METRICS_PORT=str(judging))
    producer = pipeline.produce(tmp_path / "data", METRICS_PORT=str(sending), REPLAY_SPEED="2400")
    pipeline.wait_until(lambda _, judged: judged > 1_000)
    deadline_s = time.monotonic() + 30
    while not (sent := scraped(sending)["tapewatch_trades_total", ""]):  # counted at a commit
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    assert sent <= trades
    assert get(sending, "/health") == "producer: at work\n"
    assert producer.wait() == 0
    pipeline.wait_all_judged()
    time.sleep(1.5)
    found = scraped(judging)
    assert get(judging, "/health") == "anomaly_detector: at work\n"
    assert found["tapewatch_trades_total", ""] == trades
    assert found["tapewatch_anomalies_total", "Isolation Forest"] > 0
    assert found["tapewatch_episodes_total", "opened"] > 0
    assert found["tapewatch_symbols", ""] == 4
    assert 4 * 20_000 < found["tapewatch_state_bytes", ""] < 4 * 40_000  # 30 KB per symbol
    assert found["tapewatch_lag_trades", ""] == 0
    assert found["tapewatch_batch_trades_sum", ""] == trades
    assert found["tapewatch_commit_seconds_count", ""] > 5
    assert 15 <= found["tapewatch_refit_seconds_count", ""] <= 20  # four symbols, each 1,000 trades
    assert found["tapewatch_refit_seconds_sum", ""] > 0
    assert found["tapewatch_seconds_since_commit", ""] < 60
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(judging, "/secrets")
    assert detector.stop() == 0


def test_an_app_that_hangs_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics("detector", Counts())
    port = free_port()
    end = metrics.serve("127.0.0.1", port)
    now_s = time.monotonic()
    monkeypatch.setattr("tape.metrics.time.monotonic", lambda: now_s + SILENT_S + 1)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        get(port, "/health")
    metrics.alive()
    assert "at work" in get(port, "/health")
    end()


def test_a_busy_metrics_port_ends_the_app_with_a_sentence(pipeline: Pipeline) -> None:
    port = int(pipeline.address.rpartition(":")[2])
    refused = pipeline.detect(METRICS_PORT=str(port))
    assert refused.wait(60) == 4
    assert "METRICS_PORT" in refused.log().splitlines()[-1]


def test_the_alert_rules_name_only_metrics_that_exist() -> None:
    known = {f.name for f in Metrics("x", Counts()).registry.collect()}
    known |= {f"{name}_total" for name in known}
    assert set(re.findall(r"tapewatch_[a-z_]+", RULES.read_text())) <= known
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: names checked, syntax not")
    done = subprocess.run([promtool, "check", "rules", str(RULES)], env=os.environ, check=False)
    assert done.returncode == 0
