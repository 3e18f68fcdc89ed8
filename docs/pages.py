"""Puts the programs of `examples` into the pages that show them. Run: python -m docs.pages."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = ("docs/own-feed.md", "docs/own-reader.md")
BLOCK: Final = re.compile(r"<!-- code: (\S+) -->\n.*?<!-- end of code -->", re.DOTALL)


def filled(text: str) -> str:
    """Return a page with the programs as they are."""

    def block(found: re.Match[str]) -> str:
        code = (ROOT / found[1]).read_text("utf-8")
        return f"<!-- code: {found[1]} -->\n```python\n{code}```\n<!-- end of code -->"

    return BLOCK.sub(block, text)


def main() -> None:
    """Write the pages."""
    for name in PAGES:
        page = ROOT / name
        page.write_text(filled(page.read_text("utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
