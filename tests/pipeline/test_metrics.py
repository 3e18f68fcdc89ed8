"""Metrics and health of the real apps, scraped while they work."""

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tape.kafka.local.broker import LocalKafka, free_port
from tape.model.fields import NANOS, TIME_MIN_NS
from tape.model.trade import Trade, encode
from tape.synthetic import make_day, write_day
from tests.apps import ROOT, Pipeline
from tests.kafka_client import produce

pytestmark = pytest.mark.broker
RULES = ROOT / "monitoring/prometheus/tapewatch.rules.yml"


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
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
    assert found["tapewatch_symbols_forgotten_total", ""] == 0
    assert found["tapewatch_lag_trades", ""] == 0
    assert found["tapewatch_batch_trades_sum", ""] == trades
    assert found["tapewatch_commit_seconds_count", ""] > 5
    assert 15 <= found["tapewatch_refit_seconds_count", ""] <= 20  # four symbols, each 1,000 trades
    assert found["tapewatch_refit_seconds_sum", ""] > 0
    assert found["tapewatch_seconds_since_commit", ""] < 60
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(judging, "/secrets")
    assert detector.stop() == 0


def rates(before: dict[tuple[str, str], float], after: dict[tuple[str, str], float]) -> Any:
    """How much each counter has grown between two looks, labels summed."""
    grown: dict[str, float] = defaultdict(float)
    for (name, _), value in after.items():
        grown[name] += value
    for (name, _), value in before.items():
        grown[name] -= value
    return grown


def fires(alert: str, before: dict[tuple[str, str], float], after: Any, folder: Path) -> bool:
    """Whether an alert fires where the metrics grow for an hour as they did between two looks.

    By Prometheus' own tool, where it is installed; else by hand, for the two alerts used here.
    """
    promtool, grown = shutil.which("promtool"), rates(before, after)
    if promtool is None:
        records, judged = grown["tapewatch_records_total"], grown["tapewatch_trades_total"]
        if alert == "TapewatchNothingJudged":
            return bool(records > 0 and not judged)
        return bool(judged and grown["tapewatch_late_trades_total"] / judged > 0.01)
    series = [
        {"series": f'{name}{{job="tapewatch", instance="real"}}', "values": f"0+{step}x60"}
        for name, step in grown.items()
        if name.endswith("_total")
    ]
    wanted = {"alertname": alert, "eval_time": "50m", "exp_alerts": []}
    case = {"interval": "1m", "input_series": series, "alert_rule_test": [wanted]}
    (folder / "rules.yml").write_text(RULES.read_text())
    (folder / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [case]})
    )
    done = subprocess.run(
        [promtool, "test", "rules", str(folder / "test.yml")],
        check=False,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0 or f"alertname:{alert}" in said.replace(" ", ""), said
    return done.returncode != 0


def test_a_run_of_old_trades_and_one_of_repeats_fire_their_alerts(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """With the metrics of a real run: what is not judged must not count as judged."""

    def send(first: int, last: int, late_s: int = 0) -> dict[tuple[str, str], float]:
        produce(
            pipeline.address,
            pipeline.input,
            [(b"NVDA", trade(number, late_s)) for number in range(first, last)],
        )
        pipeline.wait_all_judged()
        return scraped(port)

    port = free_port()
    detector = pipeline.detect(METRICS_PORT=str(port))
    pipeline.wait_until(lambda *_: bool(detector.events("detector started")))
    begin = scraped(port)
    well = send(1, 1_001)
    late = send(1_001, 1_501, late_s=3_600)
    repeated = send(1_001, 1_501, late_s=3_600)
    alerts = ("TapewatchLate", "TapewatchNothingJudged")
    looks = {"well": (begin, well), "late": (well, late), "repeated": (late, repeated)}
    fired = {
        name: [alert for alert in alerts if fires(alert, *look, tmp_path)]
        for name, look in looks.items()
    }
    assert fired == {
        "well": [],
        "late": ["TapewatchLate"],
        "repeated": ["TapewatchNothingJudged"],
    }
    assert rates(late, repeated)["tapewatch_records_total"] == 500
    assert detector.stop() == 0


def trade(number: int, late_s: int) -> bytes:
    ts_event_ns = TIME_MIN_NS + 86_400 * NANOS + number - late_s * NANOS
    return encode(
        Trade(
            ts_recv_ns=ts_event_ns,
            ts_event_ns=ts_event_ns,
            publisher_id=2,
            side="B",
            price_nanos=142_000_000_000,
            size=100,
            sequence=number,
            symbol="NVDA",
        )
    )


def test_without_the_broker_the_lag_is_not_told_and_the_reason_is(
    own_kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> None:
    def until(condition: Callable[[dict[tuple[str, str], float]], bool]) -> None:
        deadline_s = time.monotonic() + 60
        while not condition(found := scraped(port)):
            assert time.monotonic() < deadline_s, found
            time.sleep(0.2)

    up, lag, port = ("tapewatch_broker_up", ""), ("tapewatch_lag_trades", ""), free_port()
    with own_kafka:
        pipeline = Pipeline(own_kafka.address, topic_names, tmp_path)
        try:
            write_day(make_day(seed=3, trades=2_000), tmp_path / "data")
            pipeline.detect(METRICS_PORT=str(port))
            assert pipeline.produce(tmp_path / "data").wait() == 0
            pipeline.wait_all_judged()
            until(lambda found: found[up] == 1 and found.get(lag) == 0)
            own_kafka.pause()
            until(lambda found: found[up] == 0 and lag not in found)
            own_kafka.resume()
            until(lambda found: found[up] == 1 and found.get(lag) == 0)
        finally:
            own_kafka.resume()
            pipeline.end()


def test_a_busy_metrics_port_ends_the_app_with_a_sentence(pipeline: Pipeline) -> None:
    port = int(pipeline.address.rpartition(":")[2])
    refused = pipeline.detect(METRICS_PORT=str(port))
    assert refused.wait(60) == 4
    assert "METRICS_PORT" in refused.log().splitlines()[-1]
