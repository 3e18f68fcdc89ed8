"""Without scikit-learn, which the image leaves out: what was seen of it serves as the check."""

import importlib.metadata
import subprocess
import sys

import pytest

from tape.codec.symbols import SymbolTable
from tape.detection.forest.reference import reference_breakpoints
from tape.detection.forest.self_check import RECORDED, kernel_is_trusted, training_sets
from tape.detection.parameters import Parameters
from tape.detection.registry import make_detector
from tape.errors import SettingsError
from tests.apps import ROOT


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def installed(name: str) -> str:
        if name == "scikit-learn":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", installed)
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)


def test_what_is_recorded_is_what_scikit_learn_says() -> None:
    asked = [reference_breakpoints(training, Parameters()) for training in training_sets()]
    assert [(below, tuple(breaks.tolist())) for below, breaks in asked] == list(RECORDED)


@pytest.mark.usefixtures("without")
def test_a_forest_is_checked_against_what_scikit_learn_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert kernel_is_trusted()
    monkeypatch.setattr("tape.detection.forest.self_check.RECORDED", RECORDED[1:] + RECORDED[:1])
    with pytest.raises(SettingsError, match=r"pip install 'tapewatch\[detector\]'"):
        kernel_is_trusted()


@pytest.mark.usefixtures("without")
def test_settings_that_only_scikit_learn_serves_say_what_to_install() -> None:
    parameters = Parameters(contamination=0.2, profile="classic")
    with pytest.raises(SettingsError, match=r"pip install 'tapewatch\[detector\]'"):
        make_detector(parameters, SymbolTable())


def test_the_producer_s_kernels_are_compiled_without_it() -> None:
    """As its image does when it is built: neither of the packages that it leaves out is loaded."""
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('sklearn', 'pandas', 'scipy'))); "
        "from tape.ops.warm_up import warm; warm('producer')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
