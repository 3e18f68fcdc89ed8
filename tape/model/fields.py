"""Values of a trade's fields: units, limits, and their texts in and out."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from tape.model.rejected import Reason, Rejected


def dollars(price_usd: float | Decimal) -> str:
    """Return a price with as many decimals as it needs, two at least and nine at most.

    >>> dollars(137.5), dollars(0.00012), dollars(-1234.0)
    ('137.50', '0.00012', '-1,234.00')
    """
    whole, _, decimals = f"{price_usd:,.9f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


NANOS: Final = 1_000_000_000
"""Price units in a dollar, and nanoseconds in a second."""

PRICE_MAX_NANOS: Final = 10_000_000 * NANOS
"""No price is above ten million dollars, and none below minus ten million."""

PRICE_UNDEFINED_NANOS: Final = 2**63 - 1
"""Stands for no price in DataBento's encodings."""

U8_MAX: Final = 2**8 - 1
U16_MAX: Final = 2**16 - 1
U32_MAX: Final = 2**32 - 1
I32_MAX: Final = 2**31 - 1
"""Largest values of DataBento's fields of 8, 16 and 32 bits, without and with sign."""

NO_SEQUENCE: Final = -1
"""Stands for the sequence of a feed that has none."""

NOT_IN_SYMBOLS: Final = frozenset("\"'\\")
"""They would have to be escaped in JSON, TOML or a shell."""

SIDES: Final = "ABN"
"""Aggressor: A sold, B bought, N none given."""
OTHER_ACTIONS: Final = frozenset("ACFMNR")
"""The vendor's letters for rows about orders: added, cancelled, filled, modified, none, reset."""

SYMBOL_MAX: Final = 71
"""Characters of the longest symbol: what DataBento's encodings have room for."""
SYMBOL_WORDS: Final = (
    f"1 to {SYMBOL_MAX} printable ASCII characters without quotes, backslash and blanks at the ends"
)
"""What a symbol may be, for sentences."""

PRICE_PATTERN: Final = re.compile(rb"(\d+)(?:\.(\d+))?")
INTEGER_PATTERN: Final = re.compile(rb"\d{1,20}")
TIME_PATTERN: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)\.(\d{9})Z", re.ASCII
)

TIME_MIN_NS: Final = 946_684_800 * NANOS
"""2000-01-01: older than this is a wrong unit (seconds, milliseconds), not a trade."""

TIME_MAX_NS: Final = 4_102_444_800 * NANOS
"""2100-01-01: a fixed bound, because between two topics no clock may decide anything."""


class Unreadable(Exception):
    """Carries a `Rejected` out of nested parsing; never leaves this package's decoders."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.rejected = Rejected(reason, detail)


def integer(text: bytes, name: str, largest: int) -> int:
    """Return a whole number.

    Args:
        text: its digits, and nothing else.
        name: of the field, for the reason.
        largest: largest value that is allowed; the smallest is 0.

    Raises:
        Unreadable: `number_syntax` or `number_range`.
    """
    if text.isdigit() and len(text) > 20:  # before int(), whose cost grows with the digits
        raise Unreadable("number_range", f"`{name}` has {len(text)} digits")
    if INTEGER_PATTERN.fullmatch(text) is None:
        if text[:1] == b"-" and text[1:].isdigit():
            raise Unreadable("number_range", f"`{name}` is negative")
        raise Unreadable("number_syntax", f"`{name}` is not a whole number")
    value = int(text)
    if value > largest:
        raise Unreadable("number_range", f"`{name}` is above {largest}")
    return value


def signed(text: bytes, name: str) -> int:
    """Return a whole number of 32 bits with sign.

    Raises:
        Unreadable: `number_syntax` or `number_range`.
    """
    if text[:1] == b"-" and text[1:].isdigit():
        return -integer(text[1:], name, I32_MAX + 1)
    return integer(text, name, I32_MAX)


def checked_size(text: bytes) -> int:
    """Return a size in shares, 1 to 2**32 - 1.

    Raises:
        Unreadable: `size_not_positive`, `number_syntax` or `number_range`.
    """
    if text[:1] == b"-" and text[1:].isdigit():
        raise Unreadable("size_not_positive", "`size` is negative")
    size = integer(text, "size", U32_MAX)
    if size == 0:
        raise Unreadable("size_not_positive", "`size` is 0")
    return size


def decimal_price(text: bytes) -> int:
    """Return a price in 1e-9 dollars from its decimal text, without a float in between.

    Raises:
        Unreadable: `number_syntax`, `number_range` or `price_undefined`.

    >>> decimal_price(b"157.57"), decimal_price(b"-0.000000001")
    (157570000000, -1)
    """
    negative = text[:1] == b"-"
    match = PRICE_PATTERN.fullmatch(text[1:] if negative else text)
    if match is None:
        raise Unreadable("number_syntax", "`price` is not a decimal number")
    whole, fraction = match[1].lstrip(b"0"), match[2] or b""
    if len(whole) > 10:  # before int(), whose cost grows with the digits
        raise Unreadable("number_range", _beyond(negative=negative))
    if len(fraction) > 9:
        raise Unreadable("number_range", "`price` has more than 9 decimals")
    nanos = int(whole or b"0") * NANOS + int(fraction.ljust(9, b"0"))
    return checked_price(-nanos if negative else nanos)


def checked_price(nanos: int) -> int:
    """Return `nanos` if it can be a price, in 1e-9 dollars.

    Zero and less are prices: of spreads, and of crude oil on 2020-04-20.

    Raises:
        Unreadable: `price_undefined` or `number_range`.
    """
    if nanos == PRICE_UNDEFINED_NANOS:
        raise Unreadable("price_undefined", "`price` is the mark for no price")
    if abs(nanos) > PRICE_MAX_NANOS:
        raise Unreadable("number_range", _beyond(negative=nanos < 0))
    return nanos


def _beyond(*, negative: bool) -> str:
    return f"`price` is {'below -' if negative else 'above '}10,000,000 dollars"


def checked_side(side: str) -> str:
    """Return `side` if it is A, B or N; raises `Unreadable`."""
    if len(side) != 1 or side not in SIDES:
        raise Unreadable("side_unknown", "`side` is not A, B or N")
    return side


def checked_symbol(symbol: str) -> str:
    """Return `symbol` if it can be one; raises `Unreadable`."""
    if not is_symbol(symbol):
        raise Unreadable("symbol_syntax", f"`symbol` is not {SYMBOL_WORDS}")
    return symbol


def is_symbol(text: str) -> bool:
    """Return whether a text can be a symbol, as any vendor writes them.

    ASCII, as in the vendors' own encodings: look-alikes of other scripts are no symbols.

    >>> is_symbol("ACM-A#"), is_symbol("ES.c.0"), is_symbol("UD:1V: GN 2391"), is_symbol(" X")
    (True, True, True, False)
    """
    return (
        0 < len(text) <= SYMBOL_MAX
        and text.isascii()
        and text.isprintable()
        and text[0] != " " != text[-1]
        and not NOT_IN_SYMBOLS.intersection(text)
    )


def time_ns(text: str, name: str) -> int:
    """Return nanoseconds since 1970 from ISO-8601 text in UTC with nine decimals.

    Args:
        text: such as `2025-07-08T08:00:00.171836530Z`; no other form is read.
        name: of the field, for the reason.

    Raises:
        Unreadable: `time_syntax` or `time_range`.

    >>> time_ns("2025-07-08T08:00:00.171836530Z", "ts_event")
    1751961600171836530
    """
    match = TIME_PATTERN.fullmatch(text)
    midnight = None if match is None else midnight_s(match[1])
    if match is None or midnight is None:
        raise Unreadable("time_syntax", f"`{name}` is not YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ")
    seconds = midnight + int(match[2]) * 3600 + int(match[3]) * 60 + int(match[4])
    return checked_time(seconds * NANOS + int(match[5]), name)


def checked_time(ns: int, name: str, latest_ns: int = TIME_MAX_NS) -> int:
    """Return `ns` if it lies between 2000 and `latest_ns`.

    Raises:
        Unreadable: `time_range`.
    """
    if not TIME_MIN_NS <= ns < latest_ns:
        raise Unreadable("time_range", f"`{name}` is undefined or outside the years allowed")
    return ns


@lru_cache(maxsize=4096)
def midnight_s(day: str) -> int | None:
    """Return the seconds from 1970 to midnight of `day`, or None if there is no such day."""
    try:
        return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, tz=UTC).strftime("%Y-%m-%d")


def iso_time(ns: int) -> str:
    """Return nanoseconds since 1970 as ISO-8601 UTC text with nine decimals.

    >>> iso_time(1751961600171836530)
    '2025-07-08T08:00:00.171836530Z'
    """
    seconds, nanos = divmod(ns, NANOS)
    day, second = divmod(seconds, 86_400)
    return (
        f"{_day_text(day)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        f".{nanos:09d}Z"
    )


def price_text(nanos: int) -> str:
    """Return a price of 1e-9 dollars as the shortest decimal that has a decimal point.

    The point stays also for whole dollars, so that a reader who guesses a column's type from
    its first value always sees a float.

    >>> price_text(157_570_000_000), price_text(158_000_000_000), price_text(-37_630_000_000)
    ('157.57', '158.0', '-37.63')
    """
    whole, fraction = divmod(abs(nanos), NANOS)
    return f"{'-' if nanos < 0 else ''}{whole}.{f'{fraction:09d}'.rstrip('0') or '0'}"
