"""What a trade is: its fields, units and limits, and its one JSON form on the wire.

The fourteen names, widths and meanings are DataBento's (`rust/dbn/src/record.rs`);
prices are integers of 1e-9 dollars and times integers of nanoseconds, so that neither ever passes
through a float or a `datetime`.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from tape.rejected import Reason, Rejected

NANOS: Final = 1_000_000_000
"""Price units in a dollar, and nanoseconds in a second."""

MESSAGE_MAX: Final = 64 * 1024
"""Longest message in bytes that is parsed at all; an honest one has about 290."""

PRICE_MAX_NANOS: Final = 10_000_000 * NANOS
"""No share costs more than ten million dollars; "undefined" (2**63 - 1) lies far above."""

U8_MAX: Final = 2**8 - 1
U16_MAX: Final = 2**16 - 1
U32_MAX: Final = 2**32 - 1
I32_MAX: Final = 2**31 - 1

NO_SEQUENCE: Final = -1
"""Stands for the sequence of a feed that has none."""

SIDES: Final = "ABN"
"""Aggressor: A sold, B bought, N none given."""

SYMBOL_PATTERN: Final = re.compile(r"[A-Z0-9.\-]{1,16}")
PRICE_PATTERN: Final = re.compile(rb"(\d{1,9})(?:\.(\d{1,9}))?")
INTEGER_PATTERN: Final = re.compile(rb"\d{1,20}")
TIME_PATTERN: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)\.(\d{9})Z", re.ASCII
)

TIME_MIN_NS: Final = 946_684_800 * NANOS
"""2000-01-01: older than this is a wrong unit (seconds, milliseconds), not a trade."""

TIME_MAX_NS: Final = 4_102_444_800 * NANOS
"""2100-01-01: a fixed bound, because between two topics no clock may decide anything."""


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade as it stands on `stocks`.

    Defaults stand for fields that a reader can do without; feeds to come may leave them out.
    """

    ts_recv_ns: int = 0
    ts_event_ns: int
    rtype: int = 0
    publisher_id: int
    instrument_id: int = 0
    action: str = "T"
    side: str
    depth: int = 0
    price_nanos: int
    size: int
    flags: int = 0
    ts_in_delta_ns: int = 0
    sequence: int = NO_SEQUENCE
    symbol: str


ABSENT: Final = msgspec.Raw()
"""Stands for a field that a message does not have."""


class _Message(msgspec.Struct, frozen=True):
    """The message as JSON has it; numbers stay text until their syntax is checked."""

    ts_event: str
    publisher_id: msgspec.Raw
    side: str
    price: msgspec.Raw
    size: msgspec.Raw
    symbol: str
    ts_recv: str | None = None
    rtype: msgspec.Raw = ABSENT
    instrument_id: msgspec.Raw = ABSENT
    action: str = "T"
    depth: msgspec.Raw = ABSENT
    flags: msgspec.Raw = ABSENT
    ts_in_delta: msgspec.Raw = ABSENT
    sequence: msgspec.Raw = ABSENT
    v: msgspec.Raw = ABSENT


class Unreadable(Exception):
    """Carries a `Rejected` out of nested parsing; never leaves this package's decoders."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.rejected = Rejected(reason, detail)


def decode(
    raw: bytes | None, key: bytes | None = None, *, check_key: bool = False
) -> Trade | Rejected:
    """Return the trade in `raw`, or the reason there is none. Never raises, whatever the bytes.

    With `check_key`, the message's key must be the trade's symbol, as the topic promises: state
    is kept by partition, so a trade under a wrong key would be judged with the wrong history.
    """
    if not raw:
        return Rejected("message_empty", "the message has no value")
    if len(raw) > MESSAGE_MAX:
        return Rejected("message_too_large", f"{len(raw)} bytes, at most {MESSAGE_MAX} are read")
    try:
        trade = _trade(_parse(raw))
    except Unreadable as unreadable:
        return unreadable.rejected
    if check_key and key != trade.symbol.encode():
        return Rejected("message_shape", "the key is not the trade's symbol")
    return trade


_decoder = msgspec.json.Decoder(_Message)


def _parse(raw: bytes) -> _Message:
    try:
        return _decoder.decode(raw)
    except msgspec.ValidationError as error:
        _require_json(raw)  # a wrong shape is said only of what is JSON at all
        raise Unreadable(*_shape_fault(str(error))) from None
    except RecursionError:  # msgspec gives up on deep nesting this way, outside its own errors
        raise Unreadable("message_too_deep", "nested too deep") from None
    except (ValueError, msgspec.MsgspecError):  # invalid UTF-8 is a ValueError, not a MsgspecError
        raise Unreadable("message_not_json", "not one JSON document in UTF-8") from None


def _require_json(raw: bytes) -> None:
    try:
        msgspec.json.decode(raw)
    except RecursionError:
        raise Unreadable("message_too_deep", "nested too deep") from None
    except (ValueError, msgspec.MsgspecError):
        raise Unreadable("message_not_json", "not one JSON document in UTF-8") from None


def _shape_fault(text: str) -> tuple[Reason, str]:
    """Sort msgspec's words on a wrong shape; they name fields and types, never values."""
    if "missing required field" in text:
        return "field_missing", text
    if "`$." in text:
        return "field_type", text
    return "message_shape", text


def _trade(message: _Message) -> Trade:
    if bytes(message.v) not in (b"", b"1"):
        raise Unreadable("message_shape", "`v` names a version of the message that is not known")
    if message.action != "T":
        raise Unreadable("message_shape", "`action` is not T: not a trade")
    return Trade(
        ts_recv_ns=0 if message.ts_recv is None else time_ns(message.ts_recv, "ts_recv"),
        ts_event_ns=time_ns(message.ts_event, "ts_event"),
        rtype=_optional(message.rtype, "rtype", U8_MAX),
        publisher_id=integer(
            _number(message.publisher_id, "publisher_id"), "publisher_id", U16_MAX
        ),
        instrument_id=_optional(message.instrument_id, "instrument_id", U32_MAX),
        side=checked_side(message.side),
        depth=_optional(message.depth, "depth", U8_MAX),
        price_nanos=decimal_price(_number(message.price, "price")),
        size=checked_size(_number(message.size, "size", whole=True)),
        flags=_optional(message.flags, "flags", U8_MAX),
        ts_in_delta_ns=0
        if not bytes(message.ts_in_delta)
        else signed(_number(message.ts_in_delta, "ts_in_delta", whole=True), "ts_in_delta"),
        sequence=_optional(message.sequence, "sequence", U32_MAX, absent=NO_SEQUENCE),
        symbol=checked_symbol(message.symbol),
    )


def _number(raw: msgspec.Raw, name: str, *, whole: bool = False) -> bytes:
    """Return the text of a JSON number; another JSON type, or a fraction in a count, is a fault."""
    text = bytes(raw).strip(b" \t\r\n")
    if not text or text[0] not in b"-0123456789" or (whole and b"." in text):
        kind = "an integer" if whole else "a number"
        raise Unreadable("field_type", f"`{name}` is not {kind}")
    return text


def _optional(raw: msgspec.Raw, name: str, largest: int, *, absent: int = 0) -> int:
    if not bytes(raw):
        return absent
    return integer(_number(raw, name, whole=True), name, largest)


def integer(text: bytes, name: str, largest: int) -> int:
    """Return the whole number in `text`, 0 to `largest`; raises `Unreadable`."""
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
    """Return the whole number in `text`, 32 bits with sign; raises `Unreadable`."""
    if text[:1] == b"-" and text[1:].isdigit():
        return -integer(text[1:], name, I32_MAX + 1)
    return integer(text, name, I32_MAX)


def checked_size(text: bytes) -> int:
    """Return a size in shares, 1 to 2**32 - 1; raises `Unreadable`."""
    if text[:1] == b"-" and text[1:].isdigit():
        raise Unreadable("size_not_positive", "`size` is negative")
    size = integer(text, "size", U32_MAX)
    if size == 0:
        raise Unreadable("size_not_positive", "`size` is 0")
    return size


def decimal_price(text: bytes) -> int:
    """Return the price in 1e-9 dollars from its decimal text; raises `Unreadable`."""
    negative = text[:1] == b"-"
    digits = text[1:] if negative else text
    match = PRICE_PATTERN.fullmatch(digits)
    if match is None:
        if digits.replace(b".", b"", 1).isdigit() and not digits.startswith(b"."):
            if digits.endswith(b"."):
                raise Unreadable("number_syntax", "`price` is not a decimal number")
            raise Unreadable("number_range", "`price` has more than 9 digits on one side")
        raise Unreadable("number_syntax", "`price` is not a decimal number")
    whole, fraction = match.groups()
    nanos = int(whole) * NANOS + int((fraction or b"").ljust(9, b"0"))
    return checked_price(-nanos if negative else nanos)


def checked_price(nanos: int) -> int:
    """Return `nanos` if it can be the price of a share, in 1e-9 dollars; raises `Unreadable`."""
    if nanos <= 0:
        raise Unreadable("price_not_positive", "`price` is not above 0")
    if nanos > PRICE_MAX_NANOS:
        raise Unreadable("number_range", "`price` is undefined or above 10,000,000 dollars")
    return nanos


def checked_side(side: str) -> str:
    """Return `side` if it is A, B or N; raises `Unreadable`."""
    if len(side) != 1 or side not in SIDES:
        raise Unreadable("side_unknown", "`side` is not A, B or N")
    return side


def checked_symbol(symbol: str) -> str:
    """Return `symbol` if it is 1 to 16 of A-Z, 0-9, dot and hyphen; raises `Unreadable`."""
    if SYMBOL_PATTERN.fullmatch(symbol) is None:
        raise Unreadable("symbol_syntax", "`symbol` is not 1 to 16 of A-Z, 0-9, '.', '-'")
    return symbol


def time_ns(text: str, name: str) -> int:
    """Return nanoseconds since 1970 of ISO-8601 UTC text, nine decimals; raises `Unreadable`."""
    match = TIME_PATTERN.fullmatch(text)
    midnight_s = None if match is None else _midnight_s(match[1])
    if match is None or midnight_s is None:
        raise Unreadable("time_syntax", f"`{name}` is not YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ")
    seconds = midnight_s + int(match[2]) * 3600 + int(match[3]) * 60 + int(match[4])
    return checked_time(seconds * NANOS + int(match[5]), name)


def checked_time(ns: int, name: str, latest_ns: int = TIME_MAX_NS) -> int:
    """Return `ns` if it lies between 2000 and `latest_ns`; raises `Unreadable`."""
    if not TIME_MIN_NS <= ns < latest_ns:
        raise Unreadable("time_range", f"`{name}` is undefined or outside the years allowed")
    return ns


@lru_cache(maxsize=4096)
def _midnight_s(day: str) -> int | None:
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

    >>> price_text(157_570_000_000), price_text(158_000_000_000)
    ('157.57', '158.0')
    """
    whole, fraction = divmod(nanos, NANOS)
    return f"{whole}.{f'{fraction:09d}'.rstrip('0') or '0'}"


def encode(trade: Trade) -> bytes:
    """Return the message of a trade: the fourteen fields in DataBento's order, no white space."""
    fields: list[tuple[str, Any]] = [
        ("ts_recv", f'"{iso_time(trade.ts_recv_ns)}"'),
        ("ts_event", f'"{iso_time(trade.ts_event_ns)}"'),
        ("rtype", trade.rtype),
        ("publisher_id", trade.publisher_id),
        ("instrument_id", trade.instrument_id),
        ("action", f'"{trade.action}"'),
        ("side", f'"{trade.side}"'),
        ("depth", trade.depth),
        ("price", price_text(trade.price_nanos)),
        ("size", trade.size),
        ("flags", trade.flags),
        ("ts_in_delta", trade.ts_in_delta_ns),
        ("sequence", trade.sequence),
        ("symbol", f'"{trade.symbol}"'),
    ]
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields) + "}").encode()
