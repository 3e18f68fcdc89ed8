"""On which partition a key belongs: by Kafka's default, murmur2 over the key, as in Java.

A symbol's state lies in the partition of its trades, so all of them have to come to one.
librdkafka, and every client that is built on it, defaults to another hash (CRC32).
"""

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tape.model.rejected import Rejected

_SEED: Final = 0x9747B28C
_FACTOR: Final = 0x5BD1E995
"""Constants of Kafka's `Utils.murmur2`."""
_WORD: Final = 0xFFFFFFFF
"""32 bits, in which murmur2 counts."""
_POSITIVE: Final = 0x7FFFFFFF
"""What `Utils.toPositive` keeps: all bits but the sign."""


def murmur2(data: bytes) -> int:
    """Return the hash that Kafka's Java client takes of a key, as an unsigned number.

    >>> murmur2(b"21") - 2**32, murmur2(b"abc")
    (-973932308, 479470107)
    """
    mixed = _SEED ^ len(data)
    behind = len(data) & ~3
    for (word,) in struct.iter_unpack("<I", data[:behind]):
        word = word * _FACTOR & _WORD
        word = (word ^ word >> 24) * _FACTOR & _WORD
        mixed = (mixed * _FACTOR & _WORD) ^ word
    if behind < len(data):
        mixed = (mixed ^ int.from_bytes(data[behind:], "little")) * _FACTOR & _WORD
    mixed = (mixed ^ mixed >> 13) * _FACTOR & _WORD
    return mixed ^ mixed >> 15


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, as Kafka's own clients choose it.

    Args:
        key: the symbol in UTF-8.
        partitions: how many the topic has, at least 1.

    Returns:
        0 to `partitions` - 1.

    >>> partition_of(b"NVDA", 1)
    0
    """
    return (murmur2(key) & _POSITIVE) % partitions


@dataclass(frozen=True, slots=True)
class Partition:
    """One of the partitions of a topic.

    Attributes:
        number: from 0.
        partitions: how many the topic has.
    """

    number: int
    partitions: int

    def fault(self, symbol: str) -> Rejected | None:
        """Return why trades of a symbol may not be judged here; None if they may.

        Judged on two partitions, a symbol would have two states, and each anomaly come twice.
        """
        right = partition_of(symbol.encode(), self.partitions)
        if right == self.number:
            return None
        return Rejected(
            "partition_wrong",
            f"its key belongs on partition {right} of {self.partitions}, not on {self.number}: "
            "send with the partitioner murmur2, Kafka's default",
        )
