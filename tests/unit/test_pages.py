"""The pages: their links lead somewhere, their programs are those that are tested."""

import re
from pathlib import Path

import pytest

from docs import pages
from tests.apps import ROOT

TEXTS = [
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "nasdaq/*.md", "models/*.md")
    for path in sorted(ROOT.glob(pattern))
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
README_LINES_MAX = 150
"""What somebody reads in a minute or two; the rest has pages."""


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for line in re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL).splitlines():
        if line.startswith("#"):
            words = re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower().replace("`", ""))
            found.add(words.strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", text)):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_the_index_has_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text()
    missing = [p.name for p in ROOT.glob("docs/*.md") if f"]({p.name})" not in index]
    assert missing == ["README.md"]


def test_programs_in_pages_are_those_of_examples() -> None:
    for name in pages.PAGES:
        text = (ROOT / name).read_text()
        assert pages.filled(text) == text, "run: python -m docs.pages"


def test_the_readme_is_short_and_its_faults_are_those_of_the_last_run() -> None:
    readme, soak = (ROOT / "README.md").read_text(), (ROOT / "docs/soak.md").read_text()
    assert len(readme.splitlines()) <= README_LINES_MAX
    times = dict(re.findall(r"^\| ([\w, ]+) \| (\d+) \|$", soak, re.MULTILINE))
    shown = dict(re.findall(r"^\| ([\w, ]+) \| (\d+) \| 0 \| 0 \|$", readme, re.MULTILINE))
    others = shown.pop("stopped, paused, cut off, added, taken away")
    for fault, count in shown.items():
        assert times.pop(fault) == count
    assert int(others) == sum(map(int, times.values()))
    assert all(f"| **{word}** | **0** |" in soak for word in ("lost", "seen twice"))
