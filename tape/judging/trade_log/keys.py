"""Where the log lies in the state store: under each detector that has judged its trades.

A key is the JSON list `["classic",7]`: a symbol's key has two strings. The number is a place, used
again by a later record as soon as the one that lies there counts no more, so that there are never
more keys than records that count: a number for each record would leave a tombstone for each on
the changelog, for a day.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from tape.errors import StateError
from tape.judging.store import ByteStore

MARK: Final = struct.Struct("<4sHHQI")
"""Begins a whole state since there is a log: MARK, version, 0, number of the log's newest record
at that time, checksum."""


def log_key(profile: str, place: int) -> bytes:
    """Return the key of a record of a detector's log.

    >>> log_key("classic", 7)
    b'["classic",7]'
    """
    return msgspec.json.encode([profile, place])


def place_of(key: bytes) -> int | None:
    """Return the place that a key names, None if it is none of the log.

    >>> place_of(b'["classic",7]'), place_of(b'["classic","7"]'), place_of(b"[7]")
    (7, None, None)
    """
    try:
        found = msgspec.json.decode(key)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if isinstance(found, list) and len(found) == 2 and type(found[1]) is int:
        return found[1]
    return None


def marked(blob: bytes, number: int) -> bytes:
    """Return a whole state that says after which record of the log it was written."""
    return MARK.pack(b"MARK", 1, 0, number, zlib.crc32(struct.pack("<Q", number))) + blob


def unmarked(blob: bytes) -> tuple[int, bytes]:
    """Return number and rest of a whole state; 0 of one from before there was a log.

    Raises `StateError` if it is damaged.

    >>> unmarked(marked(b"state", 7)), unmarked(b"state")
    ((7, b'state'), (0, b'state'))
    """
    if not blob.startswith(b"MARK"):
        return 0, blob
    if len(blob) >= MARK.size:
        _, version, zero, number, checksum = MARK.unpack_from(blob)
        if (version, zero, checksum) == (1, 0, zlib.crc32(struct.pack("<Q", number))):
            return number, blob[MARK.size :]
    raise StateError(
        "what a state says of the log of trades is damaged", "start over with `tape state reset`"
    )


def mark_size(blob: bytes) -> int:
    """Return how many bytes of a whole state are its mark."""
    return MARK.size if blob.startswith(b"MARK") else 0


class LogStore:
    """The logs of detectors in a partition's store, all of them written alike."""

    def __init__(self, store: ByteStore, profiles: list[str]) -> None:
        """Read and write `store` under the names of `profiles`."""
        self._store, self._profiles = store, profiles

    def records(self, profile: str) -> Iterator[tuple[int, bytes]]:
        """Yield place and bytes of each record of a detector's log, in no order that counts."""
        begin = log_key(profile, 0)[:-2]
        for key, blob in self._store.between(begin + b"0", begin + b":"):
            place = place_of(key)
            if place is not None:
                yield place, blob

    def get(self, profile: str, place: int) -> bytes:
        """Return the record at a place of a detector's log; nothing where there is none."""
        return self._store.get_bytes(log_key(profile, place)) or b""

    def put(self, place: int, blob: bytes) -> None:
        """Write a record to a place of each detector's log."""
        for profile in self._profiles:
            self._store.set_bytes(log_key(profile, place), blob)

    def drop(self, place: int) -> None:
        """Delete what lies at a place of each detector's log."""
        for profile in self._profiles:
            self._store.delete(log_key(profile, place))
