"""The detector's circuit breakers: one a partition, its count in each commit.

A partition's own count depends on its messages alone: one of the app would depend on how the
partitions' messages fall together, and on which of them an instance has. What trips one is kept
as well, in a commit of its own, so a start with the same limits ends before anything is taken.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from tape.errors import BreakerError
from tape.judging.judge import Unread
from tape.judging.store import ByteStore
from tape.settings.detector import DetectorSettings
from tape.streaming.breaker import Breaker, Trip
from tape.streaming.message_batch import MessageBatch

COUNT: Final = b'["breaker"]'
TRIP: Final = b'["breaker tripped"]'
"""Keys of a partition in the state store; those of symbols' states are other JSON."""


class Breakers:
    """The breakers of the partitions that this instance has."""

    def __init__(self, settings: DetectorSettings, store_of: Callable[[int], ByteStore]) -> None:
        """Read and write counts in the store of a partition, which `store_of` returns."""
        self._settings, self._store_of = settings, store_of
        self._of: dict[int, Breaker] = {}
        self._begins: dict[int, int] = {}
        self._changed: set[int] = set()

    def begin(self, offsets: dict[int, int]) -> None:
        """Take note of partitions that come, and of the offset at which each begins."""
        self._begins.update(offsets)

    def refuse_what_tripped(self) -> None:
        """Raise `BreakerError` if a partition that has come stands before what tripped it.

        To be called when the state of what has come is recovered.
        """
        while self._begins:
            partition, offset = self._begins.popitem()
            kept = self._store_of(partition).get_bytes(TRIP)
            if kept is None:
                continue
            trip = msgspec.json.decode(kept, type=Trip)
            if offset <= trip.at and self._breaker(partition).refuses(trip):
                raise self.error(partition, trip)

    def note(self, batch: MessageBatch, unread: Sequence[Unread]) -> Trip | None:
        """Count a batch; returns what trips the breaker, by its offset, if anything does."""
        partition = batch.partition
        reasons = [(one.position, one.rejected.reason) for one in unread]
        counted, trip = self._breaker(partition).after(len(batch.messages), reasons)
        self._of[partition] = counted
        self._changed.add(partition)
        if trip is None:
            return None
        return msgspec.structs.replace(trip, at=batch.messages[trip.at].offset())

    def keep_trip(self, partition: int, trip: Trip) -> None:
        """Write what tripped a partition's breaker, to be committed without anything else."""
        self._store_of(partition).set_bytes(TRIP, msgspec.json.encode(trip))

    def flush(self) -> None:
        """Write the counts that have changed since the last commit."""
        for partition in sorted(self._changed):
            self._store_of(partition).set_bytes(COUNT, self._of[partition].kept())
        self._changed.clear()

    def forget(self, partitions: list[int]) -> None:
        """Drop the counts of partitions that now belong to another instance."""
        for partition in partitions:
            self._of.pop(partition, None)
            self._begins.pop(partition, None)
            self._changed.discard(partition)

    def _breaker(self, partition: int) -> Breaker:
        breaker = self._of.get(partition)
        if breaker is None:
            settings, kept = self._settings, self._store_of(partition).get_bytes(COUNT)
            breaker = Breaker(settings.rejected_share_max, settings.rejected_run_max, kept)
            self._of[partition] = breaker
        return breaker

    def error(self, partition: int, trip: Trip) -> BreakerError:
        """Return what is to be raised for what tripped a partition's breaker."""
        topic = self._settings.input
        return self._of[partition].error(
            trip,
            of=f"{topic}[{partition}] up to offset {trip.at}",
            cure=f"fix what writes to {topic}",
        )
