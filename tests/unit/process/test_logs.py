"""The logs: what docs/operations.md promises is logged, and no more often than it says."""

import ast
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tape.model.rejected import Rejected
from tape.process.logs import RejectedLog
from tape.testing import SettableClock
from tests.apps import ROOT

LEVELS = {"info": "INFO", "warning": "WARNING", "error": "ERROR"}


def logged(file: Path) -> Iterator[tuple[str, str]]:
    """Event and level of each call of a module's own logger."""
    for node in ast.walk(ast.parse(file.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "log"
            and node.func.attr in {*LEVELS, "debug", "exception", "critical"}
        ):
            event = node.args[0]
            assert isinstance(event, ast.Constant), f"{file}:{node.lineno}: no constant event"
            assert isinstance(event.value, str)
            yield event.value.removesuffix(": %s"), LEVELS[node.func.attr]


def documented() -> set[tuple[str, str]]:
    text = (ROOT / "docs/operations.md").read_text()
    table = text.partition("## Log events")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \| (\w+) \|", table, re.MULTILINE)
    return {(event, level) for names, level in rows for event in re.findall(r"`([^`]+)`", names)}


def test_the_documented_events_are_those_that_are_logged() -> None:
    found = {one for file in sorted((ROOT / "tape").rglob("*.py")) for one in logged(file)}
    of_the_library = {one for one in documented() if one[0].startswith("Application ")}
    assert documented() - of_the_library == found


def test_a_flood_of_rejected_records_is_one_line_a_second_per_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = SettableClock()
    log = RejectedLog(clock)
    with caplog.at_level(logging.WARNING, logger="tape.process.logs"):
        for n in range(500):
            log.note(Rejected("time_range", "no such time"), f"stocks[0]@{n}")
            log.note(Rejected("encoding", "no UTF-8"), f"stocks[0]@{n}")
        clock.advance(1.0)
        log.note(Rejected("encoding", "no UTF-8"), "b\x1bc.csv:7")
    lines = [(r.getMessage(), r.reason, r.source, r.held_back) for r in caplog.records]  # type: ignore[attr-defined]
    assert lines == [
        ("rejected", "time_range", "stocks[0]@0", 0),
        ("rejected", "encoding", "stocks[0]@0", 0),
        ("rejected", "encoding", "b\\x1bc.csv:7", 499),
    ]
    assert all(record.levelno == logging.WARNING for record in caplog.records)
