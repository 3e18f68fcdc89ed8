"""The page about files of one's own: its examples are read as it says."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tape.archives import find_archives, read_archive
from tape.archives.columns_file import SECTIONS
from tape.archives.columns_reader import read_columns_file
from tape.archives.given import Given
from tape.model.fields import TIME_MAX_NS

PAGE = (Path(__file__).parents[3] / "docs" / "files.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(?:csv|json) (\S+)\n(.*?)```\n\n```toml\n(.*?)```", PAGE, re.DOTALL)
ALL_KEYS = re.search(r"All keys.*?```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("name", "rows", "columns"), EXAMPLES, ids=[one[0] for one in EXAMPLES])
def test_an_example_is_read_by_its_columns_file(
    tmp_path: Path, name: str, rows: str, columns: str
) -> None:
    (tmp_path / name).write_text(rows, encoding="utf-8")
    (tmp_path / "columns.toml").write_text(columns, encoding="utf-8")
    given = Given(read_columns_file(tmp_path / "columns.toml"))
    (archive,) = find_archives(tmp_path / name).archives
    batches = list(read_archive(replace(archive, given=given), latest_ns=TIME_MAX_NS))
    assert [row.rejected for batch in batches for row in batch.rejected] == []
    trades = [json.loads(value) for batch in batches for value in batch.values]
    assert [one["ts_event"] for one in trades] == [
        "2025-03-05T14:30:00.012345678Z",
        "2025-03-05T14:30:00.500000000Z",
    ]
    assert [(one["price"], one["size"], one["symbol"]) for one in trades] == [
        (80.01, 100, "ACME"),
        (80.0, 7, "ACME"),
    ]


def test_there_are_examples_of_all_that_are_named() -> None:
    assert len(EXAMPLES) == 6


def test_the_list_of_keys_is_whole_and_can_be_read(tmp_path: Path) -> None:
    assert ALL_KEYS is not None
    path = tmp_path / "columns.toml"
    path.write_text(ALL_KEYS[1], encoding="utf-8")
    read_columns_file(path)
    for table, keys in SECTIONS.items():
        assert f"[{table}]" in ALL_KEYS[1]
        if table not in ("columns", "defaults"):
            assert all(f"{key} = " in ALL_KEYS[1] for key in keys or ())
