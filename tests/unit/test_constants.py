"""A number with a name says where it comes from: a source, a reason, or a unit."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = sorted((ROOT / "tape").rglob("*.py"))

UNIT = re.compile(r"_(S|MS|US|NS|BYTES|BPS|USD|SHARES|TRADES|DAYS|HOUR|PER_10K)$")
"""Ends of names that say the unit."""

NUMERIC_CALLS = {"float", "int", "time", "date", "timedelta", "frozenset", "comb"}


def unexplained(source: str) -> Iterator[str]:
    """Yield the names of a module's numbers that neither name a unit nor are explained.

    A docstring below or a comment above explains all constants that follow each other without an
    empty line or a docstring between them; a comment beside explains its own.
    """
    lines = source.splitlines()
    for group, text_below in _groups(ast.parse(source).body):
        first = group[0].lineno - 1
        if text_below or (first and lines[first - 1].startswith("#")):
            continue
        for one in group:
            if "#" not in lines[(one.end_lineno or 0) - 1]:
                yield from (name for name in _numbers(one) if not UNIT.search(name))


def _groups(body: Sequence[ast.stmt]) -> Iterator[tuple[list[ast.stmt], bool]]:
    """Yield assignments that follow each other, and whether a text stands below them."""
    group: list[ast.stmt] = []
    for one in body:
        together = bool(group) and one.lineno == (group[-1].end_lineno or 0) + 1
        if group and not (together and isinstance(one, ast.Assign | ast.AnnAssign)):
            yield group, together and _is_text(one)
            group = []
        if isinstance(one, ast.Assign | ast.AnnAssign):
            group.append(one)
    if group:
        yield group, False


def _is_text(one: ast.stmt) -> bool:
    return (
        isinstance(one, ast.Expr)
        and isinstance(one.value, ast.Constant)
        and isinstance(one.value.value, str)
    )


def _numbers(one: ast.stmt) -> list[str]:
    """Return the names that an assignment gives to numbers."""
    if not isinstance(one, ast.Assign | ast.AnnAssign) or one.value is None:
        return []
    if not _is_number(one.value):
        return []
    targets = [one.target] if isinstance(one, ast.AnnAssign) else one.targets
    names = (name for target in targets for name in ast.walk(target))
    return [name.id for name in names if isinstance(name, ast.Name)]


def _is_number(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return type(value.value) in (int, float)
    if isinstance(value, ast.UnaryOp):
        return _is_number(value.operand)
    if isinstance(value, ast.BinOp):
        return _is_number(value.left) or _is_number(value.right)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in NUMERIC_CALLS and any(_is_number(one) for one in value.args)
    return False


@pytest.mark.parametrize("path", PACKAGE, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_number_with_a_name_has_a_unit_or_an_explanation(path: Path) -> None:
    names = list(unexplained(path.read_text()))
    assert not names, f"say below {', '.join(names)} what it bounds, and why at this number"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("X = 3\n", ["X"]),
        ("X: Final = 1 << 16\n", ["X"]),
        ("X = 2 * NANOS\nY = 1\n", ["X", "Y"]),
        ("X = 3\n\nY = 4\n'''Of the second alone.'''\n", ["X"]),
        ("X = 3\n'''Of the first alone.'''\nY = 4\n", ["Y"]),
        ("X = 3\nY = 4  # of the second alone\n", ["X"]),
        ("WAIT_S = 3\n", []),
        ("X = 3\n'''Why.'''\n", []),
        ("X = 3\nY = 4\n'''Why.'''\n", []),
        ("import a\n# why\nX = 3\n", []),
        ("import a\nX = 3  # why\n", []),
        ("X = frozenset({'a'})\nY = 'a'\n", []),
    ],
)
def test_a_number_without_reason_is_found(source: str, names: list[str]) -> None:
    assert list(unexplained(source)) == names
