"""What is on its way to people, by where it came from: nothing behind it is committed."""

from collections import Counter
from dataclasses import dataclass

Place = tuple[int, int]
"""Partition and offset on `episodes` of the state that an announcement comes from."""


@dataclass(slots=True)
class _Lane:
    taken: int
    waiting: Counter[int]


class Underway:
    """Says per partition up to where all that was to be told has been acknowledged."""

    def __init__(self) -> None:
        self._lanes: dict[int, _Lane] = {}

    def took(self, partition: int, end: int) -> None:
        """Note that all records before `end` have been decided on."""
        lane = self._lanes.setdefault(partition, _Lane(0, Counter()))
        lane.taken = max(lane.taken, end)

    def began(self, place: Place) -> None:
        """Note that an announcement of a record is on its way."""
        partition, offset = place
        self._lanes.setdefault(partition, _Lane(0, Counter())).waiting[offset] += 1

    def ended(self, place: Place) -> None:
        """Note that an announcement of a record has been acknowledged or given up for good."""
        partition, offset = place
        lane = self._lanes.get(partition)
        if lane is None or offset not in lane.waiting:
            return  # of a partition that went away meanwhile
        lane.waiting[offset] -= 1
        if not lane.waiting[offset]:
            del lane.waiting[offset]

    def forget(self) -> None:
        """Forget all partitions: they went away, and what was not committed comes again."""
        self._lanes.clear()

    def safe(self, partition: int, offset: int) -> int:
        """Return the largest offset to commit, at most `offset`."""
        lane = self._lanes.get(partition)
        return offset if lane is None else min([offset, *lane.waiting])

    def ends(self) -> dict[int, int]:
        """Return by partition up to where it may be committed."""
        return {part: self.safe(part, lane.taken) for part, lane in self._lanes.items()}

    def __len__(self) -> int:
        return sum(lane.waiting.total() for lane in self._lanes.values())
