"""A columns file in the making, with what in it is only guessed."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tape.codec.row_fields import NAMES
from tape.process.terminal_text import printable


@dataclass(slots=True)
class Suggestion:
    """A columns file in the making.

    Attributes:
        guesses: in sentences, what is not sure.
        open: in sentences, what its user must say himself.
    """

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    guesses: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def put(self, table: str, key: str, value: object) -> None:
        """Say something in a table."""
        self.tables.setdefault(table, {})[key] = value

    def text(self, file: str) -> str:
        """Return the file as TOML, what is not sure as comments in front."""
        lines = [f"# Suggested for {file} by `tape inspect FILE --suggest-columns`: see what it"]
        lines += ["# guesses, correct it, and give it with --columns. See docs/files.md."]
        lines += [f"# Guessed: {printable(one)}" for one in self.guesses]
        lines += [f"# To be said: {printable(one)}" for one in self.open]
        for name, table in self.tables.items():
            lines += ["", f"[{name}]"]
            lines += [f"{_key(key)} = {toml_text(value)}" for key, value in table.items()]
        return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if key in NAMES or re.fullmatch(r"[a-z_]+", key) else toml_text(key)


def toml_text(value: object) -> str:
    """Return a value in TOML, with all that could steer a terminal as escapes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


def bare_name(name: str) -> str:
    """Return a column's name without case, blanks and marks.

    >>> bare_name("Trade_Price ")
    'tradeprice'
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())
