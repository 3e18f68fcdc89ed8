"""Without scikit-learn, which the producer's image leaves out, the forest says what is missing."""

import importlib.metadata
import subprocess
import sys

import pytest

from tape.detection.forest.self_check import kernel_is_trusted
from tape.errors import SettingsError
from tests.apps import ROOT


def test_a_forest_that_cannot_be_checked_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = importlib.metadata.version

    def without(name: str) -> str:
        if name == "scikit-learn":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    with pytest.raises(SettingsError, match=r"pip install 'tapewatch\[detector\]'") as caught:
        kernel_is_trusted()
    assert "scikit-learn is not installed" in str(caught.value)


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
