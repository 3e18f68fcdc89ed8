"""Drift: what is counted by severity, how it is shown, and when it is a warning."""

import numpy as np
import pytest
from prometheus_client import generate_latest

from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.model.counts import SEVERITIES, Counts
from tape.ops.doctor.drift import check_drift, judge_drift, read_severities
from tape.process.metrics import Metrics
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.testing.trades import a_day, messages
from tests.small_model import small_model


@pytest.mark.parametrize("profile", ["calibrated", "classic,calibrated,supervised", "classic"])
def test_trades_are_counted_by_the_severity_that_each_detector_gives(profile: str) -> None:
    model = str(small_model()[0]) if "supervised" in profile else ""
    counts, keys, values = Counts(), *messages(a_day(4_000, seed=2))
    judge = Judge(Parameters(profile=profile, model=model), 10, counts)
    again = Judge(Parameters(profile=profile, model=model), 10, Counts())
    expected: dict[tuple[str, int], int] = {}
    for start in range(0, 4_000, 900):
        part = slice(start, start + 900)
        judge.judge(keys[part], values[part])
        _, verdicts = again.detect(keys[part], values[part])
        for kind, own in zip(
            again.lineup.kinds, [p.verdicts for p in verdicts.parts] or [verdicts], strict=True
        ):
            if kind.is_severity:
                assert own.score is not None
                for level in SEVERITIES:
                    more = int(np.count_nonzero(own.score >= level))
                    expected[kind.name, level] = expected.get((kind.name, level), 0) + more
    assert dict(counts.severe) == expected
    names = [name for name in profile.split(",") if name != "classic"]
    assert dict(counts.scored) == dict.fromkeys(names, 4_000)
    text = generate_latest(Metrics("x", counts).registry).decode()
    scored, severe = read_severities(text)
    assert scored == counts.scored
    assert severe == {(name, str(level)): n for (name, level), n in counts.severe.items()}


@pytest.mark.parametrize(
    ("severe", "gated", "verdict"),
    [
        ({"2": 1_000, "3": 100, "4": 10}, set(), "ok"),
        ({"2": 2_900, "3": 290, "4": 29}, set(), "ok"),
        ({"2": 3_100, "3": 100, "4": 10}, set(), "warning"),
        ({"2": 1_000, "3": 301, "4": 10}, set(), "warning"),
        ({"2": 1_000, "3": 100, "4": 2_000}, set(), "ok"),  # 10 are too few to say anything
        ({"2": 99, "3": 10, "4": 1}, set(), "warning"),
        ({"2": 99, "3": 10, "4": 1}, {"supervised"}, "ok"),
        ({"2": 3_100, "3": 100, "4": 10}, {"supervised"}, "warning"),
    ],
)
def test_far_more_or_far_fewer_than_a_severity_means_is_a_warning(
    severe: dict[str, int], gated: set[str], verdict: str
) -> None:
    by_name = {("supervised", level): float(count) for level, count in severe.items()}
    found = judge_drift({"supervised": 100_000.0}, by_name, gated)
    assert found.verdict == verdict
    assert bool(found.fix) == (verdict == "warning")
    assert "of 10,000 trades" in found.text


def test_without_severities_or_trades_nothing_is_wrong() -> None:
    assert judge_drift({}, {}).verdict == "ok"
    assert judge_drift({"supervised": 0.0}, {("supervised", "2"): 0.0}).verdict == "ok"


def test_without_metrics_it_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_PORT", "0")
    assert check_drift(load(DetectorSettings)).verdict == "not checked"
    monkeypatch.setenv("METRICS_PORT", "1")
    assert check_drift(load(DetectorSettings)).text == "the metrics cannot be read"
