"""Columns that tell rows apart: trades from quotes and orders, or good trades from cancelled ones.

A file of another vendor often has all of them, with a price and a size in each.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

NAMES: Final = frozenset(
    {
        *("type", "eventtype", "event", "messagetype", "msgtype", "recordtype", "rectype"),
        *("ticktype", "rowtype", "entrytype", "kind", "action", "updatetype", "mdupdatetype"),
        *("tradetype", "datatype"),
    }
)
"""Names of columns that say what a row is, without case, blanks and underscores."""

CORRECTIONS: Final = frozenset(
    {
        *("trcorr", "corr", "correction", "correctionindicator", "correctioncode"),
        *("cancel", "cancelled", "canceled", "cancelindicator", "iscancelled", "iscanceled"),
    }
)
"""Names of columns that say whether a trade was taken back or changed later."""

TRADE: Final = re.compile(r"(t|trd|trades?|trade[ _].*|executions?|exec|fills?|match)", re.I)
"""What such a column says of a trade."""

NOT_A_TRADE: Final = re.compile(r".*(cancel|bust|correct|quote|bid|ask).*", re.IGNORECASE)
SIDES: Final = frozenset({"buy", "sell", "b", "s"})
VALUES_MOST: Final = 30
"""A column of more values says something else."""

RISING_LEAST: Final = 20
"""This many sizes in a row that never get smaller are no sizes of trades."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """What the columns of a file say of its rows.

    Attributes:
        column: tells rows apart; None if no column does.
        trades: its values that mean a trade; none if that has to be said.
        others: its other values.
        corrections: marks trades that were taken back or changed; None if no column does.
    """

    column: str | None = None
    trades: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    corrections: str | None = None


def kinds_of(bare: Mapping[str, str], by_column: Mapping[str | int, Sequence[str]]) -> Kinds:
    """Return what tells rows apart, by names without case and marks and by what the columns hold.

    `action` is not asked where it has DataBento's codes, which are understood.
    """
    told = next((bare[one] for one in bare if one in CORRECTIONS), None)
    if told is not None and len(set(by_column[told])) < 2:
        told = None
    for one in (one for one in bare if one in NAMES):
        values = sorted({value for value in by_column[bare[one]] if value})
        if not 0 < len(values) <= VALUES_MOST or {value.lower() for value in values} <= SIDES:
            continue
        if bare[one] == "action" and all(value in "TACFMNR" for value in values):
            continue
        trades = [v for v in values if TRADE.fullmatch(v) and not NOT_A_TRADE.fullmatch(v)]
        others = [value for value in values if value not in trades]
        if trades or len(others) > 1:
            return Kinds(bare[one], trades, others, told)
    return Kinds(corrections=told)


def are_sums(sizes: Sequence[float | None]) -> bool:
    """Return whether sizes only grow, as the day's volume so far does.

    >>> are_sums([100.0 * n for n in range(30)]), are_sums([100.0] * 30)
    (True, False)
    """
    known = [one for one in sizes if one is not None]
    grows = all(one <= other for one, other in pairwise(known))
    return len(known) >= RISING_LEAST and grows and len(set(known)) > len(known) // 2
