"""Messages of one kind as rows, whatever kind of file they are written to."""

from collections.abc import Sequence
from typing import Any, Protocol

from tape.sinks.sink import Item, Poison

Read = tuple[list[dict[str, Any]], list[Poison]]
"""Rows by the names of their columns, and the items that hold none."""


class MessageRows(Protocol):
    """Messages of one kind as rows.

    Attributes:
        columns: their names, in their order.
    """

    columns: tuple[str, ...]

    def cells(self, items: Sequence[Item], /) -> Read:
        """Return rows of text and numbers, None where there is nothing."""

    def records(self, items: Sequence[Item], /) -> Read:
        """Return rows as Arrow has them."""

    def types(self, pa: Any, /) -> dict[str, Any]:
        """Return the types of Arrow's columns; `pa` is pyarrow."""
