"""The command lines of README and pages, as a reader would type them."""

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from tests.apps import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("examples/**/*.md")),
    *(ROOT / folder / "README.md" for folder in ("nasdaq", "models")),
]
BLOCK = re.compile(r"^ *```([^\n]*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SHELLS = ("", "sh", "sh recorded", "bash", "console")
SPAN = re.compile(r"`([^`\n]+)`")
PROGRAMS = re.compile(
    r"(?:tape|make|python3?|pytest|docker|quix|pip|kubectl|curl|rpk|source|export|openssl|printf"
    r"|kafka-configs\.sh|promtool|git|systemctl|\.venv/bin/\w+)$"
)
SETTING = re.compile(r"[A-Za-z_]+=\S*$")


class Line(NamedTuple):
    """A command line of a page: its settings, its words, and whether it is a block's."""

    page: str
    text: str
    settings: dict[str, str]
    words: list[str]
    in_block: bool


def lines() -> Iterator[Line]:
    """Yield every command line of the pages, those of the tutorial without their output."""
    for page in PAGES:
        text, name = page.read_text(), page.relative_to(ROOT).as_posix()
        blocks = [block for language, block in BLOCK.findall(text) if language in SHELLS]
        outside = BLOCK.sub("", text)
        for block in blocks:
            shown = [line.strip() for line in block.splitlines()]
            typed = [line for line in shown if line.startswith("$ ")]
            for line in typed or shown:
                yield from _parts(name, line.removeprefix("$ "), in_block=True)
        for span in SPAN.findall(outside):
            yield from _parts(name, span, in_block=False)


def _parts(page: str, line: str, *, in_block: bool) -> Iterator[Line]:
    """Yield the commands of a line, which pipes, `&&` and `;` part."""
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:  # a quotation mark of prose
        return
    part: list[str] = []
    for word in [*words, "|"]:
        if set(word) <= set("|&;<>"):
            settings = {}
            while part and SETTING.match(part[0]) and len(part) > 1:
                name, _, value = part.pop(0).partition("=")
                settings[name] = value
            if part and PROGRAMS.match(part[0]):
                yield Line(page, line, settings, part, in_block)
            part = []
        else:
            part.append(word)
