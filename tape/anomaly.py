"""What a flagged trade is on `anomalies`: the trade's own bytes, with identity and reasons."""

from typing import Final, Literal

import msgspec

Rule = Literal["High Volume", "Rapid Price Change", "Isolation Forest"]

HIGH_VOLUME: Final[Rule] = "High Volume"
RAPID_PRICE_CHANGE: Final[Rule] = "Rapid Price Change"
ISOLATION_FOREST: Final[Rule] = "Isolation Forest"


class Reason(msgspec.Struct, frozen=True):
    """Why one rule fired.

    `value` is what was seen and `threshold` what was allowed, in the rule's own unit (shares,
    share of the previous price, standard deviations); `text` says both to a trader.
    """

    rule: Rule
    value: float | int
    threshold: float | int
    text: str


class DetectorIdentity(msgspec.Struct, frozen=True):
    """Which detector said so: its version and a hash of everything that decides a verdict."""

    version: str
    settings: str
