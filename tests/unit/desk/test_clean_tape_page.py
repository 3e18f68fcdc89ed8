"""The commands and lines of docs/clean-tape.md run as a reader would type them."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import clean_tape
from tape.synthetic import inject, make_day, write_day
from tests.apps import ROOT
from tests.commands import tape

pytest.importorskip("pyarrow")

TEXT = (ROOT / "docs/clean-tape.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_commands_and_lines_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_day(inject(make_day(trades=8_000), seed=1, anomalies=21), tmp_path / "nasdaq")
    commands = "".join(blocks("sh")).splitlines()
    assert len(commands) == 3
    for line in commands:
        setting, name, *words = line.split()
        variable, _, value = setting.partition("=")
        assert name == "tape"
        ended = tape(*words, **{variable: value})
        assert ended.returncode == 0, ended.stderr
        assert (tmp_path / words[-1]).stat().st_size > 1_000
    for name in ("scores.parquet", "bars.parquet"):
        unnamed = [one for one in pd.read_parquet(name).columns if f"`{one}`" not in TEXT]
        assert not unnamed, f"the page says nothing of {unnamed}"
    lines = blocks("python")
    assert len(lines) == 3
    for block in lines:
        needs = re.findall(r"^import (\w+)", block, re.MULTILINE)
        if all(find_spec(package) for package in needs):
            exec(compile(block, "clean-tape.md", "exec"), {})  # noqa: S102


def test_the_figures_of_the_rule_are_those_of_its_last_run() -> None:
    kept = json.loads(clean_tape.KEPT.read_text())
    assert clean_tape.filled(TEXT, kept) == TEXT
    for name in clean_tape.TITLES:
        assert f"dropped on {clean_tape.TITLES[name]}" in TEXT
