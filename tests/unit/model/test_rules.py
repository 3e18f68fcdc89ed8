"""The table of rules is the only one, and everything that lists rules has all of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tape
from tape.cli import watch
from tape.judging.episode_kernel import BY_RULE, CLOSED, COLUMNS, FLAGS
from tape.judging.episode_message import as_episode_message
from tape.judging.worst import UNKNOWN
from tape.model import rules
from tape.model.anomaly import DetectorIdentity
from tape.model.rules import MOST_RULES, RULES, Rule, fired, rule_named
from tape.view.alert import Seen, seen
from tape.view.board import Board
from tape.view.filters import parse_rule
from tape.view.terminal.rows import row, rules_lines
from tests.flagged import flagged

ROOT = Path(tape.__file__).parent
TABLE = ROOT / "model/rules.py"
every = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.word)


def test_no_two_rules_share_what_tells_them_apart() -> None:
    for name in ("name", "bit", "letter", "word", "colour", "help"):
        found = [getattr(rule, name) for rule in RULES]
        assert len(set(found)) == len(found), name


def test_the_names_and_bits_on_the_wire_never_change() -> None:
    assert [(rule.name, rule.bit) for rule in RULES] == [
        ("High Volume", 1),
        ("Rapid Price Change", 2),
        ("Isolation Forest", 4),
        ("Calibrated", 8),
        ("Supervised Model", 128),
    ]
    assert max(rule.bit for rule in RULES) < 2**MOST_RULES


@every
def test_each_rule_says_what_it_is(rule: Rule) -> None:
    assert rule.help
    assert rule.unit
    assert rule.families
    assert len(rule.letter) == 1
    assert rule_named(rule.name) is rule
    assert list(fired(rule.bit)) == [rule]


@every
def test_an_episode_counts_each_rule(rule: Rule) -> None:
    told = [0] * COLUMNS
    told[FLAGS] = told[BY_RULE + [1, 2, 4, 8, 16, 32, 64, 128].index(rule.bit)] = 3
    value = as_episode_message("id", "NVDA", CLOSED, told, UNKNOWN, DetectorIdentity("1", "a"))
    assert f'"rules":{{"{rule.name}":3}}'.encode() in value


@every
def test_a_view_shows_and_filters_each_rule(rule: Rule) -> None:
    one = seen(flagged([rule.name], ["Why."]))
    assert isinstance(one, Seen)
    board = Board()
    board.add([one])
    assert rules_lines(board, 80).plain == f"{rule.letter} {rule.word} 1"
    line = row(one, 80)
    at = line.plain.index(f" {rule.letter} ") + 1
    assert any(rule.colour in str(span.style) for span in line.spans if span.start == at)
    assert parse_rule(rule.word.upper(), "--rule") == rule.name
    assert parse_rule(rule.name.lower(), "--rule") == rule.name
    assert rule.word in str(watch.watch.__annotations__["rule"].__metadata__[0].help)


@every
def test_the_documentation_has_each_rule(rule: Rule) -> None:
    text = (ROOT.parent / "docs/messages.md").read_text()
    row = f"| {rule.name} | {rule.unit} | {', '.join(rule.families)} | {rule.help} |"
    assert row in text, f"docs/messages.md lacks the row {row}"
    assert rule.word in (ROOT.parent / "docs/commands/watch.md").read_text()


def test_a_rule_of_another_detector_is_shown_all_the_same() -> None:
    one = seen(flagged(["Sub-Penny Print"], ["Why."]))
    assert isinstance(one, Seen)
    board = Board()
    board.add([one])
    assert rules_lines(board, 80).plain == "S sub-penny print 1"
    assert " S " in row(one, 80).plain


def lists_of_rules(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that write a rule's name, or put two rules side by side."""
    names = {rule.name for rule in RULES}
    rows = {name for name, value in vars(rules).items() if isinstance(value, Rule)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in names:
            yield node.lineno
        if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
            parts = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
            if len({part.id for part in parts} & rows) > 1:
                yield node.lineno


def test_no_other_list_of_rules_stands_in_the_package() -> None:
    for file in sorted(ROOT.rglob("*.py")):
        found = list(lists_of_rules(ast.parse(file.read_text(encoding="utf-8"))))
        name = file.relative_to(ROOT.parent)
        if file.name in ("kind.py", "parameters.py"):  # a kind says which of the table are its own
            continue
        if file == TABLE:
            assert found, "this test cannot see a list of rules"
        else:
            assert not found, f"{name}:{found[0]} lists rules; take them from {TABLE.name}"
