"""The library finds what the command line finds, and shows it in every form."""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import polars as pl
import pyarrow.parquet as pq
import pytest

import tape
from tape.api.settings import Settings, names
from tape.errors import ArchiveError, SettingsError
from tests.commands import tape as command
from tests.made_files import written
from tests.unit.api.tapes import CLASSIC, file_of, odd_walk, two_symbols

HEAVY = {"confluent_kafka", "quixstreams", "pandas", "polars", "matplotlib", "sklearn", "numpy"}


def test_importing_loads_nothing_and_detecting_no_kafka() -> None:
    code = """
import sys, tape
print(*sys.modules)
tape.read, tape.detect, tape.score, tape.bars, tape.Detector
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    alone, used = (set(line.split()) for line in done.stdout.splitlines())
    assert not alone & HEAVY
    assert "tape.errors" not in alone
    assert "tape.api.detecting" in used
    assert not used & (HEAVY - {"numpy"})
    assert not {"typer", "pyarrow"} & used


def test_every_name_of_the_library_is_there() -> None:
    for name in tape.__all__:
        assert getattr(tape, name) is not None
    assert set(tape.__all__) <= set(dir(tape))
    with pytest.raises(AttributeError, match="detekt"):
        tape.detekt  # noqa: B018 - that it raises is what is tested


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return file_of(two_symbols(), tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("profile", ["classic", "calibrated"])
def test_what_is_found_is_what_tape_replay_writes(profile: str, day: Path, tmp_path: Path) -> None:
    """Byte for byte: anomalies, the states of episodes, and the tables."""
    its = {name: tmp_path / f"its-{name}" for name in ("a.jsonl", "e.jsonl", "a.parquet", "e.csv")}
    for one, other in (("a.jsonl", "e.jsonl"), ("a.parquet", "e.csv")):
        words = ("replay", day, "-o", its[one], "--episodes", its[other])
        assert command(*words, PROFILE=profile).returncode == 0
    found = tape.detect(day, profile=profile)
    assert len(found) >= 2
    for name, what in (("a.jsonl", "anomalies"), ("e.jsonl", "episodes"), ("e.csv", "episodes")):
        ours = tmp_path / f"ours-{name}"
        found.save(ours, what=what)  # type: ignore[arg-type]
        assert ours.read_bytes() == its[name].read_bytes()
    assert b"\n".join([*found.messages, b""]) == its["a.jsonl"].read_bytes()
    assert found.to_arrow().equals(pq.read_table(its["a.parquet"]))
    closed = [row for row in found.episodes if row["state"] == "closed"]
    assert len(closed) == len(its["e.csv"].read_text().splitlines()) - 1


def test_scores_and_bars_are_what_the_commands_write(day: Path, tmp_path: Path) -> None:
    for name, words, table in (
        ("scores", ("score", day), tape.score(day, profile="calibrated")),
        ("bars", ("bars", day, "--every", "1m"), tape.bars(day, "1m", profile="calibrated")),
    ):
        path = tmp_path / f"{name}.parquet"
        assert command(*words, "-o", path, PROFILE="calibrated").returncode == 0
        assert table.to_arrow().equals(pq.read_table(path))
        assert table.counts.judged == 400
        assert len(table) > 1


def test_a_part_of_the_tape_has_the_verdicts_of_the_whole(day: Path, tmp_path: Path) -> None:
    path = tmp_path / "part.jsonl"
    words = ("--symbols", "BETA", "--from", "2025-03-05T14:33:00", "-o", path)
    assert command("replay", day, *words).returncode == 0
    part = tape.read(day, symbols="BETA", start="2025-03-05T14:33:00")
    found = tape.detect(part)
    assert found.messages == path.read_bytes().splitlines()
    counts = found.counts
    assert len(part) == counts.judged + counts.duplicates + counts.rejected < 200


def test_files_say_what_they_hold(day: Path) -> None:
    trades = tape.read(day.parent)
    assert repr(trades) == "<Trades of 1 file>"
    assert (len(trades), trades.symbols, [str(one) for one in trades.days]) == (
        400,
        ["ACME", "BETA"],
        ["2025-03-05"],
    )
    assert "400 trades of ACME, BETA on 1 day" in repr(trades)


def test_found_is_shown_in_every_form(day: Path) -> None:
    found = tape.detect(day, **CLASSIC)
    assert len(found.to_pandas()) == len(found.to_polars()) == len(found) == len([*found])
    assert "judged 400, duplicates 0, rejected 0" in repr(found)
    top = found.top(2)
    assert len(top) == 2
    assert len(set(top["episode_id"])) == 2
    assert pl.DataFrame(top).height == 2
    assert "<table>" in found._repr_html_()
    assert len(found.episodes) == found.counts.episodes


def test_a_symbol_that_is_html_is_shown_as_text(tmp_path: Path) -> None:
    evil = "<b>X"
    found = tape.detect(file_of(odd_walk(symbol=evil), tmp_path), **CLASSIC)
    for shown in (found._repr_html_(), found.top()._repr_html_()):
        assert evil not in shown
        assert "&lt;b&gt;X" in shown


def test_an_episode_is_drawn_by_its_id_or_how_that_begins(day: Path) -> None:
    found = tape.detect(day, **CLASSIC)
    first = found.episodes[0]
    figure = found.plot(first["episode_id"][:-1])
    title = figure.get_suptitle()
    assert title.startswith(f"{first['symbol']}, ")
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match="2 episodes begin with"):
        found.plot(first["symbol"])
    with pytest.raises(SettingsError, match="nothing that was found has the id"):
        found.plot("NVDA-1")


def test_settings_have_the_names_of_the_detector() -> None:
    assert sorted(get_type_hints(Settings)) == sorted(names())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"profil": "classic"}, "nearest one is profile"),
        ({"PROFILE": "classic"}, "nearest one is profile"),
        ({"alert_per_days": 3}, "nearest one is alerts_per_day"),
        ({"xyzzy": 1}, "choose from profile"),
        ({"log_level": "DEBUG"}, "of the running apps only"),
        ({"profile": "clasic"}, "clasic"),
        ({"trees": 0}, "trees should be at least 1"),
        ({"thresholds": {"NVDA": {"volume": 1}}}, r"thresholds: \[NVDA\] has an unknown key"),
    ],
)
def test_a_wrong_setting_is_refused(settings: dict[str, object], said: str, day: Path) -> None:
    for call in (tape.detect, tape.score, tape.bars):
        with pytest.raises(SettingsError, match=said):
            call(day, **settings)  # type: ignore[operator]
    with pytest.raises(SettingsError, match=said):
        tape.Detector(**settings)


def test_the_environment_changes_nothing(day: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tape.detect(day).messages
    monkeypatch.setenv("PROFILE", "calibrated")
    monkeypatch.setenv("VOLUME_THRESHOLD", "5")
    assert tape.detect(day).messages == before


def test_thresholds_of_symbols_count_and_unknown_symbols_are_warned_of(day: Path) -> None:
    lower = {"ACME": {"volume_threshold": 150}}
    found = tape.detect(day, thresholds=lower)
    large = [one.trade for one in found if "High Volume" in one.rules and one.trade.size == 200]
    assert {trade.symbol for trade in large} == {"ACME"}
    with pytest.warns(tape.TapeWarning, match="thresholds has NVDIA"):
        tape.detect(day, thresholds={"NVDIA": {"volume_threshold": 150}})


def test_files_of_which_nothing_can_be_read_raise(tmp_path: Path) -> None:
    path = written(tmp_path / "odd.csv", "a,b\n1,2\n")
    with (
        pytest.warns(tape.TapeWarning, match="odd.csv"),
        pytest.raises(ArchiveError, match="no trade can be read"),
    ):
        tape.detect(path)


def test_a_damaged_file_beside_a_good_one_is_said(day: Path, tmp_path: Path) -> None:
    odd = written(tmp_path / "odd.csv", "a,b\n1,2\n")
    with pytest.warns(tape.TapeWarning, match="odd.csv"):
        counts = tape.detect([day, odd]).counts
    assert (counts.judged, counts.files_not_read) == (400, 1)


def test_messages_are_json_of_the_pipeline(day: Path) -> None:
    found = tape.detect(day, **CLASSIC)
    assert json.loads(found.messages[0])["anomaly_id"] == next(iter(found)).anomaly_id
