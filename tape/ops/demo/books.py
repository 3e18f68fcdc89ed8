"""What a run sent, what is on its topic, and what the detector says of it: they have to agree."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from tape.errors import BooksError
from tape.kafka.reader import count_topic
from tape.streaming.positions import positions_topic, read_positions, totals

STOPPED = re.compile(r"detector stopped .*?\btrades=(\d+)")
DUPLICATE = re.compile(r"\bduplicate=(\d+)")
REJECTED = re.compile(r"\brejected=(\{[^}]*\})")


@dataclass(frozen=True, slots=True)
class Books:
    """Counts of trades.

    Attributes:
        sent: as the producer's positions have it.
        on_topic: counted on the input topic, committed ones.
        judged, duplicates, rejected: by the detector's own last word; None if it was started
            more than once, and each of its lives knows only its own.
    """

    sent: int
    on_topic: int
    judged: int | None = None
    duplicates: int = 0
    rejected: int = 0

    def check(self) -> None:
        """Raise `BooksError` unless all that was sent is there once, and accounted for."""
        if self.sent != self.on_topic:
            raise BooksError(
                f"the producer sent {self.sent:,} trades, and {self.on_topic:,} are on its topic",
                "this is a fault of this program, please report it",
            )
        if self.judged is None:
            return
        if self.sent != self.judged + self.duplicates + self.rejected:
            raise BooksError(
                f"{self.sent:,} trades were sent, but {self.judged:,} judged, {self.duplicates:,} "
                f"dropped as duplicates and {self.rejected:,} rejected by the detector",
                "this is a fault of this program, please report it",
            )


def read_books(client: dict[str, str], topic: str, detector_log: Path | None) -> Books:
    """Return the books of a run that has ended; without a log, as if started more than once."""
    sent, _ = totals(read_positions(client, positions_topic(topic)).files)
    on_topic = count_topic(client, topic)
    if detector_log is None:
        return Books(sent, on_topic)
    last = [x for x in detector_log.read_text(errors="replace").splitlines() if STOPPED.search(x)]
    if not last:
        raise BooksError("the detector did not say what it judged", f"read {detector_log}")
    judged, duplicate, rejected = (
        found.search(last[-1]) for found in (STOPPED, DUPLICATE, REJECTED)
    )
    assert judged is not None and duplicate is not None and rejected is not None  # noqa: S101, PT018
    counts = ast.literal_eval(rejected[1])
    return Books(sent, on_topic, int(judged[1]), int(duplicate[1]), sum(counts.values()))
