"""Which episodes are wanted, and in what order: on the server, over all that is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from tape.page.rows import Row

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
    """

    text: str = ""
    symbols: frozenset[str] = frozenset()
    rule: str = ""
    severity: float = 0.0
    review: str = "all"
    order: str = "worst"

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
        if not self.text:
            return True
        where = (row["symbol"], row["id"], row["reason"], row["mark"], *row["rules"])
        return any(self.text in part.lower() for part in where)

    def key(self, row: Row) -> tuple[float | str, str]:
        """Return by what rows are sorted, the largest first."""
        if self.order == "newest":
            return row["first"], row["id"]
        return row["priority"], row["first"]
