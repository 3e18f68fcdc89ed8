"""Which episodes are wanted, and in what order: on the server, over all that is kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from tape.page.rows import Row

TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)?[T ]?(\d\d:\d\d(?::\d\d)?)?(?:-(\d\d:\d\d(?::\d\d)?))?", re.ASCII
)
"""A day, a time of day, from one to another, or both: `2025-03-03 14:30-15:00`."""
ORDERS: Final = ("worst", "newest")
REVIEWED: Final = ("all", "open", "acknowledged", "dismissed", "escalated")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter.

    Attributes:
        text: has to stand in symbol, rule, reason or id, whatever its case.
        symbols: empty for all.
        rule: empty for all.
        severity: least severity; 0 takes rows without one, too.
        review: one of `REVIEWED`.
        order: one of `ORDERS`.
        time: when it began, in UTC, as `TIME` has it; empty for any.
    """

    text: str = ""
    symbols: frozenset[str] = frozenset()
    rule: str = ""
    severity: float = 0.0
    review: str = "all"
    order: str = "worst"
    time: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Return the filter of an address; what cannot be is as if it were not there."""
        try:
            severity = float(query.get("severity", "0"))
        except ValueError:
            severity = 0.0
        review, order = query.get("review", "all"), query.get("order", "worst")
        return cls(
            query.get("text", "")[:100].strip().lower(),
            frozenset(filter(None, query.get("symbols", "")[:2_000].upper().split(","))),
            query.get("rule", "")[:100],
            severity if severity > 0 else 0.0,
            review if review in REVIEWED else "all",
            order if order in ORDERS else "worst",
            query.get("time", "")[:40].strip(),
        )

    def has(self, row: Row) -> bool:
        """Return whether a row is wanted; `live.js` decides the same of rows that come later."""
        if self.symbols and row["symbol"].upper() not in self.symbols:
            return False
        if self.rule and self.rule not in row["rules"]:
            return False
        if self.severity and (row["severity"] or 0.0) < self.severity:
            return False
        if self.review not in ("all", row["review"]):
            return False
        if self.time and not in_time(self.time, row["first"]):
            return False
        if not self.text:
            return True
        where = (row["symbol"], row["id"], row["reason"], row["mark"], *row["rules"])
        return any(self.text in part.lower() for part in where)

    def key(self, row: Row) -> tuple[float | str, str]:
        """Return by what rows are sorted, the largest first."""
        if self.order == "newest":
            return row["first"], row["id"]
        return row["priority"], row["first"]


def in_time(wanted: str, first: str) -> bool:
    """Return whether a time lies in what is wanted; what cannot be read is as if not there.

    >>> first = "2025-03-03T14:30:02.5Z"
    >>> [in_time(one, first) for one in ("14:30", "14:00-14:29", "2025-03-03 14:00-14:30", "x")]
    [True, False, True, True]
    """
    found = TIME.fullmatch(wanted)
    if found is None:
        return True
    day, begin, until = found.groups()
    end, at = until or begin, first[11:]
    if day and not first.startswith(day):
        return False
    return not (begin and at[: len(begin)] < begin) and not (end and at[: len(end)] > end)
