"""Every command line of README and pages: it is one, and it is run."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from tape.cli import app
from tape.cli.lazy import LazyGroup
from tape.synthetic import make_day
from tape.synthetic.files import labels_path, write_day
from tests.apps import ROOT
from tests.commands import tape
from tests.documented import PAGES, Line, lines

LINES = list(lines())
HERE = {
    "README.md": ("replay", "inspect", "tune", "evaluate"),
    "docs/evaluation.md": ("evaluate",),
    "docs/settings.md": ("settings",),
    "docs/tutorial.md": ("synth", "inspect", "replay", "tune", "evaluate"),
    "examples/own_detector/README.md": ("replay", "evaluate"),
}
"""Commands that this module runs as they stand, by page: what needs nothing but files."""

ELSEWHERE = {
    "tape --version": ("tests/unit/api/test_version.py", '"--version"'),
    "tape --install-completion": (
        "tests/desk/test_documented_commands.py",
        '"tape --install-completion; true"',
    ),
    "tape alert test": ("tests/unit/alerting/test_alert_command.py", '"alert", "test"'),
    "tape alert mute": ("tests/pipeline/test_alert_mutes.py", '"mute"'),
    "tape alert mutes": ("tests/pipeline/test_alert_mutes.py", '"mutes"'),
    "tape alert unmute": ("tests/pipeline/test_alert_mutes.py", '"unmute"'),
    "tape alert withheld": ("tests/pipeline/test_alert_mutes.py", '"withheld"'),
    "tape alert preview": ("tests/desk/test_alert_commands.py", '"preview"'),
    "tape bars": ("tests/unit/desk/test_clean_tape_page.py", 'blocks("sh")'),
    "tape broker start": ("tests/pipeline/test_broker.py", 'broker("start"'),
    "tape broker stop": ("tests/pipeline/test_broker.py", 'broker("stop"'),
    "tape doctor": ("tests/desk/test_doctor.py", '"doctor"'),
    "tape features": ("tests/desk/test_features_command.py", '"features"'),
    "tape fetch": ("tests/desk/test_fetch_command.py", '"fetch"'),
    "tape history list": ("tests/desk/test_history.py", '"list"'),
    "tape history load": ("tests/desk/test_history.py", '"load"'),
    "tape history bars": ("tests/desk/test_history.py", '"bars"'),
    "tape history prune": ("tests/desk/test_history.py", '"prune"'),
    "tape inject": ("tests/desk/test_odd_days.py", '"inject"'),
    "tape learn": ("tests/desk/test_learn_command.py", '"learn"'),
    "tape models show": ("tests/desk/test_train_command.py", '"models", "show"'),
    "tape replay": ("tests/desk/test_learn_command.py", '"replay"'),
    "tape score": ("tests/unit/desk/test_clean_tape_page.py", 'blocks("sh")'),
    "tape sink check": ("tests/desk/test_stores_page.py", '"sink", "check"'),
    "tape sink grants": ("tests/desk/test_stores_page.py", '"sink", "grants"'),
    "tape synth": ("tests/desk/test_operators.py", '"synth"'),
    "tape topics check": ("tests/pipeline/test_topics.py", '"check"'),
    "tape topics create": ("tests/pipeline/test_topics.py", '"create"'),
    "tape train": ("tests/desk/test_train_command.py", '"train"'),
    "tape watch": ("tests/pipeline/test_watch.py", '"watch"'),
    "tape demo": ("tests/pipeline/test_demo.py", '"demo"'),
    "make demo": ("tests/pipeline/test_demo.py", '"demo"'),
    "make test": (".ci/run", "make test"),
    "python producer/main.py": ("tests/apps.py", '"producer"'),
    "python anomaly_detector/main.py": ("tests/apps.py", '"anomaly_detector"'),
    "python anomaly_sink/main.py": ("tests/pipeline/test_sink.py", '"anomaly_sink"'),
    "python examples/own_feed.py": ("tests/pipeline/test_own_programs.py", "examples/own_feed.py"),
    "python examples/own_reader.py": (
        "tests/pipeline/test_own_programs.py",
        "examples/own_reader.py",
    ),
    "python -m": ("tests/unit/desk/test_evaluation_page.py", "real_labels.main()"),
    "printf": ("tests/pipeline/test_own_programs.py", "input="),
}
"""Other lines of blocks: the test that runs the command, and what stands in it to show so."""

CANNOT = {
    "docker": "no engine where the tests run; the compose file is checked by test_stacks.py",
    "quix": "the vendor's command line; quix.yaml is checked by test_stacks.py",
    "pip": "fetches from a package index; what a wheel holds is tested by test_wheel.py",
    ".venv/bin/pip": "the same; it is what `make setup` does",
    "python3": "the same",
    ".venv/bin/tape": "what `make demo` does",
    "source": "changes the shell of who types it; part of the README's recording",
    "export": "changes the shell of who types it",
    "kafka-configs.sh": "the broker's own tool",
    "rpk": "another broker's own tool",
}


@pytest.fixture(scope="module")
def group() -> LazyGroup:
    found = typer.main.get_command(app)
    assert isinstance(found, LazyGroup)
    return found


def is_tape(line: Line) -> bool:
    return line.words[0] in ("tape", ".venv/bin/tape")


def resolved(group: LazyGroup, words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words name, and its arguments."""
    if not words or words[0].startswith("-"):
        return group, words
    assert words[0] in group.list_commands(click.Context(group)), words
    command, words = group.load(words[0]), words[1:]
    inner = getattr(command, "commands", {})
    if inner and words and not words[0].startswith("-"):
        assert words[0] in inner, words
        lazy = isinstance(command, LazyGroup)
        command, words = (command.load if lazy else inner.get)(words[0]), words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(page: Path, group: LazyGroup) -> None:
    for line in (one for one in LINES if one.page == page.relative_to(ROOT).as_posix()):
        if not is_tape(line):
            continue
        command, words = resolved(group, line.words[1:])
        options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        options |= {"--help", "--install-completion", "--show-completion"}
        for word in words:
            name = word.partition("=")[0].rstrip("…")
            assert not name.startswith("--") or name in options, line.text
        if line.in_block and not hasattr(command, "commands"):
            command.make_context("tape", words)


def kind(line: Line) -> str:
    """What is run: program and command, or program and file."""
    if line.words[0] in CANNOT:
        return line.words[0]
    words = [word for word in line.words if word == "-m" or not word.startswith("-")]
    if is_tape(line):
        two = line.words[1] in ("alert", "broker", "history", "models", "sink", "topics")
        return " ".join(line.words[: 3 if two else 2])
    return " ".join(words[:2]) if words[0] in ("make", "python") else words[0]


@pytest.mark.parametrize("line", [x for x in LINES if x.in_block], ids=lambda line: line.text)
def test_every_line_of_a_block_is_run_or_says_why_not(line: Line) -> None:
    if is_tape(line) and line.words[1] in HERE.get(line.page, ()):
        return
    if kind(line) in ELSEWHERE:
        file, shown = ELSEWHERE[kind(line)]
        assert shown in (ROOT / file).read_text()
    else:
        assert kind(line) in CANNOT, f"no test runs: {line.text}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of somebody who follows the pages, with small days in place of theirs."""
    folder = tmp_path_factory.mktemp("reader")
    write_day(make_day(trades=6_000), folder / "nasdaq")
    write_day(make_day(trades=6_000), folder / "out/demo/synthetic")
    for name, day in (("monday", 3), ("friday", 7), ("DAY", 10)):
        made = make_day(trades=6_000, day=date(2025, 3, day))
        write_day(made, folder, f"{name}").rename(folder / f"{name}.csv.zst")
        labels_path(folder / f"{name}.trades.csv.zst").rename(folder / f"{name}.csv")
    return folder


@pytest.mark.parametrize("page", HERE)
def test_what_needs_only_files_runs_as_it_stands(
    page: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(ROOT / "examples/own_detector"))
    ran = [one for one in LINES if one.page == page and is_tape(one) and len(one.words) > 2]
    for line in ran:
        words = [word.replace("100000", "6000") for word in line.words[1:]]
        words = [str(next(folder.glob(word))) if "*" in word else word for word in words]
        if words[0] in HERE[page]:
            done = tape(*words, **line.settings)
            assert done.returncode == 0, f"{line.text}: {done.stderr}"


def test_completion_is_installed_for_the_shell_that_asks(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    typed = ["bash", "-c", "tape --install-completion; true"]
    done = subprocess.run(typed, env=env, capture_output=True, text=True)
    assert "completion installed" in done.stdout
    assert "tape" in (tmp_path / ".bashrc").read_text()
