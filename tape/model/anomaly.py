"""What a flagged trade is on `anomalies`: the trade's own bytes, with identity and reasons."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from tape.model.fields import NO_SEQUENCE


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
    """Which detector said so: its version and a hash of everything that decides a verdict."""

    version: str
    settings: str


class Feature(msgspec.Struct, frozen=True):
    """One property of a flagged trade: what was seen, and what is ordinary for the symbol.

    `median` is exceeded by half of the trades and `one_in_10k` by 1 in 10,000, all in `unit`;
    `share` is the property's part of the surprise, and the shares of a trade add up to 1.
    """

    name: str
    unit: str
    value: float
    median: float
    one_in_10k: float
    share: float


class Calibrated(msgspec.Struct, frozen=True):
    """What the calibrated profile says beyond the reasons.

    `severity` is -log10 of the chance of an ordinary trade to be as odd, 8 at most; `context` the
    place in the market's day; `calibrated` whether the symbol's own tails were used.
    """

    severity: float
    context: str
    calibrated: bool
    features: Sequence[Feature]


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


class _CalibratedVerdict(_Verdict, frozen=True):
    """What the calibrated profile adds."""

    severity: float
    context: str
    calibrated: bool
    features: Sequence[Feature]


_encoder = msgspec.json.Encoder()


def as_message(
    raw: bytes,
    *,
    anomaly_id: str,
    episode_id: str,
    reasons: Sequence[Reason],
    detector: DetectorIdentity,
    extras: Calibrated | None = None,
) -> bytes:
    """Return the message for `anomalies`: the trade's own bytes, the verdict spliced in.

    `raw` must be a message that `tape.model.trade.decode` took, so a JSON object with fields.
    """
    rules = [reason.rule for reason in reasons]
    verdict = _Verdict(anomaly_id, episode_id, rules, reasons, detector)
    if extras is not None:
        verdict = _CalibratedVerdict(
            anomaly_id,
            episode_id,
            rules,
            reasons,
            detector,
            extras.severity,
            extras.context,
            extras.calibrated,
            extras.features,
        )
    return raw.rstrip(b" \t\r\n")[:-1] + b"," + _encoder.encode(verdict)[1:]


def verdict_begins(raw: bytes) -> bytes:
    """Return how the message for `anomalies` begins that was made of `raw`, and no other does."""
    return raw.rstrip(b" \t\r\n")[:-1] + b',"anomaly_id":'
