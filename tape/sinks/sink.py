"""What a sink is: where anomalies and episodes go, beside the topics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Item:
    """A message of `anomalies` or `episodes`, as it lies on the topic.

    What the same trade or episode brings has the same id in it (`anomaly_id`, `episode_id`) each
    time: a sink that replaces by that id may be given an item twice.
    """

    value: bytes


@dataclass(frozen=True, slots=True)
class Poison:
    """An item that a sink can never take, and why: trying again does not help."""

    item: Item
    reason: str


class SinkBusyError(Exception):
    """The sink cannot take more at the moment; nothing given since the last flush counts.

    Attributes:
        retry_after_s: seconds to wait before the same items are given again.
    """

    def __init__(self, why: str, *, retry_after_s: float) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Sink(Protocol):
    """Takes items; `flush` makes sure of them, `close` follows in any case."""

    def write(self, items: Sequence[Item], /) -> Sequence[Poison]:
        """Take items, and return those that this sink can never take."""

    def flush(self) -> None:
        """Return when all that was written will still be there after a crash of this process.

        Raises:
            SinkBusyError: the items are to be given again, after a while.
        """

    def close(self) -> None:
        """Let go of files and connections; what was not flushed may be lost."""
