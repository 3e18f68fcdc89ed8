"""`tape replay --jobs` writes and says the same with any number of processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tape.synthetic import make_day, write_day
from tests.commands import tape
from tests.desk.test_outcome import row, written

SYMBOLS = ["AAA", "BBB", "CCC"]
SMALL = {"WINDOW": "40", "STRIDE": "2", "HISTORY": "60", "REFIT_EVERY": "100", "TREES": "5"}
TIMED = ("elapsed_s", "trades_per_s")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day, and a file with a row that is rejected, and one row twice."""
    folder = tmp_path_factory.mktemp("files")
    write_day(make_day(symbols=SYMBOLS, trades=6_000), folder)
    rows = [row(n) for n in range(60)]
    written(folder / "more.trades.csv", [*rows, rows[-1], row(70, price="eighty")])
    return folder


def replayed(files: Path, out: Path, *words: str, **env: str) -> Any:
    """Exit code, files written, what is said as JSON and to a person."""
    out.mkdir()
    outputs = ["--output", out / "a.jsonl", "--episodes", out / "e.jsonl", "--force"]
    ended = tape("replay", files, *outputs, "--json", *words, **SMALL, **env)
    said = json.loads(ended.stdout)
    lines = [line for line in ended.stderr.splitlines() if "trades/s" not in line]
    lines = [line.replace(str(out), "") for line in lines]
    read = [path.read_bytes() for path in sorted(out.glob("*.jsonl"))]
    return ended.returncode, read, {k: v for k, v in said.items() if k not in TIMED}, lines


@pytest.mark.parametrize("words", [(), ("--from", "2025-03-03T16:00", "--limit", "3000")])
def test_two_processes_write_and_say_what_one_does(
    words: tuple[str, ...], files: Path, tmp_path: Path
) -> None:
    one = replayed(files, tmp_path / "1", *words, "--jobs", "1")
    two = replayed(files, tmp_path / "2", *words, "--jobs", "2")
    assert two == one
    assert all(one[1])
    if not words:
        assert (one[0], one[2]["rejected"]) == (2, {"number_syntax": 1})


def test_of_too_many_symbols_one_process_judges(files: Path, tmp_path: Path) -> None:
    few = {"MAX_SYMBOLS": "3"}
    one = replayed(files, tmp_path / "1", "--jobs", "1", **few)
    two = replayed(files, tmp_path / "2", "--jobs", "2", **few)
    assert two[:3] == one[:3]
    assert any("more than 3 symbols (MAX_SYMBOLS)" in line for line in two[3])


def test_ctrl_c_ends_all_processes_and_leaves_no_file(files: Path, tmp_path: Path) -> None:
    output = tmp_path / "a.jsonl"
    words = ["replay", str(files), "--jobs", "2", "--output", str(output)]
    process = subprocess.Popen([sys.executable, "-m", "tape", *words], stderr=subprocess.DEVNULL)
    children: list[int] = []
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None and len(children) < 2:
        children = [int(word) for word in listed.read_text().split()]
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) in (130, 0)  # 0: it was done already
    assert not [pid for pid in children if _runs(pid)]
    assert process.returncode == 0 or not output.exists()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_bars_are_made_by_one_process_and_it_says_so(files: Path, tmp_path: Path) -> None:
    ended = tape("replay", files, "--bars", tmp_path / "bars.jsonl", "--jobs", "2", **SMALL)
    assert "one process, whatever --jobs says" in ended.stderr
    assert (tmp_path / "bars.jsonl").stat().st_size
