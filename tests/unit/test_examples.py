"""The examples in docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import tape

ROOT = Path(tape.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_give_what_they_say(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    done = doctest.testmod(importlib.import_module(name), verbose=False)
    assert done.attempted > 0
    assert done.failed == 0
