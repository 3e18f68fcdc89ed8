"""Commands whose output goes nowhere, or to where there is no room: as a process, from outside."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tape.process.exit import run_main
from tape.synthetic import make_day, write_day
from tests.apps import ROOT

MOST_KIB = 4
"""Size that a file may have, less than any output here."""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_day(make_day(1, ["AAA"], 20_000), tmp_path_factory.mktemp("day"))


def shell(line: str, *words: str | Path, cwd: Path = ROOT, **env: str) -> tuple[int, str, str]:
    """Run a line of bash in which `tape` is the command; its words are $1, $2, …"""
    tape = f'tape() {{ "{sys.executable}" -m tape "$@"; }}; '
    done = subprocess.run(
        ["bash", "-c", tape + line, "bash", *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["--help", "replay $1 -o $2"])
def test_a_stream_that_is_closed_is_no_error(
    words: str, closed: str, day: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.jsonl"
    assert shell(f"tape {words} {closed}", day, out)[0] == 0
    if "replay" in words:
        lines = out.read_text().splitlines()
        assert all(json.loads(line)["anomalies"] for line in lines)  # and nothing that was printed
        assert len(lines) > 100


@pytest.mark.parametrize("app", ["producer", "anomaly_detector"])
def test_an_app_whose_streams_are_closed_ends_as_it_does_with_them(
    app: str, tmp_path: Path
) -> None:
    line = f'"{sys.executable}" "{ROOT / app / "main.py"}" <&- >&-'
    code, _, told = shell(line, cwd=tmp_path, WINDOW="no", REPLAY_SPEED="no")
    assert (code, told.startswith("error: ")) == (4, True)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_was_cut_is_told(unbuffered: str, day: Path, tmp_path: Path) -> None:
    """As a disk that is nearly full takes a part of a write and no more."""
    out = tmp_path / "report.json"
    line = f"ulimit -f {MOST_KIB}; tape replay $1 --json >$2"
    code, _, told = shell(line, day, out, PYTHONUNBUFFERED=unbuffered)
    assert out.stat().st_size == MOST_KIB * 1024
    assert (code, "error: File too large: raise the limit" in told) == (4, True)


WRITERS: dict[str, str] = {
    "lines": "replay $1 -o $2/a.jsonl",
    "a table": "replay $1 -o $2/a.csv",
    "Parquet": "replay $1 -o $2/a.parquet",
    "episodes": "replay $1 --episodes $2/a.jsonl",
    "a picture": "replay $1 --plot $2/a.png",
    "a picture of a report": "inspect $1 --plot $2/a.png",
    "a synthetic day": "synth -o $2 --trades 20000",
    "a day with anomalies": "inject $1 -o $2",
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_for_which_there_is_no_room_is_named_and_not_left(
    name: str, day: Path, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    code, _, told = shell(f"ulimit -f {MOST_KIB}; tape {WRITERS[name]}", day, place)
    last = told.splitlines()[-1]
    assert (code, last.startswith("error: "), str(place) in last) == (4, True, True), told
    assert list(place.iterdir()) == []


def test_a_folder_that_was_deleted_under_a_command_is_one_sentence(
    day: Path, tmp_path: Path
) -> None:
    line = 'mkdir "$2" && cd "$2" && rmdir "$2" && tape replay $1'
    code, out, told = shell(line, day, tmp_path / "gone")
    assert (code, out) == (4, "")
    assert told == "error: the current folder was deleted; change to another one\n"


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (OSError(5, "Input/output error"), "Input/output error: see whether the disk"),
        (OSError(24, "Too many open files", "a.csv"), "Too many open files at a.csv: raise"),
        (MemoryError("Unable to allocate 291. TiB"), "out of memory (Unable to allocate 291. TiB)"),
    ],
)
def test_what_the_machine_lacks_is_one_sentence(
    raised: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise raised

    assert run_main(work) == 4
    assert f"error: {words}" in capsys.readouterr().err


def test_an_error_of_the_program_is_not_taken_for_one_of_the_machine() -> None:
    def work() -> int:
        raise OSError(9, "Bad file descriptor")

    with pytest.raises(OSError, match="Bad file descriptor"):
        run_main(work)
