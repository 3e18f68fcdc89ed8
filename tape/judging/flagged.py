"""What is known of a flagged trade, beside its message."""

from typing import NamedTuple


class Flagged(NamedTuple):
    """A flagged trade.

    Attributes:
        position: where its message stood in the batch.
        symbol: as its message has it.
        value: the message for `anomalies`.
        rules: names of the rules that fired, in the order of the detectors.
        ts_event_ns: when it happened, nanoseconds since 1970.
    """

    position: int
    symbol: str
    value: bytes
    rules: tuple[str, ...]
    ts_event_ns: int
