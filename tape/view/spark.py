"""Prices as a line of blocks, and numbers that fit a column."""

from collections.abc import Sequence
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"
UNITS: Final = ((1e9, "B"), (1e6, "M"), (1e3, "k"))
WHOLE_BELOW: Final = 100_000
"""Counts below have six characters at most with their comma, and are written in full."""
SHOWN_PERCENT: Final = 0.005
"""Less would be written as 0.00 %."""


def sparkline(values: Sequence[float], cells: int) -> str:
    """Return values from left to right as blocks, the least lowest; too many are thinned out.

    Of those that share a cell the one farthest from the first value stands there. Less than two
    values, or equal ones, are no line.

    >>> sparkline([100.0, 101.0, 100.05], 6), sparkline([7.0, 7.0], 6)
    ('▁█▁', '')
    >>> sparkline([1.0] * 50 + [2.0] + [1.0] * 49, 8)
    '▁▁▁▁█▁▁▁'
    """
    if len(values) > cells > 0:
        edges = [n * len(values) // cells for n in range(cells + 1)]
        parts = [values[edges[n] : edges[n + 1]] for n in range(cells)]
        values = [max(part, key=lambda one: abs(one - values[0])) for part in parts]
    low, high = min(values, default=0.0), max(values, default=0.0)
    if not low < high:
        return ""
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round(top * (one - low) / (high - low))] for one in values)


def compact(count: float) -> str:
    """Return a count in six characters at most.

    >>> compact(1_250), compact(99_999), compact(123_456), compact(20_893_949)
    ('1,250', '99,999', '123k', '20.9M')
    """
    if count < WHOLE_BELOW:
        return f"{count:,.0f}"
    for unit, letter in UNITS:
        if count >= unit:
            return f"{count / unit:.3g}{letter}" if count < 1_000 * unit else f"{count:.0e}"
    return f"{count:,.0f}"


def percent(before: float | None, extreme: float | None) -> str:
    """Return how far a price went, with its sign, in eight characters at most.

    Empty where that is not known, or nothing.

    >>> percent(142.0, 144.97), percent(4.0, 4.5), percent(9.0, 8.9999), percent(0.01, 25.0)
    ('+2.09 %', '+12.5 %', '', '+250k %')
    """
    if not before or extreme is None:
        return ""
    share = 100.0 * (extreme - before) / abs(before)
    if abs(share) < SHOWN_PERCENT:
        return ""
    if abs(share) < 100.0:
        return f"{share:+.{2 if abs(share) < 9.995 else 1}f} %"
    return f"{'-' if share < 0 else '+'}{compact(abs(share))} %"
