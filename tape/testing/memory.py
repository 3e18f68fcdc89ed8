"""A state store and a topic that live in memory: what is written is there at once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tape.judging.judge import Judge
from tape.judging.state_keys import ProfileState
from tape.judging.trade_log.keep import keep
from tape.model.partitions import partition_of


class MemoryStore(dict[bytes, bytes]):
    """The state of a partition, as far as a judge sees it."""

    def get_bytes(self, key: bytes, /) -> bytes | None:
        """Return what is kept under a key, or None."""
        return self.get(key)

    def set_bytes(self, key: bytes, value: bytes, /) -> None:
        """Keep a value under a key."""
        self[key] = value

    def delete(self, key: bytes, /) -> None:
        """Drop what is kept under a key."""
        self.pop(key, None)

    def between(self, lower: bytes, upper: bytes, /) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values in the order of the keys, from one on and before another one."""
        for key in sorted(self):
            if lower <= key < upper:
                yield key, self[key]

    def of(self, profile: str) -> ProfileState:
        """Return what is kept under a profile."""
        return ProfileState(self, profile, set(), lambda *_: None)

    def commit(self, judge: Judge, profile: str) -> None:
        """Take what a judge has to keep, as the live detector does at a commit."""
        keep(judge, self.of(profile))


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a topic; `headers` as the Kafka client has them."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class MemoryTopic:
    """A topic whose records lie on the partitions where Kafka would put them.

    >>> topic = MemoryTopic(partitions=2)
    >>> topic.send(b"NVDA", b"a trade").offset
    0
    >>> [(record.key, record.value) for record in topic.records()]
    [(b'NVDA', b'a trade')]
    """

    def __init__(self, partitions: int = 1) -> None:
        self._lanes: list[list[Record]] = [[] for _ in range(partitions)]

    @property
    def partitions(self) -> int:
        """Return how many partitions it has."""
        return len(self._lanes)

    def send(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]] = (),
        *,
        partition: int | None = None,
    ) -> Record:
        """Append a record to the partition of its key (murmur2), or to the one that is named.

        Without either it goes to partition 0. Returns the record with its offset.
        """
        if partition is None:
            partition = 0 if key is None else partition_of(key, len(self._lanes))
        lane = self._lanes[partition]
        record = Record(partition, len(lane), key, value, tuple(headers))
        lane.append(record)
        return record

    def records(self, partition: int | None = None) -> list[Record]:
        """Return the records of a partition, or of all, one partition after the other."""
        lanes = self._lanes if partition is None else [self._lanes[partition]]
        return [record for lane in lanes for record in lane]

    def batches(self, size: int, *, partition: int = 0, start: int = 0) -> Iterator[list[Record]]:
        """Yield the records of a partition from an offset on, `size` at a time."""
        lane: Sequence[Record] = self._lanes[partition]
        for at in range(start, len(lane), size):
            yield list(lane[at : at + size])

    def newest(self) -> dict[bytes, bytes]:
        """Return the newest value of each key, as compaction leaves it: tombstones are gone."""
        found: dict[bytes, bytes] = {}
        for record in self.records():
            if record.key is not None:
                found.pop(record.key, None)
                if record.value is not None:
                    found[record.key] = record.value
        return found
