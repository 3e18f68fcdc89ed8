"""What an open episode adds up to, beyond its row of integers: its shares and its worst trade."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

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


UNKNOWN: Final = Worst()
"""Of an episode that the version before opened."""


class Sum(NamedTuple):
    """An open episode's shares and its worst trade, as they are added up: cheaper than `Worst`.

    Attributes:
        rank: what decides which of two trades is worse.
        notional: price times shares in 1e-9 dollars; without meaning where `shares` is None.
        trade: the worst trade itself; what was kept of it, if that is all that is known.
    """

    rank: float
    shares: int | None
    notional: int
    trade: "FlaggedTrade | Worst"

    def joined(self, other: Self) -> Self:
        """Return both together; `other` came later."""
        worse = other if other.rank > self.rank else self
        if self.shares is None or other.shares is None:
            return worse._replace(shares=None)
        shares, notional = self.shares + other.shares, self.notional + other.notional
        return type(self)(worse.rank, shares, notional, worse.trade)

    def worst(self) -> Worst:
        """Return it as it is written and kept."""
        notional = "" if self.shares is None else str(self.notional)
        trade = self.trade
        if isinstance(trade, Worst):
            return msgspec.structs.replace(trade, shares=self.shares, notional=notional)
        return _worst_of(trade, self.shares, notional)


class FlaggedTrade(NamedTuple):
    """What an episode may have to say of one of its trades.

    Attributes:
        priority: in its circumstances, which are the `context`; None if its detector gave none.
    """

    why: Explanation
    priority: float | None
    context: str
    publisher_id: int


def sum_of(trade: FlaggedTrade, price_nanos: int, size: int) -> Sum:
    """Return what a flagged trade alone would be as an episode."""
    rank = trade.priority
    if rank is None:
        rank = trade.why.extras.get("severity")
    return Sum(-1.0 if rank is None else rank, size, abs(price_nanos) * size, trade)


def sum_as_kept(worst: Worst) -> Sum:
    """Return what an episode that was kept adds up to."""
    rank = worst.severity if worst.priority is None else worst.priority
    if worst.publisher_id is None:  # nothing is known of it
        rank = -2.0
    return Sum(-1.0 if rank is None else rank, worst.shares, int(worst.notional or "0"), worst)


def _worst_of(trade: FlaggedTrade, shares: int | None, notional: str) -> Worst:
    why = trade.why
    family = why.extras.get("family")
    reason = telling_reason(why.reasons, family)
    rule = rule_named(reason.rule)
    if family is None and len(rule.families) == 1:
        family = rule.families[0]
    text = reason.text
    return Worst(
        shares=shares,
        notional=notional,
        priority=trade.priority,
        severity=why.extras.get("severity"),
        family=family,
        rule=rule.name,
        reason=text if len(text) <= REASON_MAX else text[: REASON_MAX - 1] + "…",
        context=trade.context,
        publisher_id=trade.publisher_id,
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
