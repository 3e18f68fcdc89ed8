"""Bars as they are written and read: the trades of a symbol in one second."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

from tape.model.parsing import read_message
from tape.model.rejected import Rejected

BAR_MAX: Final = 4_096
"""Longest message in bytes that is read: a symbol and eleven numbers are a tenth of it."""


class Bar(msgspec.Struct, frozen=True, gc=False):
    """The value on `bars`; of a symbol and second the last one counts.

    Prices are dollars. `open` and `close` are those of the first and the last trade by time, of
    trades of one time by their arrival. `lower` and `upper` are what would have been normal at the
    last trade by time of which that is known; None where of none.
    """

    symbol: str
    bar_start: str
    open: float
    high: float
    low: float
    close: float
    volume: int
    trades: int
    flagged: int
    lower: float | None
    upper: float | None


@lru_cache(maxsize=4_096)
def iso_second(second: int) -> str:
    """Return a second since 1970 as the messages have it.

    >>> iso_second(1_751_981_400)
    '2025-07-08T13:30:00Z'
    """
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}Z"


def seconds_of(bar_start: str) -> int:
    """Return a bar's start as seconds since 1970.

    >>> seconds_of("2025-07-08T13:30:00Z")
    1751981400
    """
    return int(datetime.fromisoformat(bar_start).timestamp())


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Bar)


def encode_bar(bar: Bar) -> bytes:
    """Return the message of a bar."""
    return _encoder.encode(bar)


def decode_bar(raw: bytes | None) -> Bar | Rejected:
    """Return the bar in a message of `bars`, or the reason there is none; never raises.

    >>> bar = Bar("A", "9 o'clock", 1.0, 1.0, 1.0, 1.0, 1, 1, 0, None, None)
    >>> decode_bar(encode_bar(bar)).reason
    'time_syntax'
    """
    bar = read_message(_decoder, raw, BAR_MAX)
    if isinstance(bar, Bar) and not _starts_a_second(bar.bar_start):
        return Rejected("time_syntax", "bar_start is not such as 2025-07-08T13:30:00Z")
    return bar


def _starts_a_second(bar_start: str) -> bool:
    try:
        return iso_second(seconds_of(bar_start)) == bar_start
    except (ValueError, OverflowError):
        return False
