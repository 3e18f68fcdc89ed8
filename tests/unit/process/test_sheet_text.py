"""Symbols that a spreadsheet would take for formulas, through the commands that write tables."""

import csv
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tape.process.sheet_text import from_sheet_cell, sheet_cell
from tests.commands import tape

SYMBOLS = ("=1+1", "+cmd", "@SUM(A1)", "-2+3")
FORMULAS = tuple("=+-@\t\r")


@given(st.text(max_size=20).filter(lambda text: not text.startswith("'")))
def test_no_text_is_a_formula_and_each_can_be_had_back(text: str) -> None:
    assert not sheet_cell(text).startswith(FORMULAS)
    assert from_sheet_cell(sheet_cell(text)) == text


def test_no_table_for_spreadsheets_has_a_formula_and_json_has_the_names(tmp_path: Path) -> None:
    day, out = tmp_path / "day", tmp_path / "out"
    made = tape("synth", "--symbols", ",".join(SYMBOLS), "--trades", "8000", "--output", day)
    assert made.returncode == 0, made.stderr
    for suffix in ("csv", "jsonl"):
        done = tape("replay", day, "--output", out / f"a.{suffix}", "--json")
        assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in (out / "a.jsonl").read_text().splitlines()]
    assert {one["symbol"] for one in messages} == {*SYMBOLS}
    with (out / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [from_sheet_cell(row["anomaly_id"]) for row in rows] == [
        one["anomaly_id"] for one in messages
    ]
    (labels,) = day.glob("*.labels.csv")
    with labels.open(newline="") as file:
        labelled = list(csv.DictReader(file))
    texts = ("symbol", "anomaly_id", "episode_id", "reasons")
    for row in (*rows, *labelled):
        assert not any(row.get(name, "").startswith(FORMULAS) for name in texts), row
    (trades,) = day.glob("*.trades.csv.zst")
    found = tape("evaluate", trades, "--labels", labels, "--profiles", "classic", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["classic"]["events"] == len(labelled)
