"""Symbols by number: the numbers are rows in the detector's arrays."""

from tape.rejected import Rejected


class SymbolTable:
    """Gives each symbol the next number when it is first seen.

    Attributes:
        names: the symbols; a symbol's number is its position.
        capacity: most symbols that are taken; input is hostile and each one costs memory.
    """

    def __init__(self, capacity: int = 50_000) -> None:
        self.names: list[str] = []
        self.capacity = capacity
        self._numbers: dict[str, int] = {}

    def number(self, symbol: str) -> int | Rejected:
        """Return the number of `symbol`, a new one if there is room for it."""
        number = self._numbers.get(symbol)
        if number is not None:
            return number
        if len(self.names) >= self.capacity:
            return Rejected("symbol_unknown", f"more than {self.capacity} symbols")
        self._numbers[symbol] = len(self.names)
        self.names.append(symbol)
        return len(self.names) - 1
