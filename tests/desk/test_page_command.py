"""`tape page` of a day from files: all that is found is on it, and what was wrong is said."""

import json
import time
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra `page` is not installed")

import tape.page.export as export_module
from tape.archives import find_archives
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.replay import Part, Replay
from tape.model.counts import Counts
from tape.page.board import Board
from tape.page.pulse import Pulse
from tape.page.replayed import ReplayedDay
from tape.synthetic import make_day, write_day
from tests.commands import tape

BAD = "2025-03-03T15:00:00.000000000Z,no price\n"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day, and beside it one file whose only row is no trade."""
    folder = tmp_path_factory.mktemp("page") / "day"
    folder.mkdir()
    write_day(make_day(trades=6_000), folder)
    (folder / "b.csv").write_text(f"ts_event,price,size,symbol\n{BAD}")
    return folder


def names_on(site: Path) -> list[str]:
    text = (site / "data.js").read_text().removeprefix("globalThis.TAPEWATCH=").strip().rstrip(";")
    return sorted(json.loads(text.replace("<\\/", "</"))["details"])


def test_an_exported_day_has_the_episodes_of_replay_and_the_exit_code_of_its_faults(
    day: Path, tmp_path: Path
) -> None:
    states = tmp_path / "e.jsonl"
    assert tape("replay", day, "--episodes", states).returncode == 2
    expected = sorted({json.loads(line)["episode_id"] for line in states.read_text().splitlines()})
    done = tape("page", "--replay", day, "--export", tmp_path / "site")
    assert done.returncode == 2, done.stderr
    assert "rejected" in done.stderr
    assert f"written: {len(expected)} episodes in" in done.stderr
    assert names_on(tmp_path / "site") == expected


def test_how_many_episodes_are_left_out_of_an_export_is_said(
    day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "EPISODES_MAX", 2)
    done = tape("page", "--replay", day, "--export", tmp_path / "site")
    assert "written: 2 episodes, the worst of" in done.stderr
    assert len(names_on(tmp_path / "site")) == 2


def test_files_without_a_trade_are_no_clean_page(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(f"ts_event,price,size,symbol\n{BAD}")
    done = tape("page", "--replay", tmp_path / "b.csv", "--export", tmp_path / "site")
    assert done.returncode == 2
    assert not (tmp_path / "site").exists()


def test_a_page_says_what_its_replay_could_not_read(day: Path) -> None:
    judge = Judge(Parameters(), 100, Counts(), bars=True)
    pulse = Pulse()
    shown = ReplayedDay(Replay(find_archives([day]).archives, judge, Part()), Board(), pulse, 0.0)
    assert said_by(shown, pulse).startswith("The day is over. rejected: 1 ")


def test_a_file_that_goes_while_it_is_replayed_ends_the_page_with_a_sentence(
    day: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text((day / "b.csv").read_text())
    pulse = Pulse()
    judge = Judge(Parameters(), 100, Counts(), bars=True)
    shown = ReplayedDay(Replay(find_archives([file]).archives, judge, Part()), Board(), pulse, 0.0)
    file.unlink()
    assert "a.csv" in said_by(shown, pulse)


def said_by(shown: ReplayedDay, pulse: Pulse) -> str:
    """Return what the page says once its replay is over."""
    shown.start()
    until_s = time.monotonic() + 60
    while not pulse.problem:
        assert time.monotonic() < until_s
        time.sleep(0.01)
    shown.stop()
    return pulse.problem
