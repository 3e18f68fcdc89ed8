"""What an open episode adds up to, beyond its row of integers: its shares and its worst trade."""

from collections.abc import Sequence
from typing import Final, Self

import msgspec

from tape.detection.protocol import Explanation
from tape.errors import StateError
from tape.model.anomaly import Reason
from tape.model.rules import Family, Rule, rule_named

REASON_MAX: Final = 500
"""Characters of a reason that an episode keeps; a detector from elsewhere may write any number."""


class Worst(msgspec.Struct, frozen=True, omit_defaults=True):
    """The trade of the highest priority, of equal ones the first, and what all have together.

    Attributes:
        shares: of all flagged trades; None if some were flagged by a version that did not count.
        notional: price times shares of these, in 1e-9 dollars, as digits: too large for a word.
        priority: None if the detector gives none; then the severity ranks, then the time.
        rule: the rule that says most about it, with its `reason`; empty if nothing is known.
        publisher_id: the venue of the worst trade, None if nothing is known.
    """

    shares: int | None = None
    notional: str = ""
    priority: float | None = None
    severity: float | None = None
    family: Family | None = None
    rule: str = ""
    reason: str = ""
    context: str = ""
    publisher_id: int | None = None

    @property
    def rank(self) -> float:
        """Return what decides which of two trades is worse."""
        if self.publisher_id is None:
            return -2.0
        if self.priority is not None:
            return self.priority
        return -1.0 if self.severity is None else self.severity

    def joined(self, other: Self) -> Self:
        """Return both together; `other` came later."""
        worse = other if other.rank > self.rank else self
        if self.shares is None or other.shares is None:
            return msgspec.structs.replace(worse, shares=None, notional="")
        notional = str(int(self.notional) + int(other.notional))
        return msgspec.structs.replace(worse, shares=self.shares + other.shares, notional=notional)


UNKNOWN: Final = Worst()
"""Of an episode that the version before opened."""


def worst_of(
    why: Explanation,
    *,
    priority: float | None,
    context: str,
    publisher_id: int,
    price_nanos: int,
    size: int,
) -> Worst:
    """Return what a flagged trade alone would be as an episode."""
    family = why.extras.get("family")
    reason = telling_reason(why.reasons, family)
    rule = rule_named(reason.rule)
    if family is None and len(rule.families) == 1:
        family = rule.families[0]
    text = reason.text
    return Worst(
        shares=size,
        notional=str(abs(price_nanos) * size),
        priority=priority,
        severity=why.extras.get("severity"),
        family=family,
        rule=rule.name,
        reason=text if len(text) <= REASON_MAX else text[: REASON_MAX - 1] + "…",
        context=context,
        publisher_id=publisher_id,
    )


def telling_reason(reasons: Sequence[Reason], family: str | None) -> Reason:
    """Return the reason farthest beyond its threshold, of those that look at the family if known.

    >>> forest = Reason("Isolation Forest", -5.0, -4.0, "odd")
    >>> telling_reason([Reason("High Volume", 50_000, 20_000, "large"), forest], None).text
    'large'
    >>> telling_reason([Reason("High Volume", 50_000, 20_000, "large"), forest], "price").text
    'odd'
    """
    fitting = [one for one in reasons if family in _families(rule_named(one.rule))]
    return max(fitting or reasons, key=_beyond)


def _families(rule: Rule) -> tuple[str | None, ...]:
    return rule.families


def _beyond(reason: Reason) -> float:
    return abs(reason.value / reason.threshold) if reason.threshold else 0.0


_decoder = msgspec.json.Decoder(Worst)
_encoder = msgspec.json.Encoder()


def encode_worst(worst: Worst) -> bytes:
    """Return it as what is kept."""
    return _encoder.encode(worst)


def decode_worst(kept: bytes) -> Worst:
    """Return what was kept; of nothing, what is known of an episode of the version before.

    Raises `StateError` for anything else.
    """
    if not kept:
        return UNKNOWN
    try:
        found = _decoder.decode(kept)
        int(found.notional or "0")
    except (msgspec.DecodeError, ValueError):  # text that is not UTF-8 among them
        raise StateError(
            "what the state holds of an open episode cannot be read: it is damaged",
            "start over with `tape state reset`",
        ) from None
    return found
