"""Write THIRD-PARTY.md: `python ops/third_party.py`, after each change of the pinned requirements.

Names and versions come from the lock of the image, licences from what the packages installed
here say of themselves.
"""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "image" / "requirements.txt"
FILE = ROOT / "THIRD-PARTY.md"
IN_THE_IMAGE = {"python_version": "3.12", "python_full_version": "3.12.0", "sys_platform": "linux"}
PINNED = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^ ;\\]+)(?: *; *([^\\]+))?", re.MULTILINE)
SHORT = 40
"""Characters of a name of a licence; more is its text."""

HEAD = """\
# What the image holds of others

The image is made from `python:3.12-slim-bookworm` (Python: PSF-2.0; the packages of Debian 12, \
each with its licence in `/usr/share/doc/*/copyright` of the image) and holds these packages from \
PyPI, which `ops/third_party.py` lists from `image/requirements.txt`. The texts of their \
licences lie in the image beside them, as far as they bring them: in \
`/opt/packages/*.dist-info`. Tapewatch itself: see `LICENSE`. The same for programs, with hashes: \
`python ops/sbom.py`.

The wheel on PyPI holds TradingView Lightweight Charts 5.2.1 (Apache-2.0) for `tape page`, with \
its licence and notice in `tape/page/live/vendor`, and nothing else of others.

| package | version | licence, as the package says it |
|---|---|---|
"""


def pinned() -> dict[str, str]:
    """Return names and versions of the packages that the lock puts into the image."""
    return {
        name: version
        for name, version, marker in PINNED.findall(LOCK.read_text())
        if not marker or Marker(marker.strip()).evaluate(IN_THE_IMAGE)
    }


def licence(name: str) -> str:
    """Return the licence of a package that is installed here, in its own words."""
    try:
        about = distribution(name).metadata
    except PackageNotFoundError:
        raise SystemExit(
            f"{name} is not installed here; install the lock, and look again"
        ) from None
    expression, text = about.get("License-Expression"), (about.get("License") or "").strip()
    if expression:
        return str(expression)
    if text and len(text) <= SHORT and "\n" not in text and text != "Apache License":
        return text
    named = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or [] if "Lic" in one]
    return ", ".join(named) or "see its text"


def third_party() -> str:
    """Return the file."""
    rows = [f"| {name} | {version} | {licence(name)} |" for name, version in pinned().items()]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    FILE.write_text(third_party())
