"""The alert rules under Prometheus' own test tool, which says of each whether it fires."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tape.model.counts import Counts
from tape.process.alert_metrics import AlertMetrics
from tape.process.metrics import Metrics
from tape.process.sink_metrics import SinkMetrics
from tests.apps import ROOT

FOLDER = ROOT / "monitoring/prometheus"
RULES, CASES = FOLDER / "tapewatch.rules.yml", FOLDER / "tapewatch.test.yml"


def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    return found


def ends_well(rules: Path, folder: Path) -> bool:
    """Whether the cases agree with a file of rules."""
    shutil.copy(CASES, folder / CASES.name)
    (folder / RULES.name).write_text(rules.read_text())
    words = [promtool(), "test", "rules", str(folder / CASES.name)]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0


def alerts() -> set[str]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"]}


def test_each_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    cases = yaml.safe_load(CASES.read_text())["tests"]
    tested = set()
    for case in cases:
        (one,) = case["alert_rule_test"]
        instances = {
            s["series"].partition('instance="')[2].partition('"')[0] for s in case["input_series"]
        }
        fires = {alert["exp_labels"]["instance"] for alert in one["exp_alerts"]}
        assert fires, case["name"]
        assert instances - fires, case["name"]
        tested.add(one["alertname"])
    assert tested == alerts()


def test_the_rules_fire_when_they_shall_and_not_otherwise(tmp_path: Path) -> None:
    assert ends_well(RULES, tmp_path)


@pytest.mark.parametrize("alert", sorted(alerts()))
def test_an_alert_that_could_not_fire_is_noticed(alert: str, tmp_path: Path) -> None:
    """The control: one rule after the other made deaf, as TapewatchStale was."""
    rules = yaml.safe_load(RULES.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            if rule["alert"] == alert:
                rule["expr"] = f"({rule['expr']}) and on() vector(1) == 2"
    deaf = tmp_path / "deaf.yml"
    deaf.write_text(yaml.safe_dump(rules))
    assert not ends_well(deaf, tmp_path)


def test_the_alert_rules_name_only_metrics_that_exist() -> None:
    known = {f.name for f in Metrics("x", Counts()).registry.collect()}
    known |= {f.name for f in SinkMetrics("x").registry.collect()}
    known |= {f.name for f in AlertMetrics(["x"]).registry.collect()}
    known |= {f"{name}_total" for name in known}
    assert set(re.findall(r"tapewatch_[a-z_]+", RULES.read_text())) <= known
    done = subprocess.run([promtool(), "check", "rules", str(RULES)], check=False)
    assert done.returncode == 0
