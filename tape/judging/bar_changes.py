"""Bars that have changed since they were kept last, of many symbols: what a log of them holds."""

from dataclasses import dataclass

from tape.codec.array_types import I64


@dataclass(frozen=True, slots=True)
class BarChanges:
    """Places of symbols' rows as they are now.

    Attributes:
        symbol: whose each is, by number.
        place: which of those that a symbol's row has.
        bars: what stands there, and behind it the last second that is done with.
    """

    symbol: I64
    place: I64
    bars: I64

    def of(self, numbers: I64) -> "BarChanges":
        """Return those of some symbols, under the number that each of them has in `numbers`.

        Of symbols with a negative one there is nothing among them.
        """
        symbol = numbers[self.symbol]
        rows = symbol >= 0
        return BarChanges(symbol[rows], self.place[rows], self.bars[rows])
