"""Bars and reviews as rows in the text form of COPY."""

from typing import Final

import msgspec

from tape.model.fields import iso_time
from tape.model.rejected import Rejected
from tape.sinks.dated import dated_bar, dated_review
from tape.sinks.postgres.rows import Row, iso_us, number, place, text
from tape.sinks.sink import Item

SECOND_BARS_S: Final = 1
"""How long a bar of the detector is; `tape history bars` makes others in the same table."""
OFFSETS_PER_MS: Final = 2**20
"""How much a millisecond counts beside an offset, so that their sum grows with each message."""

BAR_COLUMNS: Final = (
    *("symbol", "bar_start", "bar_s", "open", "high", "low", "close", "volume", "trades"),
    *("flagged", "lower", "upper", "topic_partition", "topic_offset", "appended_at"),
)
REVIEW_COLUMNS: Final = (
    *("episode_id", "state", "reason", "note", "tags", "decided_by", "decided_at", "steps"),
    *("history", "message", "topic_partition", "topic_offset", "appended_at"),
)
_encode: Final = msgspec.json.Encoder().encode


def bar_row(item: Item) -> Row | Rejected:
    """Return the row of a bar, or why there is none."""
    found = dated_bar(item.value)
    if isinstance(found, Rejected):
        return found
    bar = found.bar
    line = "\t".join(
        (
            text(bar.symbol),
            iso_us(found.start_ns),
            str(SECOND_BARS_S),
            *(number(one) for one in (bar.open, bar.high, bar.low, bar.close)),
            *(str(one) for one in (bar.volume, bar.trades, bar.flagged)),
            number(bar.lower),
            number(bar.upper),
            place(item),
        )
    )
    return f"{bar.symbol} {found.start_ns}", item.age, line


def review_row(item: Item) -> Row | Rejected:
    """Return the row of a review, or why there is none.

    Of two the longer history is the newer. Of two of one length, which were decided at once, the
    first on the topic counts: that is what the pages show.
    """
    found = dated_review(item.value)
    if isinstance(found, Rejected):
        return found
    review = found.review
    line = "\t".join(
        (
            text(review.episode_id),
            text(review.state),
            text(review.reason),
            text(review.note),
            text(_encode(review.tags).decode()),
            text(review.by),
            iso_time(found.at_ns),
            str(len(found.history)),
            text(_encode(found.history).decode()),
            text(item.value.decode()),
            place(item),
        )
    )
    later = -(item.appended_ms * OFFSETS_PER_MS + item.offset)
    return review.episode_id, (len(found.history), later), line
