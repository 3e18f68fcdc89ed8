"""What is kept of a symbol's place among the others, before all else that is kept of it."""

import struct
import zlib
from typing import Final

from tape.codec.places import ESTABLISHED_TRADES
from tape.errors import StateError

SEEN: Final = struct.Struct("<4sHHqqI")
"""Begins what is kept since there are places: SEEN, version, 0, last record, trades, checksum."""


def encode_seen(last_record: int, trades_seen: int, rest: bytes) -> bytes:
    """Return all that is kept of a symbol: its last record, its trades, and the rest."""
    body = struct.pack("<qq", last_record, trades_seen)
    return SEEN.pack(b"SEEN", 1, 0, last_record, trades_seen, zlib.crc32(body)) + rest


def decode_seen(blob: bytes) -> tuple[int, int, bytes]:
    """Return a symbol's last record, its trades, and the rest of what is kept of it.

    A state from before there were places counts as established, and silent since the beginning.
    Raises `StateError` for a damaged one.
    """
    if not blob.startswith(b"SEEN"):
        return 0, ESTABLISHED_TRADES, blob
    if len(blob) >= SEEN.size:
        _, version, zero, last_record, trades_seen, checksum = SEEN.unpack_from(blob)
        if version != 1:
            raise StateError(
                f"state of a symbol's place has version {version}, this program knows 1",
                "run the program that wrote it, or start over with `tape state reset`",
            )
        body = struct.pack("<qq", last_record, trades_seen)
        if (zero, checksum) == (0, zlib.crc32(body)) and last_record >= 0 <= trades_seen:
            return last_record, trades_seen, blob[SEEN.size :]
    raise StateError("state of a symbol's place is damaged", "start over with `tape state reset`")
