"""What a flagged trade is on `anomalies`: the trade's own bytes, with identity and reasons.

`as_message` writes one; `decode_anomaly` reads one, for every reader.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tape.model.fields import NO_SEQUENCE, Unreadable
from tape.model.parsing import parsed
from tape.model.rejected import Rejected
from tape.model.trade import MESSAGE_MAX, Trade, decode


class Reason(msgspec.Struct, frozen=True):
    """Why one rule fired.

    Attributes:
        rule: its name (`tape.model.rules`).
        value: what was seen, in the rule's own unit.
        threshold: what was allowed, in the same unit.
        text: says both to a trader.
    """

    rule: str
    value: float | int
    threshold: float | int
    text: str


class DetectorIdentity(msgspec.Struct, frozen=True):
    """Which detector said so.

    Attributes:
        version: of this program.
        settings: a hash of everything that decides a verdict but the trades.
    """

    version: str
    settings: str


class Feature(msgspec.Struct, frozen=True):
    """One property of a flagged trade: what was seen, and what is ordinary for the symbol.

    `median` is exceeded by half of the trades and `one_in_10k` by 1 in 10,000, all in `unit`;
    `share` is the property's contribution; the contributions of a trade add up to 1.
    """

    name: str
    unit: str
    value: float
    median: float
    one_in_10k: float
    share: float


class _Verdict(msgspec.Struct, frozen=True):
    """The fields that a flagged trade has beyond its own."""

    anomaly_id: str
    episode_id: str
    anomalies: list[str]
    reasons: Sequence[Reason]
    detector: DetectorIdentity


NO_NUMBER: Final = "none"
"""Stands in an id where the feed has no sequence at all."""

IDENTITY: Final = re.compile(
    r"(?P<symbol>.+)-(?P<publisher>\d{1,5})-(?P<ns>\d{1,19})-(?P<sequence>\d{1,10}|none)"
    r"(?:-(?P<price>-?\d{1,17})-(?P<size>\d{1,10})-(?P<side>[ABN]))?(?:-o(?P<ordinal>\d{1,10}))?",
    re.ASCII,
)
"""Takes an id apart, from its end: a symbol may have hyphens and digits itself."""


def anomaly_id(
    symbol: str,
    publisher_id: int,
    ts_event_ns: int,
    sequence: int,
    *,
    price_nanos: int,
    size: int,
    side: str,
    ordinal: int = 0,
    shared: bool = False,
) -> str:
    """Return the identity of a flagged trade; the same trade always gets the same one.

    Price, size and side are part of it where the feed numbers nothing (a sequence of 0, or none)
    and where another trade has the same time and sequence (`shared`); the ordinal where it is
    not 0. So different trades have different ids.

    >>> anomaly_id("NVDA", 2, 1751961600171836530, 7, price_nanos=10**9, size=5, side="B")
    'NVDA-2-1751961600171836530-7'
    >>> anomaly_id("NVDA", 2, 1751961600171836530, 0, price_nanos=5, size=5, side="B", ordinal=1)
    'NVDA-2-1751961600171836530-0-5-5-B-o1'
    """
    number = NO_NUMBER if sequence == NO_SEQUENCE else sequence
    name = f"{symbol}-{publisher_id}-{ts_event_ns}-{number}"
    if shared or sequence in (0, NO_SEQUENCE):
        name += f"-{price_nanos}-{size}-{side}"
    return f"{name}-o{ordinal}" if ordinal else name


_encoder = msgspec.json.Encoder()


def as_message(
    raw: bytes,
    *,
    anomaly_id: str,
    episode_id: str,
    reasons: Sequence[Reason],
    detector: DetectorIdentity,
    extras: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the message for `anomalies`: the trade's own bytes, the verdict spliced in.

    `raw` must be a message that `tape.model.trade.decode` took, so a JSON object with fields.
    `extras` are the fields that follow, in their order; what JSON can hold.
    """
    rules = [reason.rule for reason in reasons]
    verdict = _encoder.encode(_Verdict(anomaly_id, episode_id, rules, reasons, detector))
    if extras:
        verdict = verdict[:-1] + b"," + _encoder.encode(extras)[1:]
    return raw.rstrip(b" \t\r\n")[:-1] + b"," + verdict[1:]


def verdict_begins(raw: bytes) -> bytes:
    """Return how the message for `anomalies` begins that was made of `raw`, and no other does."""
    return raw.rstrip(b" \t\r\n")[:-1] + b',"anomaly_id":'


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A flagged trade, as a reader has it.

    Attributes:
        trade: the trade itself, from its own fields.
        anomaly_id: its identity.
        episode_id: identity of the first flagged trade of its episode; empty in a message from
            before there were episodes.
        rules: names of the rules that fired, in the order of `tape.model.rules`.
        reasons: why, one for each rule.
        detector: which detector said so.
        severity: -log10 of the chance of an ordinary trade to be as odd; None if not given.
        priority: how much it deserves to be looked at; None if not given.
        family: what is odd of it: price, size or feed; empty if not given.
        context: place in the market's day; empty if not given.
        calibrated: whether the symbol's own tails were used; None if not given.
        features: what made the trade odd; empty if not given.
        rank: how likely it is to be confirmed by who reviews, 0 to 14; None without a ranking.
        suppressed: whether the ranking would rather not show it.
    """

    trade: Trade
    anomaly_id: str
    episode_id: str
    rules: tuple[str, ...]
    reasons: tuple[Reason, ...]
    detector: DetectorIdentity
    severity: float | None = None
    priority: float | None = None
    family: str = ""
    context: str = ""
    calibrated: bool | None = None
    features: tuple[Feature, ...] = ()
    rank: float | None = None
    suppressed: bool = False


class _Explained(msgspec.Struct, frozen=True):
    """The fields that a detector gives, whichever it is."""

    reasons: tuple[Reason, ...]
    severity: float | None = None
    priority: float | None = None
    family: str = ""
    context: str = ""
    calibrated: bool | None = None
    features: tuple[Feature, ...] = ()


class _ReadVerdict(_Explained, frozen=True, kw_only=True):
    """The fields beside the trade's own, of whatever detector."""

    anomaly_id: str
    anomalies: tuple[str, ...]
    detector: DetectorIdentity
    episode_id: str = ""
    rank: float | None = None
    suppressed: bool = False


ANOMALY_MAX: Final = 2 * MESSAGE_MAX
"""Longest message in bytes that is read: a trade of any length, with as much about it."""

_VERDICT_BEGINS: Final = b',"anomaly_id":'
"""Never part of a JSON string, where a quote has a backslash before it."""

_decoder = msgspec.json.Decoder(_ReadVerdict)


def decode_anomaly(raw: bytes | None) -> Anomaly | Rejected:
    """Return the flagged trade in a message, or the reason there is none.

    Never raises, whatever the bytes. Trade and verdict are read apart where `as_message` put them
    together: fields of the same names that a stranger gave the trade say nothing about it. A
    message that another program wrote again, in any order, is read as a whole.

    Args:
        raw: value of a message on `anomalies`; None is a message without one.
    """
    if not raw:
        return Rejected("message_empty", "the message has no value")
    if len(raw) > ANOMALY_MAX:
        return Rejected("message_too_large", f"{len(raw)} bytes, at most {ANOMALY_MAX} are read")
    at = raw.rfind(_VERDICT_BEGINS)
    if at > 0:
        found = _read(raw[:at] + b"}", b"{" + raw[at + 1 :])
        if isinstance(found, Anomaly):
            return found
    return _read(raw, raw)


_explained_decoder = msgspec.json.Decoder(_Explained)


def refuse_unreadable(reasons: Sequence[Reason], extras: Mapping[str, Any]) -> None:
    """Raise `TypeError` or `ValueError` unless readers could read what a detector gives.

    >>> refuse_unreadable([Reason("My Rule", float("nan"), 1, "why")], {})
    Traceback (most recent call last):
    msgspec.ValidationError: Expected `int | float`, got `null` - at `$.reasons[0].value`
    """
    _explained_decoder.decode(_encoder.encode({**extras, "reasons": reasons}))


def _read(trade_part: bytes, verdict_part: bytes) -> Anomaly | Rejected:
    trade = decode(trade_part)
    if isinstance(trade, Rejected):
        return trade
    try:
        verdict = parsed(_decoder, verdict_part)
    except Unreadable as unreadable:
        return unreadable.rejected
    return Anomaly(
        trade,
        verdict.anomaly_id,
        verdict.episode_id,
        verdict.anomalies,
        verdict.reasons,
        verdict.detector,
        verdict.severity,
        verdict.priority,
        verdict.family,
        verdict.context,
        verdict.calibrated,
        verdict.features,
        verdict.rank,
        verdict.suppressed,
    )
