"""What a store reads of an episode: what has a column, of whatever version of this program."""

import re
from typing import Final

import msgspec

from tape.model.anomaly import DetectorIdentity
from tape.model.fields import Unreadable, time_ns
from tape.model.parsing import parsed
from tape.model.rejected import Rejected

PRICE: Final = re.compile(rb"-?\d{1,10}(\.\d{1,9})?")
EPISODE_MAX: Final = 64 * 1024
"""Longest message in bytes that is read, as of a trade; an honest one has about 500."""

NONE: Final = msgspec.Raw(b"null")


class EpisodeFields(msgspec.Struct, frozen=True):
    """The fields of an episode's message that have a column; more may be in it.

    `first_ts_ns` and `last_ts_ns` are filled from the texts by `decode_episode`.
    """

    episode_id: str
    symbol: str
    state: str
    flags: int
    rules: dict[str, int]
    first_ts_event: str
    last_ts_event: str
    detector: DetectorIdentity
    text: str = ""
    first_sequence: int | None = None
    last_sequence: int | None = None
    price_before: msgspec.Raw = NONE
    price_extreme: msgspec.Raw = NONE
    price_after: msgspec.Raw = NONE
    mark: str | None = None
    severity: float | None = None
    priority: float | None = None
    family: str | None = None
    rule: str | None = None
    reason: str | None = None
    context: str | None = None
    shares: int | None = None
    notional_usd: float | None = None
    publisher_id: int | None = None
    duration_s: float | None = None
    first_ts_ns: int = 0
    last_ts_ns: int = 0


_decoder = msgspec.json.Decoder(EpisodeFields)


def decode_episode(raw: bytes | None) -> EpisodeFields | Rejected:
    """Return what a message on `episodes` says, or the reason that it says nothing.

    Never raises, whatever the bytes.
    """
    if not raw:
        return Rejected("message_empty", "the message has no value")
    if len(raw) > EPISODE_MAX:
        return Rejected("message_too_large", f"{len(raw)} bytes, at most {EPISODE_MAX} are read")
    try:
        found = parsed(_decoder, raw)
        first_ns = time_ns(found.first_ts_event, "first_ts_event")
        last_ns = time_ns(found.last_ts_event, "last_ts_event")
        for name in ("price_before", "price_extreme", "price_after"):
            price = getattr(found, name)
            if bytes(price) != b"null" and not PRICE.fullmatch(price):
                raise Unreadable("number_syntax", f"`{name}` is no price")
    except Unreadable as unreadable:
        return unreadable.rejected
    return msgspec.structs.replace(found, first_ts_ns=first_ns, last_ts_ns=last_ns)
