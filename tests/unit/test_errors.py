"""Errors say what was found and what to do about it, each in a field of its own."""

import ast
import pickle
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

import tape
from tape import errors
from tape.archives.databento.client import UnansweredError
from tape.errors import BrokerAwayError, TapeError
from tape.kafka.local.ports import PortTakenError
from tape.ops.doctor.finding import first_cause
from tape.process.exit import as_lost, run_main

ROOT = Path(tape.__file__).parent
KINDS = sorted(
    (one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, TapeError)),
    key=lambda kind: kind.__name__,
)


def test_the_sentence_holds_both(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise BrokerAwayError("it is a;way\a", "start it")

    assert run_main(main) == 4
    assert capsys.readouterr().err == "error: it is a;way\\x07; start it\n"


def test_a_path_with_a_semicolon_is_no_remedy() -> None:
    finding = first_cause("state", TapeError("cannot write to a; b", "choose another place"))
    assert (finding.text, finding.fix) == ("cannot write to a; b", "choose another place")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_keeps_its_fields_on_its_way(kind: type[TapeError]) -> None:
    error = kind("cause", "remedy")
    kept = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(kept), kept.cause, kept.remedy) == (kind, "cause", "remedy")
    assert str(kept) == str(error) == "cause; remedy"
    assert (str(kind("cause")), kind("cause").remedy) == ("cause", "")


def test_an_app_hands_on_both() -> None:
    lost = as_lost(BrokerAwayError("cause", "remedy"))
    assert (lost.cause, lost.remedy, lost.exit_code) == ("cause", "remedy", 1)


def glued(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that make an error of one text with a remedy in it."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id.endswith("Error")
            and len(node.args) == 1
        ):
            texts = [
                part.value
                for part in ast.walk(node.args[0])
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            if any("; " in text for text in texts):
                yield node.lineno


def without_remedy(tree: ast.Module, kinds: Collection[str]) -> Iterator[int]:
    """Yield the lines that make an error of a cause alone; two values may come as one (`*pair`)."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in kinds
            and len(node.args) + len(node.keywords) < 2
            and not any(isinstance(one, ast.Starred) for one in node.args)
        ):
            yield node.lineno


def test_each_error_says_what_to_do() -> None:
    assert list(without_remedy(ast.parse("raise StateError('it is damaged')"), {"StateError"}))
    kinds = {kind.__name__ for kind in (*KINDS, UnansweredError, PortTakenError)}
    for file in sorted(ROOT.rglob("*.py")):
        if file.name == "errors.py" and file.parent == ROOT:
            continue  # its examples
        found = list(without_remedy(ast.parse(file.read_text(encoding="utf-8")), kinds))
        assert not found, f"{file.relative_to(ROOT.parent)}:{found[0]}: say what to do about it"


def test_no_remedy_is_glued_to_its_cause() -> None:
    assert list(glued(ast.parse("raise StateError(f'{a} is damaged; delete it')"))) == [1]
    for file in sorted(ROOT.rglob("*.py")):
        found = list(glued(ast.parse(file.read_text(encoding="utf-8"))))
        name = file.relative_to(ROOT.parent)
        assert not found, f"{name}:{found[0]}: give cause and remedy apart"
