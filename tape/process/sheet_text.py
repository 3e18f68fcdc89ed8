"""Untrusted text in tables for spreadsheets, which take some of it for formulas and run them."""

from typing import Final

FORMULA_BEGINS: Final = ("=", "+", "-", "@", "\t", "\r")
"""With what a text begins that a spreadsheet may take for a formula (OWASP, CSV injection)."""

AS_TEXT: Final = "'"
"""Before a cell: what follows is text. No symbol may have one, so it can be taken away again."""


def sheet_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    >>> sheet_cell("=1+1"), sheet_cell("ACM=")
    ("'=1+1", 'ACM=')
    """
    return f"{AS_TEXT}{text}" if text.startswith(FORMULA_BEGINS) else text


def from_sheet_cell(text: str) -> str:
    """Return the text of a cell that `sheet_cell` wrote.

    >>> from_sheet_cell("'=1+1")
    '=1+1'
    """
    return text.removeprefix(AS_TEXT)
