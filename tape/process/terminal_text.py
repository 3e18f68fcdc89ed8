"""Untrusted text, made safe for a terminal: the one escape that all output goes through."""

import json
from typing import Any

import msgspec


def printable(text: str) -> str:
    r"""Return a text with all that could steer a terminal written as escapes.

    >>> printable("red \x1b[31m")
    'red \\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def printable_lines(text: str) -> str:
    r"""Return the same with its line ends kept, for text of our own with untrusted parts.

    >>> printable_lines("two\nlines\a")
    'two\nlines\\x07'
    """
    return "\n".join(map(printable, text.split("\n")))


def cell(text: str) -> str:
    r"""Return an untrusted text as one that Rich prints as it is, without its markup.

    >>> print(cell("[bold]\a"))
    \[bold]\x07
    """
    from rich.markup import escape  # here: the apps load this module, and no Rich

    return escape(printable(text))


def json_text(value: Any) -> str:
    r"""Return a value as one line of JSON that is safe to print and means the same.

    JSON itself escapes only the first 32 characters; others steer terminals as well.

    >>> json_text({"file": "a\x9bb"})
    '{"file":"a\\u009bb"}'
    """
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # a file's name that is not UTF-8
        plain = msgspec.to_builtins(value, enc_hook=_from_raw)
        return json.dumps(plain, separators=(",", ":"))
    if text.isprintable():
        return text
    return json.dumps(json.loads(text), separators=(",", ":"))


def _from_raw(value: Any) -> Any:
    """Return what JSON within a value holds, which is written as it is where that can be."""
    if not isinstance(value, msgspec.Raw):
        raise TypeError(f"{type(value).__name__} is no JSON")
    return json.loads(bytes(value))
