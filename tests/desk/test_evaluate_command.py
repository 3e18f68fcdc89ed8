"""`tape evaluate` as a user calls it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tape.desk.evaluate.baselines import BASELINES
from tape.desk.past_days import PROFILES
from tape.synthetic import inject, make_day, write_day
from tests.commands import tape

KINDS = {
    "fat finger",
    "small misprint",
    "volume spike",
    "burst",
    "stuck feed",
    "spike that reverts",
    "gap",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of two symbols, `one` also with labelled anomalies; both synthetic, on one date."""
    folder = tmp_path_factory.mktemp("days")
    for seed, name in ((1, "one"), (2, "two")):
        made = make_day(seed, ["AAA", "BBB"], 20_000, anomalies=0)
        write_day(made, folder, name)
        if name == "one":
            write_day(inject(made, seed=5, anomalies=28), folder, "labelled")
    (folder / "none.labels.csv").write_text("")
    return folder


def file(folder: Path, name: str) -> Path:
    return folder / f"{name}.trades.csv.zst"


def evaluated(*words: str | Path, **env: str) -> dict[str, dict[str, Any]]:
    done = tape("evaluate", *words, **env)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {name: found[name] for name in found if name in PROFILES}


def test_labels_of_ones_own_are_held_against_profiles(folder: Path) -> None:
    found = evaluated(
        file(folder, "labelled"),
        "--labels",
        folder / "labelled.labels.csv",
        "--calibrate-on",
        file(folder, "two"),
        file(folder, "one"),  # the day itself, before anomalies were put in: never used
        "--profiles",
        "classic,classic-tuned,calibrated",
        "--json",
    )
    assert list(found) == ["classic", "classic-tuned", "calibrated"]
    for one in found.values():
        assert set(one["by_kind"]) == KINDS
        assert sum(kind["events"] for kind in one["by_kind"].values()) == 28 == one["events"]
        assert sum(kind["found"] for kind in one["by_kind"].values()) == one["found"]
        assert one["recall"] == pytest.approx(one["found"] / 28, abs=1e-6)
        for name in ("pr_auc", "recall", "precision"):
            low, high = one["ci95"][name]
            assert 0 <= low <= one[name] <= high <= 1
        assert one["alarms_per_10k"] == pytest.approx(
            10_000 * one["false_alarms"] / one["ordinary_trades"], abs=1e-3
        )
        (only,) = one["days"].values()
        assert only["calibrated_on"] == ["two.trades.csv.zst"]
        assert only["pr_auc"] == one["pr_auc"]
        assert one["auction_prints"] == 2
    assert found["classic"]["auction_prints_flagged"] == 2
    assert found["calibrated"]["auction_prints_flagged"] == 0
    assert found["classic"]["by_kind"]["fat finger"]["found"] >= 1
    spikes = {name: one["by_kind"]["volume spike"]["found"] for name, one in found.items()}
    assert spikes["classic-tuned"] > spikes["classic"]


@pytest.mark.parametrize("profile", ["classic", "calibrated"])
def test_it_flags_what_replay_flags(profile: str, folder: Path, tmp_path: Path) -> None:
    day = file(folder, "labelled")
    labels = folder / "labelled.labels.csv"
    found = evaluated(day, "--labels", labels, "--profiles", profile)
    tape("replay", day, "--output", tmp_path / "a.jsonl", PROFILE=profile)
    flagged = (tmp_path / "a.jsonl").read_text().splitlines()
    assert found[profile]["flagged_trades"] == len(flagged) > 0


def test_anomalies_are_put_in_alike_each_time_and_each_day_is_judged_after_the_others(
    folder: Path,
) -> None:
    days = (file(folder, "one"), file(folder, "two"), "--profiles", "classic", "--anomalies", "21")
    once = evaluated(*days)
    assert once == evaluated(*days)
    assert once != evaluated(*days, "--seed", "2")
    assert {name: day["calibrated_on"] for name, day in once["classic"]["days"].items()} == {
        "one.trades.csv.zst": ["two.trades.csv.zst"],
        "two.trades.csv.zst": ["one.trades.csv.zst"],
    }
    assert once["classic"]["events"] == 42


def test_a_single_day_says_that_it_starts_cold_and_draws_a_picture(
    folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "pr.png"
    done = tape(
        "evaluate", file(folder, "one"), "--profiles", "classic,calibrated", "--plot", picture
    )
    assert done.returncode == 0, done.stderr
    assert "cold start" in done.stderr
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_baselines_stand_beside_the_profiles_unless_they_are_unwanted(folder: Path) -> None:
    words = (file(folder, "labelled"), "--calibrate-on", file(folder, "two"), "--draws", "20")
    done = tape("evaluate", *words, "--profiles", "calibrated", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["calibrated", *BASELINES]
    for one in found.values():
        assert set(one["by_family"]) == {"price", "size", "feed"}
        for own in (one, *one["by_family"].values()):
            assert 0 <= own["pr_auc"] <= 1
            assert 0 <= own["event_pr_auc"] <= 1
            assert own["recall"] == pytest.approx(own["found"] / own["events"], abs=1e-6)
            assert own["alarms_per_10k"] >= 0
            trades = own["recall_within"]["trades"]
            assert trades["1"] <= trades["5"] <= trades["25"] <= own["recall"]
        assert sum(own["events"] for own in one["by_family"].values()) == one["events"] == 28
        assert sum(one["false_alarms_by_family"].values()) >= one["false_alarms"]
    alone = tape("evaluate", *words, "--profiles", "calibrated", "--no-baselines")
    assert json.loads(alone.stdout) == {"calibrated": found["calibrated"]}
    words_said = " ".join(done.stderr.split())
    assert (
        "labelled.trades.csv.zst is judged with the labels beside it, labelled.labels" in words_said
    )


def test_labels_beside_days_are_found_and_days_without_calibrate_only(folder: Path) -> None:
    days = (file(folder, "labelled"), file(folder, "two"), "--profiles", "calibrated")
    done = tape("evaluate", *days, "--no-baselines", "--draws", "0")
    assert done.returncode == 0, done.stderr
    (judged,) = json.loads(done.stdout)["calibrated"]["days"].items()
    assert judged[0] == "labelled.trades.csv.zst"
    assert judged[1]["calibrated_on"] == ["two.trades.csv.zst"]
    assert "not judged: two.trades.csv.zst" in " ".join(done.stderr.split())


def test_labels_of_ones_own_kinds_are_judged_with_only_what_they_say(
    folder: Path, tmp_path: Path
) -> None:
    lines = (folder / "labelled.labels.csv").read_text().splitlines()[1:]
    points = [",".join([*line.split(",")[0:1], line.split(",")[2], "wash_trade"]) for line in lines]
    own = tmp_path / "own.csv"
    own.write_text("\n".join(["symbol,ts_event,kind", *points]) + "\n")
    words = ("--labels", own, "--profiles", "calibrated", "--draws", "0")
    done = tape("evaluate", file(folder, "labelled"), *words)
    assert done.returncode == 0, done.stderr
    one = json.loads(done.stdout)["calibrated"]
    assert set(one["by_kind"]) == {"wash_trade"}
    assert set(one["by_family"]) == {"price"}
    assert 0 < one["events"] <= 28
    assert "counted as odd prices: wash_trade; a column `family`" in " ".join(done.stderr.split())


def test_where_every_trade_is_labelled_it_says_that_the_area_says_nothing(
    folder: Path, tmp_path: Path
) -> None:
    day = short(folder, 10)
    made = make_day(3, ["AAA"], 10, anomalies=0)
    own = tmp_path / "own.csv"
    own.write_text("symbol,ts_event\n" + "".join(f"AAA,{ts}\n" for ts in made.ts_event_ns))
    done = tape("evaluate", day, "--labels", own, "--profiles", "calibrated", "--draws", "9")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stderr.split())
    assert "each trade is labelled, so precision and PR-AUC say nothing" in said
    assert "labels on symbols with few trades: AAA (10 trades)" in said


def short(folder: Path, trades: int) -> Path:
    return write_day(make_day(3, ["AAA"], trades, anomalies=0), folder, f"short-{trades}")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["{one}", "--labels", "{labels}"], 2, "has no trades of"),
        (["{one}", "--labels", "{folder}/none.labels.csv"], 2, "none.labels.csv, line 1"),
        (["{one}", "--labels", "{folder}/no.csv"], 2, "cannot read the labels"),
        (
            ["{one}", "--profiles", "clasic"],
            4,
            "no detector 'clasic'; did you mean classic?",
        ),
        (["{one}", "--calibrate-on", "{one}"], 2, "with settings from itself only"),
        (["--labels", "{labels}"], 4, "--labels needs the days"),
        (["--calibrate-on", "{one}"], 4, "--calibrate-on needs days"),
        (["--judged", "{labels}"], 4, "--judged needs the days"),
        (["{one}", "--judged", "{folder}/no.csv"], 2, "cannot read the judged"),
        (["{one}", "--judged", "{folder}/none.labels.csv"], 2, "symbol is missing"),
        (["{folder}/missing.csv"], 2, "does not exist"),
        (["{one}", "--plot", "x.doc"], 4, "ends in .png"),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], code: int, told: str, folder: Path) -> None:
    names = {
        "one": file(folder, "one"),
        "labels": folder / "labelled.labels.csv",
        "folder": folder,
    }
    done = tape("evaluate", *(word.format(**names) for word in words))
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert told in done.stderr
    assert done.stderr.count("error:") == 1


@pytest.mark.parametrize("model", ["", "models/none"])
def test_a_profile_that_cannot_work_is_refused_before_another_is_at_work(
    model: str, folder: Path
) -> None:
    done = tape("evaluate", file(folder, "one"), "--profiles", "classic,supervised", MODEL=model)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: ")
    assert "MODEL" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_day_with_little_room_says_so(folder: Path) -> None:
    done = tape("evaluate", short(folder, 10), "--profiles", "calibrated")
    assert done.returncode == 0, done.stderr
    assert "short-10.trades.csv.zst has room for 1 of 84 anomalies" in " ".join(done.stderr.split())
    assert json.loads(done.stdout)["calibrated"]["events"] == 1


def test_days_and_symbols_with_ten_trades_are_judged_and_said(folder: Path) -> None:
    done = tape(
        "evaluate",
        file(folder, "labelled"),
        "--labels",
        folder / "labelled.labels.csv",
        "--calibrate-on",
        short(folder, 10),
        "--profiles",
        "classic,calibrated",
    )
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stderr.split())
    assert "the calibration days hold little of AAA (10 trades), BBB (0 trades)" in words
    assert json.loads(done.stdout)["classic"]["events"] == 28


def test_a_day_too_short_to_calibrate_is_named(folder: Path) -> None:
    days = (short(folder, 2_500), "--calibrate-on", short(folder, 2_600))
    done = tape("evaluate", *days, "--profiles", "calibrated", "--draws", "0")
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stderr.split())
    assert "10,000 trades are needed until `calibrated` trusts what it has learnt" in words
    assert "the calibration days hold fewer of AAA (2,600 trades)" in words
