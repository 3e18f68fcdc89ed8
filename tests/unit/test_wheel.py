"""What a wheel holds."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import tape
from tape.errors import TapeError
from tape.ops.app_files import app_main
from tests.apps import ROOT

APPS = ("producer", "anomaly_detector", "anomaly_sink", "alerter")


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


def test_the_version_is_that_of_the_tag() -> None:
    """At a commit with a tag; everywhere, the version of a tree without git is the messages'."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["version"]["fallback-version"] == tape.__version__
    words = ["git", "-C", str(ROOT), "tag", "--points-at", "HEAD", "--list", "v*"]
    tags = subprocess.run(words, capture_output=True, text=True).stdout.split()
    assert not tags or f"v{tape.__version__}" in tags


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "tape/py.typed").read_bytes() == b""


@pytest.mark.full
@pytest.mark.parametrize(("tag", "version"), [("v9.8.7", "9.8.7"), (None, tape.__version__)])
def test_a_wheel_is_named_by_the_tag_or_without_git_by_the_source(
    tag: str | None, version: str, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(tree)], input=archive.stdout, check=True)
    if tag is not None:
        git = ["git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@b.example"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"], ["tag", tag]):
            subprocess.run([*git, *words], check=True)
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*words, str(tree)], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.split("-")[1] == version
    with zipfile.ZipFile(wheel) as file:
        assert "tape/py.typed" in file.namelist()
