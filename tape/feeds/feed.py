"""What a feed is: trades in batches, each of which says how far the feed is after it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tape.archives import RejectedRow
from tape.errors import TapeError

Since = Mapping[str, int]
"""How many rows lie behind of each part of a feed. A folder's parts are its files, by their
content; a feed that is one stream has one part."""


@dataclass(slots=True)
class FeedPart:
    """What a batch brings of one part of a feed.

    Attributes:
        rows: rows of the part that lie behind after this batch.
        trades: of the batch's new rows, those that are sent.
        skipped: those that are not trades, or of a symbol that is not wanted.
        rejected: those that could not be read.
        damaged: whether the part ended before its end.
        ended: whether nothing more of it comes.
    """

    rows: int
    trades: int = 0
    skipped: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    damaged: bool = False
    ended: bool = False


@dataclass(slots=True)
class FeedBatch:
    """Messages in the order of the tape, and what lies behind of each part once they are sent.

    `refused` is why a part could not be opened or read on.
    """

    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    ts_event_ns: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    parts: dict[str, FeedPart] = field(default_factory=dict)
    refused: TapeError | None = None


class Feed(Protocol):
    """Where trades come from: files, or a service that sends them as they happen."""

    def batches(self, since: Since, /) -> Iterator[FeedBatch]:
        """Yield what comes after `since`, in the order of the tape.

        From the same place the same messages come again, in the same order: a producer that was
        killed continues after its last transaction.
        """

    def close(self) -> None:
        """Let go of files and connections; a second call does nothing."""
