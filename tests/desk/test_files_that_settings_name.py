"""Files that options and settings name are inputs: none is written onto, or taken for trades."""

import json
from pathlib import Path

import pytest

from tape.synthetic import inject, make_day, write_day
from tests.commands import tape


def mine(folder: Path) -> Path:
    file = folder / "mine.png"
    file.write_text("somebody's work\n")
    return file


def refused(file: Path, *words: str | Path, **env: str) -> None:
    done = tape(*words, "--force", **env)
    assert done.returncode == 4, done.stderr
    assert "is an input and must stay as it is" in done.stderr
    assert done.stderr.count("\n") == 1
    assert file.read_text() == "somebody's work\n"


@pytest.mark.parametrize("setting", ["RANKING_FILE", "THRESHOLDS_FILE"])
@pytest.mark.parametrize(
    ("command", "option", "suffix"),
    [
        ("score", "-o", ".csv"),
        ("bars", "-o", ".csv"),
        ("replay", "-o", ".csv"),
        ("features", "-o", ".parquet"),
        ("tune", "-o", ".toml"),
        ("evaluate", "--plot", ".png"),
        ("inspect", "--plot", ".png"),
    ],
)
def test_no_output_replaces_a_file_that_a_setting_names(
    command: str, option: str, suffix: str, setting: str, tmp_path: Path
) -> None:
    file = mine(tmp_path).rename(tmp_path / f"mine{suffix}")
    refused(file, command, tmp_path / "day.csv", option, file, **{setting: str(file)})


@pytest.mark.parametrize("command", ["evaluate", "inspect"])
def test_no_picture_replaces_a_columns_file(command: str, tmp_path: Path) -> None:
    file = mine(tmp_path)
    refused(file, command, tmp_path / "day.csv", "--plot", file, "--columns", file)


def test_labels_in_the_folder_of_the_days_are_no_trades(tmp_path: Path) -> None:
    folder = tmp_path / "days"
    made = inject(make_day(3, ["AAA"], 3_000, anomalies=0), seed=5, anomalies=7)
    written = write_day(made, folder)
    labels, judged = folder / "mine.csv", folder / "judged.csv"
    next(folder.glob("*.labels.csv")).unlink()  # known by its columns: what follows is not
    first = made.ts_event_ns[len(made.size) // 2]
    labels.write_text(f"symbol,ts_event\nAAA,{first}\n")
    judged.write_text("symbol,ts_event\n" + "".join(f"AAA,{at}\n" for at in made.ts_event_ns))
    words = ("--labels", labels, "--judged", judged, "--profiles", "calibrated", "--draws", "0")
    done = tape("evaluate", folder, *words, "--no-baselines")
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["calibrated"]["days"]) == [written.name]
    judged.unlink()
    done = tape("features", folder, "--labels", labels, "-o", tmp_path / "f.parquet")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trades"] == len(made.size)
    assert "1 × named by an option or a setting, so not read as trades" in " ".join(
        done.stderr.split()
    )


@pytest.mark.parametrize("command", ["replay", "score", "bars"])
def test_a_model_that_no_profile_uses_is_said(command: str, tmp_path: Path) -> None:
    written = write_day(make_day(3, ["AAA"], 10, anomalies=0), tmp_path)
    words = [command, written, "-o", tmp_path / "out.csv"]
    done = tape(*words, PROFILE="calibrated", MODEL="models/old")
    assert done.returncode == 0
    assert "MODEL=models/old is not used: PROFILE has no supervised" in done.stderr
    assert "MODEL" not in tape(*words, PROFILE="calibrated").stderr
