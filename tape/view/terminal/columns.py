"""Cells of a width of their own."""

from rich.cells import cell_len, set_cell_size
from rich.text import Text

WHOLE_TIME = 23
"""Cells of a day and a time with milliseconds."""
TIME_OF_DAY = 8
"""Cells of a time to the second."""


def left(text: str, cells: int) -> str:
    """Return a text at the left of a column."""
    return set_cell_size(text, cells)


def right(text: str, cells: int) -> str:
    """Return a text at the right of a column; one that is cut shows that it is."""
    if cell_len(text) <= cells:
        return " " * (cells - cell_len(text)) + text
    return f"{set_cell_size(text, cells - 1)}…"


def symbol_cell(text: str, cells: int) -> str:
    """Return a symbol in its column; one that is cut shows that it is."""
    return left(text, cells) if cell_len(text) <= cells else f"{set_cell_size(text, cells - 1)}…"


def time_cell(iso: str, cells: int) -> str:
    """Return as much of a time as fits: with its year, with its day, or without.

    What is no ISO time is cut.

    >>> time_cell("2025-03-03T15:19:24.135145742Z", 14)
    '03-03 15:19:24'
    >>> time_cell("2025-03-03T15:19:24.135145742Z", 8)
    '15:19:24'
    """
    text = iso.replace("T", " ", 1)
    begin = 0 if cells >= WHOLE_TIME else 5 if cells > TIME_OF_DAY else 11
    return left(text[begin : begin + cells], cells)


def cut(text: Text, width: int) -> Text:
    """Return a line that ends where the screen does."""
    text.truncate(width, overflow="ellipsis")
    return text
