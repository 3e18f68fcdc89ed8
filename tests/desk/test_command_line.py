"""The command line as a whole: its list, its start, Ctrl-C at any moment, what a terminal gets."""

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tape.cli import COMMANDS, app
from tape.cli.lazy import LazyGroup
from tape.process.exit import run_main
from tape.synthetic import make_day, write_day
from tests.apps import ROOT
from tests.commands import LOADED, every_command, on_terminal, plain, tape
from tests.dice import seeded_dice

HEAVY = ("numpy", "numba", "pandas", "confluent_kafka", "quixstreams")
NO_BROKER = {"Quix__Broker__Address": "127.0.0.1:1"}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_day(make_day(1, ["AAA"], 20_000), tmp_path_factory.mktemp("day"))


def test_a_made_up_day_is_an_ordinary_one_when_no_anomalies_are_asked_for(tmp_path: Path) -> None:
    done = tape("synth", "-o", str(tmp_path), "--trades", "20000", "--anomalies", "0")
    assert "20,000 trades, 0 labelled anomalies" in done.stdout
    (labels,) = tmp_path.glob("*.labels.csv")
    assert len(labels.read_text().splitlines()) == 1  # the header


def test_help_lists_every_command_with_its_own_words() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, LazyGroup)
    shown = " ".join(re.sub("[│─╭╮╰╯]", " ", tape("--help", COLUMNS="200").stdout).split())
    for name, (_, text) in COMMANDS.items():
        assert (group.load(name).help or "").split("\n\n")[0].replace("\n", " ") == text
        assert f" {name} {text}" in shown


def test_help_fits_forty_columns_and_a_dumb_terminal() -> None:
    for command in every_command():
        env = {"COLUMNS": "40", "TERM": "dumb"}
        done = CliRunner().invoke(app, [*command, "--help"], env=env)
        assert done.exit_code == 0, command
        assert max(map(len, done.stdout.splitlines())) <= 40, command
        assert "\x1b" not in done.stdout, command


@pytest.mark.parametrize(("word", "code", "told"), [("--help", 0, "replay"), ("hlep", 2, "hlep")])
def test_help_and_a_typo_import_nothing_heavy(word: str, code: int, told: str) -> None:
    run = (
        "import sys\nfrom tape.__main__ import script\n"
        f"sys.argv = ['tape', '{word}']\n"
        "try:\n    script()\nfinally:\n    print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, timeout=60)
    assert (done.returncode, told in done.stdout + done.stderr) == (code, True)
    assert "tape.cli.lazy" in done.stdout.split()
    assert not set(done.stdout.split()) & set(HEAVY)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("tape re", "replay reviews rejected"),
        ("tape topics ch", "check"),
        ("tape replay --sy", "--symbols"),
    ],
)
def test_a_shell_completes_names_and_options(words: str, offered: str) -> None:
    typed = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = tape(_TAPE_COMPLETE="complete_bash", **typed)
    assert done.stdout.split() == offered.split()


def test_ctrl_c_ends_the_start_and_what_comes_after_without_a_word() -> None:
    """Sent behind an import that is told on standard error: none, some or all of them done."""
    for after in (1, *seeded_dice().sample(range(2, 700), 4)):
        process = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "tape", "topics", "show"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **NO_BROKER},
        )
        assert process.stderr is not None
        for line in process.stderr:
            if line.endswith("tape.process.interrupts\n"):
                break
        for _ in range(after):
            assert process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        said = [line for line in err.splitlines() if not line.startswith("import time:")]
        assert (process.returncode, out, said) == (130, "", []), after


@pytest.mark.parametrize("app_name", ["producer", "anomaly_detector"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_an_app_that_starts_without_a_word(
    number: signal.Signals, code: int, app_name: str, day: Path
) -> None:
    """Sent behind an import, as above, and while no broker answers."""
    dice = seeded_dice()
    for after in (1, *dice.sample(range(2, 1_500), 3)):
        process = subprocess.Popen(
            [sys.executable, "-X", "importtime", str(ROOT / app_name / "main.py")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=day.parent,
            env={**os.environ, **NO_BROKER, "DATA_DIR": str(day.parent), "LOG_FORMAT": "json"},
        )
        assert process.stderr is not None
        for line in process.stderr:
            if line.endswith("tape.process.interrupts\n"):
                break
        for _ in range(after):
            if '"waiting for the broker"' in process.stderr.readline():
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        said = [x for x in err.splitlines() if not x.startswith(("import time:", "{"))]
        assert (process.returncode, out, said) == (code, "", []), after


def test_ctrl_c_in_a_callback_of_the_kafka_client_comes_when_it_is_over() -> None:
    """Raised in there it would come out as a `SystemError` somewhere else, or not at all."""
    run = (
        "import os, signal, sys, time\n"
        "from confluent_kafka import Consumer\n"
        "from tape.process.interrupts import called_by_the_client, clean_up_first, end_at_once\n"
        "from tape.process.exit import run_main\n"
        "times = 0\n"
        "@called_by_the_client\n"
        "def told(error):\n"
        "    global times\n"
        "    times += 1\n"
        "    if times == 1:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(0.05)\n"
        "        print('callback over', flush=True)\n"
        "def work():\n"
        "    settings = {'bootstrap.servers': '127.0.0.1:1', 'group.id': 'g', 'log_level': 0}\n"
        "    consumer = Consumer({**settings, 'error_cb': told})\n"
        "    while not times:\n"
        "        consumer.poll(0.1)\n"
        "    time.sleep(30)\n"
        "    return 0\n"
        "end_at_once(), clean_up_first()\n"
        "sys.exit(run_main(work))\n"
    )
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "callback over\n", "")


@pytest.mark.parametrize("words", [("doctor", "--json"), ("topics", "show"), ("state", "list")])
def test_ctrl_c_at_any_moment_of_a_command_that_asks_the_broker_is_quiet(
    words: tuple[str, ...],
) -> None:
    """The client calls back all the time while no broker answers."""
    dice = seeded_dice()
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", LOADED, f"tape.cli.{words[0]}", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **NO_BROKER},
        )
        assert process.stderr is not None
        assert process.stderr.readline() == "loaded\n"
        moment_s = dice.uniform(0, 2)
        time.sleep(moment_s)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (130, "", ""), moment_s


def test_what_comes_of_ctrl_c_in_compiled_code_is_taken_for_it() -> None:
    """At any remove, as cause or as context; any other `SystemError` is a fault and is shown."""

    def wrapped(depth: int, *, by_cause: bool) -> int:
        try:
            if depth:
                wrapped(depth - 1, by_cause=by_cause)
            raise KeyboardInterrupt
        except (SystemError, KeyboardInterrupt) as error:
            raise SystemError("returned a result with an exception set") from (
                error if by_cause else None
            )

    for depth in (0, 1, 3):
        for by_cause in (True, False):
            assert run_main(partial(wrapped, depth, by_cause=by_cause)) == 130
    with pytest.raises(SystemError):
        run_main(lambda: (_ for _ in ()).throw(SystemError("of another kind")))


def test_ctrl_c_in_a_callback_from_compiled_code_is_not_lost() -> None:
    """LLVM calls back while it loads kernels; what is raised there, ctypes prints and drops."""
    run = (
        "import ctypes, os, signal, sys, time\n"
        "from tape.process.interrupts import clean_up_first, end_at_once\n"
        "from tape.process.exit import run_main\n"
        "@ctypes.CFUNCTYPE(None)\n"
        "def callback():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(0.01)\n"
        "def work():\n"
        "    callback()\n"
        "    print('went on', flush=True)\n"
        "    time.sleep(30)\n"
        "    return 0\n"
        "end_at_once(), clean_up_first()\n"
        "sys.exit(run_main(work))\n"
    )
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "went on\n", "")


def test_ctrl_c_is_ignored_where_it_was_ignored_before(day: Path) -> None:
    """A shell starts `tape … &` so: Ctrl-C is for what runs in the foreground."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "tape", "replay", str(day), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.endswith(("typer\n", "tape.cli.replay\n")):
            process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, '"trades":20000' in out) == (0, True)


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
    code, shown = on_terminal(*words, "replay", day, **env)
    assert code == 0
    assert "The most telling anomalies" in shown
    assert ("\x1b[1;36m" in shown) is colour


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_inspect_fits_any_terminal(columns: int, day: Path) -> None:
    code, shown = on_terminal("--no-color", "inspect", day, columns=columns)
    tables = [line for line in plain(shown) if line and line[0] in "┏┃┡│└"]
    assert code == 0
    assert "Auctions" in shown
    assert len(tables) > 10
    assert max(map(len, tables)) <= columns


def test_ctrl_c_in_the_middle_of_a_call_of_the_client_is_no_error() -> None:
    def interrupted() -> int:
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    def broken() -> int:
        raise SystemError("something else")

    assert run_main(interrupted) == 130
    with pytest.raises(SystemError, match="something else"):
        run_main(broken)
