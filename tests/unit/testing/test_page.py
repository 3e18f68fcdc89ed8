"""The examples of docs/testing.md run, one after the other, as a reader would type them."""

import re
from typing import Any

from tests.apps import ROOT

PAGE = ROOT / "docs/testing.md"


def test_the_examples_of_the_page_run() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"{PAGE.name}, example {number}", "exec"), names)  # noqa: S102
