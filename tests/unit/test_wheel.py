"""What a wheel holds."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tape.errors import TapeError
from tape.ops.app_files import app_main
from tests.apps import ROOT

APPS = ("producer", "anomaly_detector")


@pytest.mark.parametrize("name", APPS)
def test_in_a_checkout_the_apps_are_beside_the_package(name: str) -> None:
    assert app_main(name) == ROOT / name / "main.py"


def test_a_package_without_apps_says_so(tmp_path: Path) -> None:
    (tmp_path / "tape").mkdir()
    with pytest.raises(TapeError, match="install tapewatch again"):
        app_main("producer", tmp_path / "tape")


@pytest.mark.full
def test_an_installed_wheel_finds_the_apps(tmp_path: Path) -> None:
    """Built from this tree and unpacked elsewhere: `tape demo` begins, away from any checkout."""
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*words, str(ROOT)], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    for name in APPS:
        program = f"from tape.ops.app_files import app_main; print(app_main({name!r}))"
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={"PYTHONPATH": str(site), "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        found = Path(done.stdout.strip())
        assert found == site / "tape" / "_apps" / name / "main.py"
        assert found.read_bytes() == (ROOT / name / "main.py").read_bytes()
