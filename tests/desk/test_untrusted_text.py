"""Names from outside cannot steer a terminal, whatever command prints them."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tape.synthetic import make_day, write_day

NASTY = {
    "reset and title": "b\x1bcRESET\x1b]0;pwned\x07",
    "C1 control": "b\x9b31mred",
    "line ends": "b\r\noverwritten",
    "right to left": "b\u202egpj",
    "not UTF-8": "b\udcff\udc9b",
}
STEERING = [b"\x1bc", b"\x1b]0", b"\x07", b"\xc2\x9b", b"\r\nover", "\u202e".encode(), b"\xff"]


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A good day and three damaged or foreign files under a name that steers terminals."""
    name = request.param
    place = tmp_path / "days"
    good = write_day(make_day(trades=3_000, symbols=["ACME"]), place, "good")
    (place / f"{name}.trades.csv.zst").write_bytes(good.read_bytes()[:-40])
    (place / f"{name}.csv").write_text("day,weather\n1,rain\n")
    (place / f"{name}.xlsx").write_bytes(b"PK")
    return place


def on_a_terminal(*words: str | Path) -> bytes:
    """Return what a command writes to a terminal, both streams."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}
    with subprocess.Popen(
        [sys.executable, "-m", "tape", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=env,
    ) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                data = os.read(ours, 65_536)
            except OSError:  # the terminal ends with the last writer
                break
            if not data:
                break
            seen += data
        process.wait(60)
    os.close(ours)
    return seen


@pytest.mark.parametrize("folder", NASTY.values(), ids=NASTY.keys(), indirect=True)
def test_no_command_prints_a_name_that_steers_the_terminal(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for words in (
        ["replay", folder],
        ["inspect", folder],
        ["tune", folder, "--output", out / "t.toml"],
        ["inject", folder, "--output", out / "injected"],
    ):
        seen = on_a_terminal(*words)
        assert b"b" in seen
        assert not [one for one in STEERING if one in seen], (words[0], seen[-2_000:])


@pytest.mark.parametrize("folder", NASTY.values(), ids=NASTY.keys(), indirect=True)
def test_json_of_such_names_is_json_and_steers_nothing(folder: Path) -> None:
    for command in ("replay", "inspect"):
        done = subprocess.run(
            [sys.executable, "-m", "tape", command, str(folder), "--json"], capture_output=True
        )
        assert done.returncode == 2
        assert json.loads(done.stdout)
        assert not [one for one in STEERING if one in done.stdout + done.stderr], command
