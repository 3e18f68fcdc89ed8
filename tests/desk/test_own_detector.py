"""The example's detector through every command, by one setting; its answer is known by hand."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tape.synthetic.files import labels_path
from tests.commands import tape
from tests.sub_penny_days import EXAMPLE, PROFILE, flagged_by_hand, told, write_sub_penny_day


@pytest.fixture(autouse=True)
def the_example_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sub_penny_day(tmp_path_factory.mktemp("day"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=str) for line in path.read_text().splitlines()]


def test_replay_finds_what_was_found_by_hand(day: Path, tmp_path: Path) -> None:
    expected = flagged_by_hand(day)
    assert 10 < len(expected) < 100
    out, episodes = tmp_path / "a.jsonl", tmp_path / "e.jsonl"
    done = tape("replay", day, "-o", out, "--episodes", episodes, "--json", PROFILE=PROFILE)
    assert done.returncode == 0, done.stderr
    assert [told(one) for one in lines(out)] == expected
    summary = json.loads(done.stdout)
    assert summary["by_rule"] == {"Sub-Penny Print": len(expected)}
    first = lines(out)[0]
    assert first["anomalies"] == ["Sub-Penny Print"]
    (reason,) = first["reasons"]
    assert (reason["value"], reason["threshold"]) == (expected[0][3], 1_000)
    closed = [one for one in lines(episodes) if one["state"] == "closed"]
    counted = sum(one["rules"]["Sub-Penny Print"] for one in closed)
    assert 0 < counted <= len(expected)


def test_with_ours_it_finds_the_same_and_ours_find_theirs(day: Path, tmp_path: Path) -> None:
    found = {}
    for profile in ("classic", "calibrated", f"classic,{PROFILE},calibrated"):
        out = tmp_path / "a.jsonl"
        assert tape("replay", day, "-o", out, "--force", PROFILE=profile).returncode == 0
        found[profile] = lines(out)
    together = found[f"classic,{PROFILE},calibrated"]
    own = [one for one in together if "Sub-Penny Print" in one["anomalies"]]
    assert [told(one) for one in own] == flagged_by_hand(day)

    def reasons(values: list[dict[str, Any]], rules: set[str]) -> list[object]:
        kept = [
            (one["anomaly_id"], [r for r in one["reasons"] if r["rule"] in rules]) for one in values
        ]
        return [one for one in kept if one[1]]

    classic = {"High Volume", "Rapid Price Change", "Isolation Forest"}
    for profile, rules in (("classic", classic), ("calibrated", {"Calibrated"})):
        assert reasons(together, rules) == reasons(found[profile], rules) != []
    order = ["High Volume", "Rapid Price Change", "Isolation Forest", "Sub-Penny Print"]
    order.append("Calibrated")
    for one in together:
        names = [order.index(name) for name in one["anomalies"]]
        assert names == sorted(names)
        assert ("severity" in one) == ("Calibrated" in one["anomalies"])
    assert len({json.dumps(one["detector"]) for one in together}) == 1


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_its_anomalies_are_written_to_files_of_any_form(
    suffix: str, day: Path, tmp_path: Path
) -> None:
    out = tmp_path / f"a{suffix}"
    profile = f"{PROFILE},calibrated"
    assert tape("replay", day, "-o", out, PROFILE=profile).returncode == 0
    if suffix == ".csv":
        names = [row["anomalies"] for row in csv.DictReader(out.read_text().splitlines())]
    else:
        parquet = pytest.importorskip("pyarrow.parquet")
        names = ["; ".join(row) for row in parquet.read_table(out)["anomalies"].to_pylist()]
    assert sum("Sub-Penny Print" in one for one in names) == len(flagged_by_hand(day))


def test_evaluate_compares_it_alone_and_with_ours(day: Path) -> None:
    names = ["classic", PROFILE, f"classic+{PROFILE}"]
    words = ("--labels", labels_path(day), "--profiles", ",".join(names), "--draws", "0")
    done = tape("evaluate", day, *words, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [name for name in found if name in names] == names
    alone, both = found[PROFILE], found[f"classic+{PROFILE}"]
    assert alone["flagged_trades"] == len(flagged_by_hand(day))
    assert found["classic"]["flagged_trades"] < both["flagged_trades"]
    assert both["recall"] >= found["classic"]["recall"]
    for one in found.values():
        if isinstance(one, dict) and "pr_auc" in one:
            assert 0 <= one["pr_auc"] <= 1


@pytest.mark.full
def test_evaluate_takes_what_the_setting_names_by_itself(day: Path) -> None:
    done = tape(
        "evaluate", day, "--draws", "0", "--no-baselines", "--json", PROFILE=f"classic,{PROFILE}"
    )
    assert done.returncode == 0, done.stderr
    assert f"classic+{PROFILE}" in json.loads(done.stdout)


def test_tune_says_what_it_can_tune(day: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.toml"
    done = tape("tune", day, "-o", out, PROFILE=f"classic,{PROFILE}")
    assert done.returncode == 0, done.stderr
    assert "PROFILE has sub_penny: nothing to tune for it" in done.stderr
    refused = tape("tune", day, "-o", out, "--force", PROFILE=PROFILE)
    assert refused.returncode == 4
    assert "nothing to tune for sub_penny" in refused.stderr
    assert "classic (thresholds of volume and price change, and whether" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_inject_and_synth_are_not_disturbed_by_it(day: Path, tmp_path: Path) -> None:
    done = tape("inject", day, "--output", tmp_path / "out", PROFILE=f"{PROFILE},classic")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("clasic", "there is no detector 'clasic'; did you mean classic?"),
        ("classic,", "there is no detector ''"),
        ("classic,classic", "has the detector classic twice"),
        ("no_such_module:KIND", "cannot be imported"),
        ("sub_penny:NOTHING", "has no NOTHING"),
        ("sub_penny:CENT_NANOS", "not a Kind"),
    ],
)
@pytest.mark.parametrize("command", ["replay", "evaluate", "tune"])
def test_a_wrong_profile_is_one_sentence_and_code_4(
    command: str, profile: str, said: str, day: Path, tmp_path: Path
) -> None:
    words = ["-o", tmp_path / "t.toml"] if command == "tune" else []
    done = tape(command, day, *words, PROFILE=profile)
    assert done.returncode == 4
    assert done.stderr.startswith("error: PROFILE")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "t.toml").exists()


def test_a_detector_that_fails_leaves_no_output(
    day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (EXAMPLE / "sub_penny.py").read_text()
    failing = text.replace("return Verdicts.of(", "raise RuntimeError('no idea')\n        (")
    assert failing != text
    (tmp_path / "failing_rule.py").write_text(failing)
    monkeypatch.syspath_prepend(str(tmp_path))
    done = tape("replay", day, "-o", tmp_path / "a.jsonl", PROFILE="classic,failing_rule:KIND")
    sys.modules.pop("failing_rule", None)
    assert done.returncode == 4
    assert "detect() failed with RuntimeError: no idea (failing_rule.py, line " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "a.jsonl").exists()
