"""No app's consumer waits for a fetch when it asks where a partition begins and ends."""

import ast

from tape.kafka.clients import PROMPT
from tests.apps import ROOT


def configs() -> dict[str, set[str]]:
    """What is unpacked into each consumer's configuration, by file."""
    found: dict[str, set[str]] = {}
    for file in sorted((ROOT / "tape").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "consumer_extra_config":
                assert isinstance(node.value, ast.Dict), file
                pairs = zip(node.value.keys, node.value.values, strict=True)
                found[file.stem] = {ast.unparse(value) for key, value in pairs if key is None}
    return found


def test_each_app_has_the_settings_that_answer_soon() -> None:
    assert PROMPT["fetch.wait.max.ms"] <= 50
    found = configs()
    assert found.keys() == {"detector_app", "reader_app"}
    assert all("PROMPT" in unpacked for unpacked in found.values()), found
