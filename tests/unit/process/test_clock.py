"""One module reads the clock and waits; all others ask it, so that a test can set the time."""

import ast
import time
from collections.abc import Iterator

import pytest

from tape.process.clock import CLOCK, WALL_CLOCK
from tests.apps import ROOT

HOME = ROOT / "tape/process/clock.py"
ASKED = {"time", "time_ns", "monotonic", "monotonic_ns", "sleep"}
"""What tells the time or waits; `perf_counter` only measures how long something took."""


def asks_itself(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "time"
            and node.attr in ASKED
        ):
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (node.lineno for alias in node.names if alias.name in ASKED)


def test_nothing_else_asks_the_time_or_waits() -> None:
    found = [
        f"{file}:{line} asks for the time itself: tape.process.clock does"
        for file in sorted((ROOT / "tape").rglob("*.py"))
        if file != HOME
        for line in asks_itself(ast.parse(file.read_text()))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("line", ["import time; time.sleep(1)", "from time import monotonic"])
def test_who_does_is_noticed(line: str) -> None:
    assert list(asks_itself(ast.parse(line)))


def test_the_clocks_are_the_machine_s() -> None:
    before_s, day_s = time.monotonic(), time.time()
    assert before_s <= CLOCK.now_s() <= time.monotonic()
    assert day_s <= WALL_CLOCK.now_s() <= time.time()
    before_s = time.monotonic()
    CLOCK.sleep(0.01)
    assert time.monotonic() - before_s >= 0.01
