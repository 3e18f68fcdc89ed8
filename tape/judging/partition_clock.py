"""What is kept of a partition: how many of its records are behind, and how far its log has come."""

import struct
import zlib
from typing import Final, NamedTuple

from tape.errors import StateError

BEFORE: Final = struct.Struct("<4sHHqI")
"""TICK, version 1, 0, records, checksum: before there was a log."""
CLOCK: Final = struct.Struct("<4sHHqQI")
"""TICK, version 2, 0, records, number of the newest record of the log, checksum."""


class PartitionClock(NamedTuple):
    """Records of a partition that are behind, and the number of the log's newest record."""

    records: int
    number: int = 0


def encode_clock(clock: PartitionClock) -> bytes:
    """Return what is kept of a partition."""
    return CLOCK.pack(b"TICK", 2, 0, *clock, zlib.crc32(struct.pack("<qQ", *clock)))


def decode_clock(blob: bytes) -> PartitionClock:
    """Return what was kept of a partition; raises `StateError` for anything else."""
    if len(blob) == CLOCK.size:
        magic, version, zero, records, number, checksum = CLOCK.unpack(blob)
        expected = zlib.crc32(struct.pack("<q", records) + struct.pack("<Q", number))
        if (magic, version, zero, checksum) == (b"TICK", 2, 0, expected) and records >= 0:
            return PartitionClock(records, number)
    elif len(blob) == BEFORE.size:
        magic, version, zero, records, checksum = BEFORE.unpack(blob)
        expected = zlib.crc32(struct.pack("<q", records))
        if (magic, version, zero, checksum) == (b"TICK", 1, 0, expected) and records >= 0:
            return PartitionClock(records)
    raise StateError(
        "the count of a partition's records in the state is damaged",
        "start over with `tape state reset`",
    )
