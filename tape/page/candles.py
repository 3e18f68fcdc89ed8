"""The bars that the page keeps: seconds of each symbol as long as there is room, minutes longer."""

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Final

from tape.model.bar import Bar

SECONDS_MAX: Final = 400_000
"""Bars of a second that are kept in all; 300 B each. Four symbols have a whole day of them."""
SECONDS_LEAST: Final = 120
"""Bars of a second that a symbol keeps however many symbols there are."""
MINUTES_EACH: Final = 1_440
"""Bars of a minute that are kept of a symbol: a day."""
MINUTE: Final = len("2025-07-08T13:30")
"""Characters of a bar's start that name its minute."""


@dataclass(slots=True)
class _Symbol:
    seconds: "OrderedDict[str, Bar]" = field(default_factory=OrderedDict)
    minutes: "OrderedDict[str, Bar]" = field(default_factory=OrderedDict)
    stale: set[str] = field(default_factory=set)
    """Minutes that are to be made again from their seconds."""
    sealed: str = ""
    """The last minute of which a second was dropped: it stays as it is."""

    def refresh(self) -> None:
        """Make the minutes again whose seconds have changed."""
        for minute in sorted(self.stale):
            bars = [
                self.seconds[second]
                for second in (f"{minute}:{n:02d}Z" for n in range(60))
                if second in self.seconds
            ]
            if bars:
                self.minutes[minute] = merged(bars, f"{minute}:00Z")
        self.stale.clear()
        while len(self.minutes) > MINUTES_EACH:
            del self.minutes[min(self.minutes)]

    def drop_oldest(self) -> None:
        """Drop the second that came first, once its minute is made."""
        second = next(iter(self.seconds))
        minute = second[:MINUTE]
        if minute in self.stale:
            self.refresh()
        self.sealed = max(self.sealed, minute)
        del self.seconds[second]


def merged(bars: list[Bar], start: str) -> Bar:
    """Return bars in the order of their time as one; the band is the last one known."""
    banded = next((bar for bar in reversed(bars) if bar.lower is not None), bars[-1])
    return Bar(
        bars[0].symbol,
        start,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
        sum(bar.trades for bar in bars),
        sum(bar.flagged for bar in bars),
        banded.lower,
        banded.upper,
    )


class Candles:
    """Bars by symbol and second; of each the last one counts.

    Attributes:
        newest: start of the newest bar; empty if there is none.
    """

    def __init__(self) -> None:
        self._of: dict[str, _Symbol] = {}
        self._new: dict[tuple[str, str], Bar] = {}
        self.newest = ""

    def add(self, bar: Bar) -> Bar | None:
        """Take a bar; return the one that it replaces."""
        of = self._of.setdefault(bar.symbol, _Symbol())
        before = of.seconds.get(bar.bar_start)
        of.seconds[bar.bar_start] = bar
        self.newest = max(self.newest, bar.bar_start)
        self._new[bar.symbol, bar.bar_start] = bar
        if bar.bar_start[:MINUTE] > of.sealed:
            of.stale.add(bar.bar_start[:MINUTE])
        each = max(SECONDS_LEAST, SECONDS_MAX // len(self._of))
        while len(of.seconds) > each:
            of.drop_oldest()
        return before

    def new(self) -> dict[str, list[Bar]]:
        """Return the bars that have changed since the last call, by symbol."""
        new, self._new = self._new, {}
        found: dict[str, list[Bar]] = defaultdict(list)
        for (symbol, _), bar in sorted(new.items()):
            found[symbol].append(bar)
        return found

    def seconds(self, symbol: str) -> list[Bar]:
        """Return the bars of a symbol's seconds that are kept, by time."""
        of = self._of.get(symbol)
        return [] if of is None else sorted(of.seconds.values(), key=lambda bar: bar.bar_start)

    def minutes(self, symbol: str) -> list[Bar]:
        """Return the bars of a symbol's minutes, by time."""
        of = self._of.get(symbol)
        if of is None:
            return []
        of.refresh()
        return [of.minutes[minute] for minute in sorted(of.minutes)]

    def of_minutes(self, minutes: list[str]) -> dict[str, tuple[int, int]]:
        """Return trades and flagged trades of some minutes, by symbol that has any."""
        found = {}
        for symbol, of in self._of.items():
            of.refresh()
            bars = [of.minutes[minute] for minute in minutes if minute in of.minutes]
            if bars:
                found[symbol] = sum(bar.trades for bar in bars), sum(bar.flagged for bar in bars)
        return found

    def symbols(self) -> set[str]:
        """Return the symbols that there are bars of."""
        return set(self._of)
