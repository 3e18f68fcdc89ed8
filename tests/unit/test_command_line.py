"""All commands alike: bad input, broken pipes, Ctrl-C, narrow and dumb terminals, no broker."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tape.cli import app
from tape.run import run_main
from tape.synthetic import make_day, write_day
from tests.apps import ROOT

COMMANDS = [
    ["bench"],
    ["broker", "start"],
    ["broker", "stop"],
    ["broker", "status"],
    ["demo"],
    ["doctor"],
    ["evaluate"],
    ["fetch"],
    ["inject"],
    ["inspect"],
    ["rejected", "list"],
    ["rejected", "show"],
    ["rejected", "retry"],
    ["replay"],
    ["synth"],
    ["topics", "create"],
    ["topics", "show"],
    ["topics", "check"],
    ["tune"],
    ["watch"],
]
NEED_A_BROKER = [command for command in COMMANDS if command[0] in ("rejected", "topics", "watch")]


def start(*words: str | Path, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tape", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **env},
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return exit code, output and errors; there is never a traceback."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in out + err
    return process.returncode, out, err


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_day(make_day(1, ["AAA"], 20_000), tmp_path_factory.mktemp("day"))


def test_the_list_holds_every_command() -> None:
    known = []
    for single in app.registered_commands:
        assert single.callback is not None
        known.append([single.name or single.callback.__name__])
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            assert command.callback is not None
            known.append([str(group.name), command.name or command.callback.__name__])
    assert sorted(known) == sorted(COMMANDS)


def test_help_fits_forty_columns_and_a_dumb_terminal() -> None:
    for command in COMMANDS:
        env = {"COLUMNS": "40", "TERM": "dumb"}
        done = CliRunner().invoke(app, [*command, "--help"], env=env)
        assert done.exit_code == 0, command
        assert max(map(len, done.stdout.splitlines())) <= 40, command
        assert "\x1b" not in done.stdout, command


def test_without_a_broker_each_says_so_in_one_sentence() -> None:
    env = {"Quix__Broker__Address": "127.0.0.1:1"}
    running = [(command, start(*command, **env)) for command in NEED_A_BROKER]
    for command, process in running:
        code, _, err = ended(process)
        last = err.strip().splitlines()[-1]
        assert code == 4, command
        assert last.startswith("error: no Kafka broker answered at 127.0.0.1:1"), command


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\xff" * 500, b"date,open,close\n2025-05-05,1,2\n", b"(\xb5/\xfd" + b"x" * 300],
    ids=["empty", "binary", "other vendor", "damaged"],
)
@pytest.mark.parametrize("name", ["a.csv", "a.csv.zst"])
def test_a_file_that_cannot_be_read_ends_replay_with_its_name(
    name: str, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    code, _, err = ended(start("replay", tmp_path))
    assert code == 2
    assert name in err


def test_a_file_of_another_kind_and_no_file_at_all(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for path, words in ((tmp_path, "1 × .txt"), (tmp_path / "none", "does not exist")):
        code, _, err = ended(start("replay", path))
        assert (code, words in err) == (2, True), err
    assert ended(start("replay"))[0] == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_the_right_to_read_is_named(day: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv.zst"
    secret.write_bytes(day.read_bytes())
    secret.chmod(0)
    code, _, err = ended(start("replay", secret))
    assert (code, "secret.csv.zst" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from", "tomorrow"], "--from: 'tomorrow' is no time"),
        (["--from", "2025-03-04", "--to", "2025-03-03"], "is not before"),
        (["--symbols", "nvda"], "--symbols: 'nvda' is not a symbol"),
        (["--output", "x.xlsx"], "must end in .jsonl, .csv, .parquet"),
        (["--plot", "x.doc"], "must end in .png"),
    ],
)
def test_a_wrong_option_is_told_before_any_work(words: list[str], told: str, day: Path) -> None:
    code, out, err = ended(start("replay", day, *words))
    assert (code, out, told in err) == (4, "", True), err


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_ctrl_c_ends_replay_quietly_and_leaves_no_file(suffix: str, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    write_day(make_day(1, ["AAA"], 500_000), data)
    process = start("replay", data, "--output", out / f"a.{suffix}")
    part = out / f"a.{suffix}.part"
    deadline_s = time.monotonic() + 30
    while not part.exists():  # the work has begun
        assert process.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130, err
    assert list(out.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at open files in /proc")
def test_ctrl_c_ends_inspect_quietly(tmp_path: Path) -> None:
    path = write_day(make_day(1, ["AAA"], 500_000), tmp_path / "data")
    process = start("inspect", path, "--plot", tmp_path / "day.png")
    deadline_s = time.monotonic() + 30
    while str(path) not in open_files(process.pid):  # the work has begun
        assert process.poll() is None
        assert time.monotonic() < deadline_s
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, out) == (130, ""), err
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]


def open_files(pid: int) -> list[str]:
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.append(os.readlink(link))
    return found


@pytest.mark.parametrize("command", ["replay", "inspect"])
def test_a_reader_that_goes_away_is_no_error(command: str, day: Path) -> None:
    process = start(command, day)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        err = process.stderr.read()
    process.wait(60)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


@pytest.mark.parametrize(
    ("words", "env", "colour"),
    [
        ([], {}, True),
        (["--no-color"], {}, False),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"TERM": "dumb"}, False),
    ],
)
def test_a_terminal_gets_a_table_whose_colours_can_be_turned_off(
    words: list[str], env: dict[str, str], colour: bool, day: Path
) -> None:
    shown = on_terminal(*words, "replay", str(day), **env)
    assert "The most telling anomalies" in shown
    assert ("\x1b[1;36m" in shown) is colour


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_inspect_fits_any_terminal(columns: int, day: Path) -> None:
    shown = on_terminal("--no-color", "inspect", str(day), COLUMNS=str(columns))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    tables = [line for line in plain.splitlines() if line and line[0] in "┏┃┡│└"]
    assert "Auctions" in plain
    assert len(tables) > 10
    assert max(map(len, tables)) <= columns
    assert "Traceback" not in shown


def on_terminal(*words: str, **env: str) -> str:
    """Return what a terminal of 80 columns would get."""
    ours, theirs = pty.openpty()
    base = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tape", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env={**base, "TERM": "xterm", "COLUMNS": "80", **env},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        shown += block
    os.close(ours)
    assert process.wait(60) == 0
    return shown.decode()


def test_ctrl_c_in_the_middle_of_a_call_of_the_client_is_no_error() -> None:
    def interrupted() -> int:
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    def broken() -> int:
        raise SystemError("something else")

    assert run_main(interrupted) == 130
    with pytest.raises(SystemError, match="something else"):
        run_main(broken)
