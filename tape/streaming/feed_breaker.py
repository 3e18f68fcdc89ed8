"""The producer's circuit breaker: it counts the batches of a feed, part by part."""

from collections.abc import Callable
from dataclasses import dataclass

from tape.feeds.feed import FeedBatch
from tape.streaming.breaker import Breaker, Trip


@dataclass(frozen=True, slots=True)
class Counted:
    """A circuit breaker with a batch counted, and what tripped it, in the file of that content."""

    breaker: Breaker
    trip: Trip | None = None
    sha256: str = ""


def counted_by(breaker: Breaker, batch: FeedBatch, rows: Callable[[str], int]) -> Counted:
    """Return a breaker with a batch counted; `rows` of a file lie before it."""
    for sha256, part in batch.parts.items():
        records, first = part.trades + len(part.rejected), rows(sha256) + 1
        reasons = [(row.row - first, row.rejected.reason) for row in part.rejected]
        if records:
            breaker, trip = breaker.after(records, reasons)
            if trip is not None:
                return Counted(breaker, trip, sha256)
    return Counted(breaker)
