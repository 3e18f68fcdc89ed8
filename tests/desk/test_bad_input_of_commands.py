"""Every command with what operators give it: a sentence or a clean end, nothing half-written.

Commands run in this process through `tape.cli`, but where the process itself is what is tested.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

from tape.cli import COMMANDS
from tape.kafka.local.broker import free_port
from tape.synthetic import make_day, write_day
from tests.apps import ROOT
from tests.commands import LOADED, Ended, every_command, on_terminal, plain, run, tape
from tests.databento_server import KEY, DataBento
from tests.dice import seeded_dice

NO_BROKER = {"Quix__Broker__Address": "127.0.0.1:1"}
QUICKLY = ("--profiles", "classic", "--draws", "0")
OTHER_VENDOR = b"date,open,close\n2025-05-05,1,2\n"

Words = list[str | Path]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_day(make_day(1, ["AAA"], 20_000), tmp_path_factory.mktemp("day"))


def half(day: Path) -> bytes:
    content = day.read_bytes()
    return content[: len(content) // 2]


def reading(path: Path, out: Path) -> dict[str, Words]:
    """Return, for each command that reads trades, its words for a path, writing below `out`."""
    return {
        "inspect": ["inspect", path, "--plot", out / "day.png"],
        "replay": ["replay", path, "-o", out / "a.parquet", "--episodes", out / "e.jsonl"],
        "inject": ["inject", path, "-o", out],
        "evaluate": ["evaluate", path, *QUICKLY, "--plot", out / "curve.png"],
        "tune": ["tune", path, "-o", out / "t.toml"],
        "score": ["score", path, "-o", out / "s.parquet"],
        "bars": ["bars", path, "--every", "1m", "-o", out / "b.parquet"],
        "features": ["features", path, "-o", out / "f.parquet"],
        "demo": ["demo", "--data", path, "-o", out],
    }


READERS = list(reading(Path(), Path()))


def told(ended: Ended) -> str:
    """Return the sentence that a command ended with."""
    last = ended.stderr.strip().splitlines()[-1]
    assert ended.stdout == ""
    assert last.startswith("error: "), ended.stderr
    return last


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


ELSEWHERE = {
    "test_alert_commands.py": {"alert preview", "alert rules", "alert test"},
    "test_history.py": {"history load", "history list", "history bars", "history prune"},
    "test_stores_page.py": {"sink check", "sink migrate", "sink grants"},
    "test_train_command.py": {"train", "models list", "models show", "models compare"},
}
"""Commands that need a database, or a file that another command makes: their bad input is there."""


def test_every_command_has_a_place_in_these_tests() -> None:
    here = {*READERS, *WITHOUT_A_BROKER, *PRINTING, *INTERRUPTED}
    for file, commands in ELSEWHERE.items():
        text = Path(__file__).with_name(file).read_text()
        assert all(word in text for command in commands for word in command.split()), file
        here |= commands
    assert {" ".join(words) for words in every_command()} == here - {"help", "a mistake"}


NOT_THERE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no file": (lambda f: f / "none.csv", "none.csv does not exist"),
    "an empty folder": (lambda f: f, "holds no trade file (no file at all)"),
    "a wrong file": (
        lambda f: made(f / "a.png", b"\x89PNG"),
        "a.png holds no trade file (1 × .png",
    ),
    "a folder of wrong files": (lambda f: made(f / "a.pdf", b"%PDF").parent, "1 × .pdf"),
    "a legacy file": (lambda f: made(f / "a.dbz", b"?"), "dbn-cli: dbn FILE.dbz"),
}


def made(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("case", NOT_THERE)
@pytest.mark.parametrize("command", READERS)
def test_where_no_trade_file_is_each_says_so(command: str, case: str, tmp_path: Path) -> None:
    given, out = tmp_path / "given", tmp_path / "out"
    given.mkdir()
    path, words = NOT_THERE[case][0](given), NOT_THERE[case][1]
    ended = tape(*reading(path, out)[command])
    assert ended.returncode == 2
    assert words in told(ended)
    assert files_below(out) == []


UNREADABLE: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    "empty": ("a.csv.zst", lambda _: b""),
    "binary": ("a.csv", lambda _: b"\0\xff" * 500),
    "of another vendor": ("a.csv", lambda _: OTHER_VENDOR),
    "a text": ("notes.txt", lambda _: b"hello"),
    "of another vendor, packed": ("a.csv.zst", lambda _: zstandard.compress(OTHER_VENDOR)),
    "a web page": ("a.csv.zst", lambda _: b"<!DOCTYPE html><title>404</title>"),
    "no frame": ("a.csv.zst", lambda _: b"(\xb5/\xfd" + b"x" * 300),
    "no DBN": ("a.dbn", lambda _: b"DBN\x03" + b"\xff" * 200),
    "half a header of DBN": ("a.dbn.zst", lambda _: zstandard.compress(b"DBN\x02\x40")),
    "no JSON": ("a.trades.json", lambda _: b"price 1\nprice 2\n"),
}


@pytest.mark.parametrize("case", UNREADABLE)
@pytest.mark.parametrize("command", [name for name in READERS if name != "demo"])
def test_a_file_of_which_no_trade_can_be_read_is_named(
    command: str, case: str, day: Path, tmp_path: Path
) -> None:
    """In `demo` the producer reads: tests/pipeline/test_demo.py."""
    name, content = UNREADABLE[case]
    (tmp_path / "given").mkdir()
    path, out = made(tmp_path / "given" / name, content(day)), tmp_path / "out"
    ended = tape(*reading(path, out)[command])
    assert ended.returncode == 2
    assert name in ended.stderr + ended.stdout
    assert not [left for left in files_below(out) if left.endswith(".part")]


@pytest.mark.parametrize("command", [name for name in READERS if name != "demo"])
def test_of_a_damaged_file_the_rest_is_used(command: str, day: Path, tmp_path: Path) -> None:
    path, out = made(tmp_path / day.name, half(day)), tmp_path / "out"
    ended = tape(*reading(path, out)[command])
    assert ended.returncode == 2
    assert day.name in ended.stderr + ended.stdout
    assert len(files_below(out)) >= 1
    assert not [left for left in files_below(out) if left.endswith(".part")]


@pytest.mark.parametrize("content", [b"", b"\0\xff" * 500, OTHER_VENDOR, None])
def test_a_wrong_label_file_is_named(content: bytes | None, day: Path, tmp_path: Path) -> None:
    labels = tmp_path / "wrong.csv"
    if content is not None:
        labels.write_bytes(content)
    ended = tape("evaluate", day, "--labels", labels)
    assert ended.returncode == 2
    assert "wrong.csv" in told(ended)


@pytest.mark.parametrize("content", [b"price 1\n", b"\0\xff" * 500, OTHER_VENDOR, None])
def test_a_wrong_file_of_fixed_messages_is_named_before_a_broker_is_asked(
    content: bytes | None, tmp_path: Path
) -> None:
    fixed = tmp_path / "fixed.jsonl"
    if content is not None:
        fixed.write_bytes(content)
    ended = tape("rejected", "retry", "--fixed", fixed, **NO_BROKER)
    assert ended.returncode == 2
    assert "fixed.jsonl" in told(ended)


LIMITED = """
import json, sys
from tests.commands import tape
for words in json.load(sys.stdin):
    ended = tape(*words)
    print(json.dumps([ended.returncode, ended.stdout, ended.stderr]))
"""


def limited(commands: list[Words]) -> list[Ended]:
    """Run commands, one after the other, in a process that must mind the rights of files."""
    words = [sys.executable, "-c", LIMITED]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may read every file, and there is no setpriv to take that away")
        words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *words]
    asked = json.dumps([[str(word) for word in command] for command in commands])
    done = subprocess.run(words, input=asked, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    return [Ended(*json.loads(line)) for line in done.stdout.splitlines()]


def test_a_file_and_a_place_without_the_right_to_it_are_named(day: Path, tmp_path: Path) -> None:
    secret, closed, out = tmp_path / "secret.csv.zst", tmp_path / "closed", tmp_path / "out"
    shutil.copy(day, secret)
    secret.chmod(0)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    shutil.copy(day, hidden / "b.csv.zst")
    hidden.chmod(0)
    closed.mkdir()
    closed.chmod(0o500)
    unreadable = [*reading(secret, out).values(), *reading(hidden, out).values()]
    unwritable: list[list[str | Path]] = [*reading(day, closed).values()]
    unwritable.append(["synth", "-o", closed, "--trades", "1000"])
    unwritable.append(["broker", "start", "--data", closed / "broker", "--port", str(free_port())])
    ended = limited([*unreadable, *unwritable])
    assert len(ended) == len(unreadable) + len(unwritable)
    for nth, one in enumerate(ended[: len(unreadable)]):
        assert (one.returncode, ("secret", "hidden")[nth // len(READERS)] in told(one)) == (
            2,
            True,
        ), one
    for one in ended[len(unreadable) :]:
        last = one.stderr.strip().splitlines()[-1]
        assert (one.returncode, last.startswith("error: "), "closed" in last) == (4, True, True), (
            one
        )
    hidden.chmod(0o700)
    assert sorted(os.listdir(tmp_path)) == ["closed", "hidden", "secret.csv.zst"]
    assert os.listdir(closed) == []


WITHOUT_A_BROKER = {
    "alert mute": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "alert mutes": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "alert unmute": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "alert withheld": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "case": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "doctor": (1, "no Kafka broker answered at 127.0.0.1:1"),
    "learn": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "page": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "producer forget": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "producer status": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "rejected list": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "rejected show": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "rejected retry": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "reviews export": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "reviews list": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "show": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "state list": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "state reset": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "state show": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "topics alter": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "topics check": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "topics create": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "topics show": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
    "watch": (4, "error: no Kafka broker answered at 127.0.0.1:1 within 10 s"),
}
"""Exit code, and what is said."""

MORE_WORDS = {
    "alert mute": ["NVDA", "--until", "2h", "--why", "split"],
    "alert unmute": ["m-1"],
    "case": ["NVDA-2-1-1", "-o", "case.html"],
    "learn": [str(Path(__file__).with_name("reviews.jsonl")), "-o", "ranking.json"],
    "producer forget": ["--all"],
    "reviews export": ["-o", "reviews.jsonl"],
    "show": ["NVDA-2-1-1"],
    "state reset": ["--all", "--yes"],
    "state show": ["NVDA"],
}


def test_without_a_broker_each_says_so_in_one_sentence() -> None:
    running = {
        name: started(*name.split(), *MORE_WORDS.get(name, []), **NO_BROKER)
        for name in WITHOUT_A_BROKER
    }
    for name, process in running.items():
        code, out, err = finished(process)
        assert (code, WITHOUT_A_BROKER[name][1] in out + err) == (
            WITHOUT_A_BROKER[name][0],
            True,
        ), (
            name,
            out,
            err,
        )


def started(*words: str | Path, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tape", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **env},
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return exit code, output and errors; there is never a traceback."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in out + err
    assert "Exception ignored" not in err
    return process.returncode, out, err


@pytest.fixture
def databento(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataBento]:
    with DataBento().running() as server:
        server.add_job("J-1", states=["done"])
        monkeypatch.setenv("DATABENTO_API_KEY", KEY)
        monkeypatch.setenv("DATABENTO_GATEWAY", server.url)
        yield server


def printing(day: Path, out: Path) -> dict[str, Words]:
    """Return words that have a command print, without a broker."""
    return {
        "inspect": ["inspect", day],
        "replay": ["replay", day],
        "inject": ["inject", day, "-o", out],
        "evaluate": ["evaluate", day, *QUICKLY],
        "tune": ["tune", day, "-o", out / "t.toml"],
        "synth": ["synth", "-o", out, "--trades", "1000"],
        "fetch": ["fetch", "--list"],
        "doctor": ["doctor"],
        "settings": ["settings"],
        "broker status": ["broker", "status", "--data", out],
        "broker stop": ["broker", "stop", "--data", out],
        "help": ["--help"],
        "a mistake": ["hlep"],
    }


PRINTING = list(printing(Path(), Path()))


@pytest.mark.parametrize("command", PRINTING)
def test_a_reader_that_goes_away_is_no_error(
    command: str, day: Path, tmp_path: Path, databento: DataBento
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(tmp_path / "err", "w+") as err:
        out = open(writer, "w")  # noqa: SIM115 - closed below, where it may be broken
        code = run(out, err, *printing(day, tmp_path / "out")[command], **NO_BROKER)
        with suppress(BrokenPipeError):
            out.close()
    said = (tmp_path / "err").read_text()
    assert code == (2 if command == "a mistake" else 1), said
    assert "Traceback" not in said
    assert "Broken" not in said
    assert not [left for left in files_below(tmp_path) if left.endswith(".part")]


@pytest.mark.parametrize("command", [name for name in PRINTING if name != "doctor"])
def test_output_onto_a_full_disk_is_told(
    command: str, day: Path, tmp_path: Path, databento: DataBento
) -> None:
    with open(tmp_path / "err", "w+") as err:
        out = open("/dev/full", "w")  # noqa: SIM115 - closed below, where it may be full
        code = run(out, err, *printing(day, tmp_path / "out")[command], **NO_BROKER)
        with suppress(OSError):
            out.close()
    said = (tmp_path / "err").read_text()
    assert code == (2 if command == "a mistake" else 4), said
    assert "Traceback" not in said
    assert command == "a mistake" or "error: No space left on device" in said


def test_a_process_whose_reader_goes_away_ends_without_a_word(day: Path) -> None:
    """Of the process, because Python itself says something when it ends."""
    running = [started(*words) for words in (["--help"], ["replay", day], ["inspect", day])]
    for process in running:
        assert process.stdout is not None
        process.stdout.close()
    for process in running:
        assert process.stderr is not None
        with process.stderr:
            assert "rror" not in process.stderr.read()
        assert process.wait(60) == 1


@pytest.mark.parametrize("command", [name for name in PRINTING if name != "a mistake"])
def test_forty_columns_of_a_dumb_terminal_are_enough(
    command: str, day: Path, tmp_path: Path, databento: DataBento
) -> None:
    words = printing(day, tmp_path / "out")[command]
    code, shown = on_terminal(*words, columns=40, TERM="dumb", **NO_BROKER)
    assert code == (1 if command == "doctor" else 0)
    assert "\x1b" not in shown
    tables = [line for line in plain(shown) if line and line[0] in "┏┃┡│└╭╰"]
    assert max(map(len, tables), default=0) <= 40


@pytest.fixture(scope="module")
def long_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_day(make_day(1, ["AAA", "BBB"], 500_000), tmp_path_factory.mktemp("long"))


def interrupted(day: Path, out: Path) -> dict[str, Words]:
    """Return words that give a command much to do, or have it wait."""
    return {
        **reading(day, out),
        "evaluate": ["evaluate", "--plot", out / "curve.png"],
        "synth": ["synth", "-o", out, "--trades", "3000000"],
        "bench": ["bench", "--json"],
        "broker start": ["broker", "start", "--data", out, "--port", str(free_port())],
        "doctor": ["doctor"],
        "rejected list": ["rejected", "list"],
        "topics show": ["topics", "show"],
        "watch": ["watch"],
    }


INTERRUPTED = list(interrupted(Path(), Path()))
SAYS_EACH_AT_ONCE = {"doctor"}
"""Commands whose output is findings, each said as soon as it is known."""


@pytest.mark.parametrize("command", INTERRUPTED)
def test_ctrl_c_ends_each_quietly_and_leaves_nothing_half_written(
    command: str, long_day: Path, tmp_path: Path
) -> None:
    """At a random moment of the work; `fetch` has tests of its own."""
    dice = seeded_dice()
    words = interrupted(long_day, tmp_path / "out")[command]
    for most_s in (0.5, 0.1, 0.0):  # sooner if the machine was so quick
        env = {**os.environ, **NO_BROKER, "TMPDIR": str(tmp_path)}
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                LOADED,
                COMMANDS[str(words[0])][0].split(":")[0],
                *map(str, words),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=env,
        )
        assert process.stderr is not None
        assert process.stderr.readline() == "loaded\n"
        delay_s = dice.uniform(0, most_s)
        time.sleep(delay_s)
        process.send_signal(signal.SIGINT)
        code, out, err = finished(process)
        if code != 0:
            break
    assert code == 130, (command, delay_s, err)
    assert out == "" or command in SAYS_EACH_AT_ONCE, (command, delay_s, out)
    left = [name for name in files_below(tmp_path) if name.endswith(".part")]
    assert left == []
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tape-")]
    assert processes_about(tmp_path) == []


def processes_about(folder: Path) -> list[bytes]:
    """Return the command lines that name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # ended meanwhile
            found.append(process.read_bytes().replace(b"\0", b" "))
    return [line for line in found if str(folder).encode() in line]


def test_ctrl_c_takes_away_what_is_being_written(long_day: Path, tmp_path: Path) -> None:
    process = started("replay", long_day, "-o", tmp_path / "a.parquet")
    deadline_s = time.monotonic() + 60
    while not list(tmp_path.glob(".a.parquet.*.part")):
        assert process.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, _, err = finished(process)
    assert (code, files_below(tmp_path)) == (130, []), err
