"""The pages about the commands are what the commands say of themselves."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_are_current() -> None:
    spec = importlib.util.spec_from_file_location("commands", DOCS / "commands.py")
    assert spec is not None
    assert spec.loader is not None
    commands = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(commands)
    kept = {file.name: file.read_text() for file in (DOCS / "commands").glob("*.md")}
    assert kept == commands.pages(), "run: python docs/commands.py"
