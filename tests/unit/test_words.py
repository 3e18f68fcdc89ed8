"""Plain words in messages, help and documentation: a short list of those that are not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tape

ROOT = Path(tape.__file__).parents[1]

INSTEAD = {
    r"mend(s|ed|ing)?": "fix",
    r"anew|afresh": "again",
    r"so (many|much)": "N, or this many",
    r"passe[sd] over": "skipped",
    r"left out": "skipped, or held out",
    r"made[- ]up": "synthetic",
    r"heed(s|ed)?": "use",
    r"go(es|ing)? on": "continue, or resume",
    r"surprise": "rarity, or contribution",
    r"how many-th": "every Nth",
    r"for want of": "without",
    r"to the byte": "byte for byte",
    r"shall": "must, or are to",
    r"(an?|one) (batch|call|entry|file|line|message|page|panel|record|row|table) an? [a-z]+": (
        "one … per …"
    ),
}
"""Words that a reader stumbles over, and what to say in their place."""
APPS = ("producer", "anomaly_detector", "anomaly_sink")
MESSAGES_TOO = {r"told": "reported, or known", r"heard": "used, or observed"}
"""Of these the documentation has good uses: "told apart"."""


def found(text: str, words: dict[str, str]) -> Iterator[str]:
    for pattern, better in words.items():
        for match in re.finditer(rf"\b(?:{pattern})\b", text, re.IGNORECASE):
            yield f"{match[0]!r}: say {better}"


def pages() -> list[Path]:
    return sorted((ROOT / "docs").rglob("*.md"))


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module that a person may see: all but docstrings and patterns."""
    silent: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent.add(id(node.value))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
            silent.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [(node.lineno, node.value)] * (id(node) not in silent)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_documentation_uses_plain_words(page: Path) -> None:
    """The pages of the commands are their help, word for word."""
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        wrong = list(found(line, INSTEAD))
        assert not wrong, f"{page.name}:{number}: {wrong[0]}"


def test_messages_use_plain_words() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{number}: {one}"
        for file in sorted((ROOT / "tape").rglob("*.py"))
        for number, text in strings(ast.parse(file.read_text()))
        if " " in text
        for one in found(text, INSTEAD | MESSAGES_TOO)
    ]
    assert not wrong, "\n".join(wrong)


def test_docstrings_use_plain_words() -> None:
    """Those of tests and benchmarks too, which a contributor reads."""
    texts = {
        file: file.read_text()
        for folder in ("tape", "tests", "benchmarks", "examples", *APPS)
        for file in sorted((ROOT / folder).rglob("*.py"))
    }
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {one}"
        for file, text in texts.items()
        if any(found(text, INSTEAD))  # to parse them all would take longer
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for one in found(str(node.value.value), INSTEAD)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_plain_word_is_let_through_and_another_is_not() -> None:
    assert not list(found("one row per symbol; skipped 3 files; recommended", INSTEAD))
    for wrong in ("to be mended", "a row a symbol", "a line an anomaly", "after so many"):
        assert len(list(found(wrong, INSTEAD))) == 1, wrong
    tree = ast.parse('"""afresh"""\nraise StateError(f"{a} starts afresh")')
    assert [text for _, text in strings(tree)] == [" starts afresh"]


@pytest.mark.parametrize(
    "name",
    [
        ".env.example",
        "producer/app.yaml",
        "anomaly_detector/app.yaml",
        "anomaly_sink/app.yaml",
        "alerter/app.yaml",
        "dashboard/app.yaml",
        "quix.yaml",
    ],
)
def test_descriptions_of_settings_use_plain_words(name: str) -> None:
    assert not list(found((ROOT / name).read_text(), INSTEAD))
