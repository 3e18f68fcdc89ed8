"""Regular expressions for files' names, found or not found in time that grows with the name.

Python's matcher tries every way in which repetitions can share a text: `(A+)+_` against thirty
letters takes for ever, and a columns file may lie beside files that a stranger sent. RE2 reads a
name once, whatever the pattern.
"""

import re
from typing import Any, Final

UNREAD: Final = re.compile(r"invalid perl operator|invalid escape sequence: \\[0-9gk]")
"""How RE2 says that a pattern needs more than one reading of the name."""

BRACE: Final = re.compile(
    r"\\[pPx]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<brace>\{(?!\d{1,4}(?:,\d{0,4})?\}))",
    re.DOTALL,
)
"""Finds a brace, not escaped nor in brackets, that RE2 takes for itself and Python may not."""

SAID_MAX: Final = 100
"""Characters shown of what RE2 says; it repeats the pattern."""


class NamePattern:
    """A pattern with one group, which is the symbol in a file's name.

    Args:
        text: in RE2's syntax, which is Python's for most.

    Raises:
        ValueError: `text` is no such pattern; the error says what it is.
    """

    def __init__(self, text: str) -> None:
        import re2  # loaded for those who give a pattern

        options = re2.Options()
        options.log_errors = False  # it would write to stderr beside us
        try:
            self._pattern: Any = re2.compile(text, options)
        except re2.error as error:
            raise ValueError(_words(error)) from None
        if any(one["brace"] for one in BRACE.finditer(text)):
            raise ValueError(
                "has a { that begins no {2}, {2,} or {2,4}, with numbers up to 1000: "
                "write \\{ for the sign, {0,3} for {,3}"
            )
        if self._pattern.groups != 1:
            raise ValueError("needs one group in brackets: the symbol")

    def symbol(self, name: str) -> str | None:
        """Return what the group finds in a name; None if that is nothing."""
        utf8 = name.encode("utf-8", "surrogatepass")  # a name need not be UTF-8; RE2's text must
        found = self._pattern.search(utf8.decode("utf-8", "replace"))
        return None if found is None else found[1] or None


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if UNREAD.match(text):
        return (
            "looks around or refers back, which is not read here (RE2): "
            "write what stands around the symbol beside the group"
        )
    return f"is no pattern that is read: {text[:SAID_MAX]}"
