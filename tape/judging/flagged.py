"""What is known of a flagged trade, beside its message."""

from typing import NamedTuple

from tape.detection.protocol import Explanation
from tape.judging.episodes import Placed


class Standing(NamedTuple):
    """By what a flagged trade is ranked among others, without another look at its message.

    Attributes:
        episode_id: of the episode that it belongs to.
        opens: whether it is the first of it.
        priority, severity: None if its detector gives none.
        beyond: how many times its threshold it reached, the most of its reasons.
    """

    episode_id: str
    opens: bool
    priority: float | None
    severity: float | None
    beyond: float


class Flagged(NamedTuple):
    """A flagged trade.

    Attributes:
        position: where its message stood in the batch.
        symbol: as its message has it.
        value: the message for `anomalies`.
        rules: names of the rules that fired, in the order of the detectors.
        ts_event_ns: when it happened, nanoseconds since 1970.
        anomaly_id: its identity.
        place: where it belongs, and `why` it was flagged.
    """

    position: int
    symbol: str
    value: bytes
    rules: tuple[str, ...]
    ts_event_ns: int
    anomaly_id: str
    place: Placed
    why: Explanation

    def standing(self) -> Standing:
        """Return by what it is ranked."""
        name, _, priority = self.place
        beyond = [abs(one.value / one.threshold) for one in self.why.reasons if one.threshold]
        severity = self.why.extras.get("severity")
        return Standing(name, self.anomaly_id == name, priority, severity, max(beyond, default=0.0))
