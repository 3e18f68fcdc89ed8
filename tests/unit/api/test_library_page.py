"""What docs/library.md and the notebook say can be run as it stands."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tape.synthetic import make_day
from tape.synthetic.files import write_day
from tests.apps import ROOT

BLOCKS = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a day of trades, where the code runs."""
    monkeypatch.chdir(tmp_path)
    write_day(make_day(trades=6_000), tmp_path / "nasdaq")
    return tmp_path


def test_the_recipes_of_the_page_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    blocks = BLOCKS.findall((ROOT / "docs/library.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 7
    for block in blocks:
        exec(compile(block, "docs/library.md", "exec"), names)  # noqa: S102 - our own page
    assert len(names["flags"]) == len(names["found"]) > 0
    assert [one.trade.price_nanos for one in names["own"]] == [103 * 10**9]
    assert (folder / "worst.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "flags.parquet").is_file()
    assert names["tomorrow"].symbols == names["detector"].symbols == names["day"].symbols


def test_the_notebook_runs_and_holds_no_outputs(folder: Path) -> None:
    """Cell by cell in plain Python; the last line of each is shown, so it must be a value."""
    notebook = json.loads((ROOT / "examples/notebook.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}
    for cell in cells:
        assert cell["outputs"] == []
        code = "".join(cell["source"]).replace("trades=20_000", "trades=6_000")
        exec(compile(code, cell["id"], "exec"), names)  # noqa: S102 - our own notebook
    assert len(names["found"]) > 0
    assert (len(names["first"]), len(names["second"])) == (0, 1)
