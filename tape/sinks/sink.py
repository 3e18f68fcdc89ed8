"""What a sink is: where anomalies and episodes go, beside the topics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

import msgspec

Kind = Literal["anomalies", "episodes", "bars", "reviews", "rejected", "stocks"]
"""What an item is: a message of the topic of that role, whatever the topic is called."""

APPENDED_MAX_MS: Final = 4_102_444_800_000
"""2100: a client may have any time written down, also one for which no store has room."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
COMPACTED: Final[frozenset[Kind]] = frozenset({"episodes", "bars", "reviews"})
"""Whose topics are compacted: there a message without a value says that its key is no more."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """A message as it lies on its topic.

    What the same trade or episode brings has the same id in it (`anomaly_id`, `episode_id`) each
    time: a sink that replaces by that id may be given an item twice.

    Attributes:
        value: the message itself.
        kind: what it is.
        topic, partition, offset: where it lies; empty and 0 where that does not matter.
        appended_ms: when the broker took it, milliseconds since 1970; `APPENDED_MAX_MS` at most.
        key: of the record.
        headers: of the record.
    """

    value: bytes
    kind: Kind = "anomalies"
    topic: str = ""
    partition: int = 0
    offset: int = 0
    appended_ms: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def age(self) -> tuple[int, int]:
        """Return what grows from each message of an id to the next, also on a topic made again."""
        return self.appended_ms, self.offset

    @property
    def is_deletion(self) -> bool:
        """Return whether it says that its key is no more. A store forgets nothing."""
        return self.kind in COMPACTED and not self.value


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


class Store(Sink, Protocol):
    """A sink that keeps what it was given before: it may be given the same items again.

    Its `write` returns when the items are safe. It raises `SinkBusyError` where they are to be
    given again after a while, and `StoreError` where that needs a person.
    """

    def open(self) -> None:
        """Connect, and see that everything is there.

        Raises:
            StoreAwayError: nobody answers; trying again may be all it takes.
            StoreError: the store refuses, or is not as it has to be.
        """

    def begin(self, topic: str, partition: int, offset: int) -> None:
        """Note that a partition's items come from this offset on, which was not committed yet."""
