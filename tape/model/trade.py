"""What a trade is: its fields, units and limits, and its one JSON form on the wire.

The fourteen names, widths and meanings are DataBento's (`rust/dbn/src/record.rs`);
prices are integers of 1e-9 dollars and times integers of nanoseconds, so that neither ever passes
through a float or a `datetime`.
"""

from typing import Any, Final

import msgspec

from tape.model.fields import (
    I32_MAX,
    NO_SEQUENCE,
    U8_MAX,
    U16_MAX,
    U32_MAX,
    Unreadable,
    checked_side,
    checked_size,
    checked_symbol,
    decimal_price,
    integer,
    iso_time,
    price_text,
    signed,
    time_ns,
)
from tape.model.parsing import parsed
from tape.model.rejected import Rejected

MESSAGE_MAX: Final = 64 * 1024
"""Longest message in bytes that is parsed at all; an honest one has about 290."""


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade as it stands on `stocks`.

    A feed may leave out the fields that have a default.

    Attributes:
        ts_recv_ns: when it was received, nanoseconds since 1970; 0 is unknown.
        ts_event_ns: when it happened, nanoseconds since 1970.
        rtype: DataBento's kind of record; 0 for a trade.
        publisher_id: venue or feed, 0 to 65,535.
        instrument_id: the feed's number of the symbol.
        action: `T`, a trade.
        side: `A` sold, `B` bought, `N` neither said.
        depth: level of the book; 0 for a trade.
        price_nanos: 1e-9 dollars; zero and less are prices.
        size: shares, at least 1.
        flags: the feed's own bits.
        ts_in_delta_ns: how long before its receipt the venue sent it, nanoseconds.
        sequence: the feed's own number; `NO_SEQUENCE` where it has none.
        symbol: see `tape.model.fields.is_symbol`.
        ordinal: how many trades that are equal in all that identifies one the source had before.
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
    ordinal: int = 0


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
    ordinal: msgspec.Raw = ABSENT
    v: msgspec.Raw = ABSENT


def decode(
    raw: bytes | None, key: bytes | None = None, *, check_key: bool = False
) -> Trade | Rejected:
    """Return the trade in a message, or the reason there is none.

    Never raises, whatever the bytes.

    Args:
        raw: the message's value; None is a message without one.
        key: the message's key.
        check_key: whether the key must be the trade's symbol, as the topic promises. State is
            kept by partition: under a wrong key a trade would be judged with the wrong history.

    >>> decode(b"{}").reason
    'field_missing'
    """
    if not raw:
        return Rejected("message_empty", "the message has no value")
    if len(raw) > MESSAGE_MAX:
        return Rejected("message_too_large", f"{len(raw)} bytes, at most {MESSAGE_MAX} are read")
    try:
        trade = _trade(parsed(_decoder, raw))
    except Unreadable as unreadable:
        return unreadable.rejected
    if check_key and key != trade.symbol.encode():
        return Rejected("message_shape", "the key is not the trade's symbol")
    return trade


_decoder = msgspec.json.Decoder(_Message)


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
        ordinal=_optional(message.ordinal, "ordinal", I32_MAX),
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


def encode(trade: Trade) -> bytes:
    """Return the message of a trade: the fourteen fields in DataBento's order, no white space.

    The ordinal follows them where it is not 0. A time of receipt and a sequence that the trade
    does not have are not written.

    >>> trade = Trade(ts_event_ns=0, publisher_id=2, side="B", price_nanos=1, size=5, symbol="A")
    >>> encode(trade)[-48:]
    b'"size":5,"flags":0,"ts_in_delta":0,"symbol":"A"}'
    """
    fields: list[tuple[str, Any]] = [
        ("ts_recv", f'"{iso_time(trade.ts_recv_ns)}"' if trade.ts_recv_ns else None),
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
        ("sequence", None if trade.sequence == NO_SEQUENCE else trade.sequence),
        ("symbol", f'"{trade.symbol}"'),
        ("ordinal", trade.ordinal or None),
    ]
    told = (f'"{name}":{value}' for name, value in fields if value is not None)
    return ("{" + ",".join(told) + "}").encode()
