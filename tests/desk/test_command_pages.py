"""The pages about the commands are what the commands say of themselves."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tape.cli.completing import TABLE

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_are_current() -> None:
    spec = importlib.util.spec_from_file_location("commands", DOCS / "commands.py")
    assert spec is not None
    assert spec.loader is not None
    commands = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(commands)
    kept = {file.name: file.read_text() for file in (DOCS / "commands").glob("*.md")}
    assert kept == commands.pages(), "run: python docs/commands.py"
    assert TABLE.read_text() == commands.options(), "run: python docs/commands.py"


@pytest.mark.parametrize(
    ("words", "some"),
    [
        ("tape replay --", {"--output", "--format", "--json", "--from", "--help"}),
        ("tape evaluate --no-", {"--no-baselines"}),
        ("tape topics ", {"create", "show", "check", "alter"}),
        ("tape topics alter --", {"--yes", "--format"}),
        ("tape alert mute --", {"--until", "--why", "--all"}),
        ("tape replay --format ", {"table", "json", "jsonl", "csv"}),
    ],
)
def test_options_are_completed_without_what_the_command_imports(words: str, some: set[str]) -> None:
    asked = {
        "_TAPE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    run = "import sys; sys.argv = ['tape']; from tape.__main__ import script\ntry: script()\n"
    run += "finally: print('numpy' in sys.modules, 'rich.table' in sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", run], capture_output=True, text=True, env={**os.environ, **asked}
    )
    assert some <= set(done.stdout.split())
    assert done.stderr.startswith("False "), "half a second is spent on numpy and what needs it"
