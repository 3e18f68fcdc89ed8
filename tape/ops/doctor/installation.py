"""Python and the packages, against what pyproject.toml asks for."""

import platform
import re
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import tape
from tape.ops.doctor.finding import Finding

NAME = "tapewatch"
LOCK = "image/requirements.txt"
"""What the image was made from; its folder holds neither pyproject.toml nor pip's note."""
LOCKED = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*==[^ \\]+)(?P<marker> *;[^\\]+)?", re.MULTILINE)
"""A package of the lock."""
NOT_WORTH_TELLING = frozenset({"dev", "bench"})
"""Extras that only those who work on the project or measure it need."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the project asks for: a Python, and packages by extra ("" for what always runs)."""

    python: SpecifierSet
    packages: dict[str, list[Requirement]]


def wanted(root: Path | None = None) -> Wanted | None:
    """Return what pyproject.toml beside the package asks for; None where nothing asks.

    The file goes first: it may be newer than the installation, which is worth finding out. In the
    image there is its lock instead, elsewhere what pip noted.
    """
    root = root or Path(tape.__file__).parents[1]
    file = root / "pyproject.toml"
    if file.is_file():
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        by_extra = {"": project["dependencies"], **project["optional-dependencies"]}
        packages = {extra: list(map(Requirement, texts)) for extra, texts in by_extra.items()}
        return Wanted(SpecifierSet(project["requires-python"]), packages)
    if (root / LOCK).is_file():
        return _locked(root / LOCK)
    try:
        noted = metadata(NAME)
    except PackageNotFoundError:
        return None
    packages = {extra: [] for extra in ("", *(noted.get_all("Provides-Extra") or []))}
    for requirement in map(Requirement, noted.get_all("Requires-Dist") or []):
        extras = [
            extra
            for extra in packages
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        ]
        if extras:
            packages[extras[0]].append(requirement)
    return Wanted(SpecifierSet(noted["Requires-Python"]), packages)


def _locked(file: Path) -> Wanted:
    """Return what the image's lock names."""
    lines = LOCKED.finditer(file.read_text(encoding="utf-8"))
    packages = [Requirement(line["name"] + (line["marker"] or "")) for line in lines]
    return Wanted(SpecifierSet(""), {"": packages})


def check_python(asked: Wanted | None) -> Finding:
    """Compare this Python's version with what is asked for."""
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if asked is None or not asked.python:
        return Finding("python", "ok", found)
    if asked.python.contains(platform.python_version(), prereleases=True):
        return Finding("python", "ok", f"{found}; {asked.python} is needed")
    return Finding(
        "python",
        "problem",
        f"{found}, but {asked.python} is needed",
        "make a new environment with a newer one: `make clean setup PYTHON=python3.12`",
    )


def check_packages(asked: Wanted | None) -> Finding:
    """Compare the installed packages with what is asked for; an extra may be missing, not old."""
    if asked is None:
        return Finding(
            "packages", "not checked", "there is neither a pyproject.toml nor pip's note of one"
        )
    always = asked.packages[""]
    wrong = [fault for requirement in always if (fault := _fault(requirement)) is not None]
    absent = []
    for extra, requirements in asked.packages.items():
        if extra == "" or extra in NOT_WORTH_TELLING:
            continue
        faults = [fault for r in requirements if (fault := _fault(r)) is not None]
        wrong += [fault for fault in faults if "missing" not in fault]
        if any("missing" in fault for fault in faults):
            absent.append(f"extra {extra}: not installed (pip install '{NAME}[{extra}]')")
    if wrong:
        return Finding(
            "packages",
            "problem",
            f"{len(wrong)} not as pyproject.toml asks: {', '.join(wrong)}",
            "`make setup`, or `pip install -e .` in the environment that runs this",
            tuple(absent),
        )
    text = f"{NAME} {tape.__version__}, its {len(always)} packages are as needed"
    return Finding("packages", "ok", text, details=tuple(absent))


def _fault(requirement: Requirement) -> str | None:
    """Return in words how an installed package differs from what is asked for."""
    if requirement.name == NAME:
        return None
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        no_extra = "extra" not in str(requirement.marker)
        if no_extra:  # not for this platform
            return None
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing ({requirement.specifier or 'any'} is needed)"
    if requirement.specifier.contains(found, prereleases=True):
        return None
    return f"{requirement.name} {found} ({requirement.specifier} is needed)"
