"""How reviewed alerts rank the next ones: the scoring, which needs nothing but the message.

A ranking is learnt by `tape learn` (`tape.desk.learn`) and used where trades are judged. It ranks
what is flagged already, from the numbers that its message carries: it flags nothing, drops nothing
and remembers nothing. The message of an anomaly gets two fields more, behind all others.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from tape.model.anomaly import Anomaly, Reason, decode_anomaly
from tape.model.fields import NANOS
from tape.model.rejected import Rejected
from tape.model.rules import CALIBRATED, ISOLATION_FOREST, RULES

EVEN: Final = 7.0
"""The rank at which as many alerts are confirmed as dismissed; one more is twice the odds. Half of
the largest."""
MOST_RANK: Final = 14.0
"""As much as a priority is at most: both are read in the same lists."""
DIGITS: Final = 2
ONE_IN: Final = 20
"""One episode in this many is shown whatever its rank, so that a wrong ranking is found out."""
LARGEST: Final = 1e12
"""No number of an alert counts as more: it is more dollars than any symbol trades in a day."""

PROPERTIES: Final = {
    "distance from local mean": "distance",
    "jump in one trade": "jump",
    "move in ten trades": "ten trades",
    "size": "size",
    "stuck run": "stuck",
    "signed volume in 10 ms": "burst",
}
"""Names of the calibrated profile's features, and what they are called here."""
WORDS: Final = {rule.name: rule.word for rule in RULES if rule.unit != CALIBRATED.unit}
"""Rules that have thresholds, and what they are called here; a severity stands by itself."""
REGULAR: Final = "regular"

NUMBERS: Final = {
    "severity": "severity, 0 if the detector has none",
    "priority": "priority, 0 if the detector has none",
    "shares": "shares",
    "notional": "dollars",
    **dict.fromkeys(PROPERTIES.values(), "times what 1 in 10,000 trades of the symbol exceed"),
    **dict.fromkeys(WORDS.values(), "times the threshold, 0 if the rule did not fire"),
    ISOLATION_FOREST.word: "1 + standard deviations beyond the normal, 0 if it did not fire",
    "side N": "1 if neither buyer nor seller is named, else 0",
    "not regular": "1 in an auction and outside regular trading, else 0",
}
"""What is known of every alert, whichever detector flagged it: names and units."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What one number of an alert adds to its rank.

    The number counts as ln(1 + number), kept between `least` and `most`: what lies beyond all that
    was reviewed counts as the edge of it.

    Attributes:
        name: of `NUMBERS`.
        weight: natural log of the odds that one standard deviation more adds.
        mean, deviation: of ln(1 + number) among the reviewed alerts.
        least, most: bounds of it among them.
    """

    name: str
    weight: float
    mean: float
    deviation: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """What was learnt from reviews, as it is used.

    Attributes:
        bias: natural log of the odds of an alert whose numbers are all at their means.
        weights: of the numbers that differed among the reviewed alerts.
        suppress_below: alerts of a lower rank are suppressed; None if none is.
        suppress_kinds: what is oddest of an alert, and its side: only of these that were dismissed
            again and again any is suppressed.
        suppress_up_to_priority: none of a higher priority is ever suppressed: all that were
            dismissed had less.
        digest: differs when anything of the file differs.
    """

    bias: float
    weights: tuple[Weight, ...]
    suppress_below: float | None
    suppress_kinds: frozenset[tuple[str, str]]
    suppress_up_to_priority: float
    digest: str

    def rank(self, alert: Anomaly) -> float:
        """Return how likely an alert is to be confirmed, 0 to 14.

        7 is as likely as not, and each one more is twice the odds.
        """
        numbers = numbers_of(alert)
        log_odds = self.bias
        for one in self.weights:
            value = min(max(math.log1p(numbers[one.name]), one.least), one.most)
            log_odds += one.weight * ((value - one.mean) / one.deviation)
        return round(min(max(EVEN + log_odds / math.log(2.0), 0.0), MOST_RANK), DIGITS)

    def suppresses(self, alert: Anomaly, rank: float) -> bool:
        """Return whether an alert of this rank is suppressed."""
        if self.suppress_below is None or rank >= self.suppress_below:
            return False
        if kind_of(alert) not in self.suppress_kinds:
            return False
        if _number(alert.priority) > self.suppress_up_to_priority:
            return False
        return not shown_anyway(alert.episode_id or alert.anomaly_id)

    def marked(self, message: bytes) -> tuple[bytes, bool]:
        """Return an anomaly's message with `rank` and `suppressed`, and whether it is suppressed.

        The numbers are read from the message itself, as they were when the ranking was learnt. A
        message that no reader takes, because what is said in it is too long, stays as it is.
        """
        alert = decode_anomaly(message)
        if isinstance(alert, Rejected):
            return message, False
        rank = self.rank(alert)
        suppressed = self.suppresses(alert, rank)
        fields = msgspec.json.encode({"rank": rank, "suppressed": suppressed})
        return message[:-1] + b"," + fields[1:], suppressed


def shown_anyway(episode_id: str) -> bool:
    """Return whether an episode is the one in twenty that is never suppressed.

    A hash decides: the same one is shown live, in replay and after a restart.
    """
    digest = hashlib.sha256(episode_id.encode()).digest()
    return int.from_bytes(digest[:8]) % ONE_IN == 0


def kind_of(alert: Anomaly) -> tuple[str, str]:
    """Return what is oddest of an alert, a property or else its first rule, and its side."""
    oddest = max(alert.features, key=lambda one: one.share, default=None)
    if oddest is not None:
        return PROPERTIES.get(oddest.name, oddest.name), alert.trade.side
    return (alert.rules[0] if alert.rules else "no rule"), alert.trade.side


def numbers_of(alert: Anomaly) -> dict[str, float]:
    """Return the numbers of an alert by their names, none of them below 0."""
    numbers = dict.fromkeys(NUMBERS, 0.0)
    numbers["severity"] = _number(alert.severity)
    numbers["priority"] = _number(alert.priority)
    numbers["shares"] = _number(alert.trade.size)
    numbers["notional"] = _number(abs(alert.trade.price_nanos) / NANOS * alert.trade.size)
    for feature in alert.features:
        name = PROPERTIES.get(feature.name)
        if name is not None:
            numbers[name] = _number(_times(feature.value, feature.one_in_10k))
    for name, value in _of_rules(alert.reasons):
        numbers[name] = _number(value)
    numbers["side N"] = float(alert.trade.side == "N")
    numbers["not regular"] = float(alert.context != "" and not alert.context.startswith(REGULAR))
    return numbers


def _of_rules(reasons: tuple[Reason, ...]) -> Iterator[tuple[str, float]]:
    for reason in reasons:
        if reason.rule == ISOLATION_FOREST.name:
            apart = abs(_bounded(reason.value) - _bounded(reason.threshold))
            yield ISOLATION_FOREST.word, 1.0 + apart
        elif reason.rule in WORDS:
            yield WORDS[reason.rule], _times(reason.value, reason.threshold)


def _times(value: float, of: float) -> float:
    return _bounded(value) / _bounded(of) if of > 0.0 else 0.0


def _bounded(value: float) -> float:
    """Return a number that can be calculated with: JSON's integers have any length."""
    return float(min(max(value, -LARGEST), LARGEST))


def _number(value: float | None) -> float:
    """Return a number as it counts: 0 for what is missing, below 0 or no number.

    >>> _number(None), _number(-3), _number(float("nan")), _number(10**400)
    (0.0, 0.0, 0.0, 1000000000000.0)
    """
    if value is None or not value > 0.0:
        return 0.0
    return _bounded(value)
