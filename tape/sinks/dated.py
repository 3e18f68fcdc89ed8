"""Bars and reviews as stores need them: read, and their times as numbers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from tape.model.bar import Bar, decode_bar
from tape.model.fields import NANOS, Unreadable, checked_time, iso_time
from tape.model.rejected import Rejected
from tape.model.review import Review, Step, decode_review

EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")
MICROSECOND: Final = timedelta(microseconds=1)
MICROS_NS: Final = 1_000


@dataclass(frozen=True, slots=True)
class DatedBar:
    """A bar, and the second that it is of, in nanoseconds since 1970."""

    bar: Bar
    start_ns: int


@dataclass(frozen=True, slots=True)
class DatedReview:
    """A review, when it was decided, and all steps with their times in one form.

    `at_ns` are nanoseconds since 1970, in whole microseconds.
    """

    review: Review
    at_ns: int
    history: tuple[Step, ...]


def dated_bar(raw: bytes) -> DatedBar | Rejected:
    """Return the bar in a message, or the reason there is none; never raises."""
    bar = decode_bar(raw)
    if isinstance(bar, Rejected):
        return bar
    try:
        start_ns = instant_ns(bar.bar_start, "bar_start")
        if start_ns % NANOS:
            raise Unreadable("time_range", "`bar_start` is no whole second")
    except Unreadable as unreadable:
        return unreadable.rejected
    return DatedBar(bar, start_ns)


def dated_review(raw: bytes) -> DatedReview | Rejected:
    """Return the review in a message, or the reason there is none; never raises."""
    review = decode_review(raw)
    if isinstance(review, Rejected):
        return review
    try:
        at_ns = instant_ns(review.at, "at")
        steps = [replace(one, at=iso_time(instant_ns(one.at, "at"))) for one in review.history]
    except Unreadable as unreadable:
        return unreadable.rejected
    return DatedReview(review, at_ns, tuple(steps))


def instant_ns(text: str, name: str) -> int:
    """Return nanoseconds since 1970 from ISO 8601 with a zone, to the microsecond.

    Raises:
        Unreadable: `time_syntax` or `time_range`.

    >>> instant_ns("2025-07-08T13:30:00Z", "bar_start")
    1751981400000000000
    >>> instant_ns("2025-07-08T15:30:00.250+02:00", "at")
    1751981400250000000
    """
    try:
        found = datetime.fromisoformat(text)
        since = found - EPOCH
    except (ValueError, TypeError, OverflowError):  # no time, one without a zone, year 0
        raise Unreadable("time_syntax", f"`{name}` is no ISO 8601 time with its zone") from None
    return checked_time(since // MICROSECOND * MICROS_NS, name)
