"""A symbol's row beside the detector's state of the symbol, in one value of the state store."""

import struct
import zlib
from typing import Final

import numpy as np

from tape.codec.array_types import I64
from tape.errors import StateError
from tape.judging.episode_kernel import COLUMNS

MAGIC: Final = b"EPIS"
VERSION: Final = 2
"""Version of this layout; the one before had no publisher and ordinal of the first trade."""
_HEADER: Final = struct.Struct("<4sHHI")
BEFORE_EPISODES: Final = b"TAPE"
"""Begins a detector's own state, which stood alone before there were episodes."""


def encode_kept(row: I64, detector_state: bytes) -> bytes:
    """Return what is kept of a symbol: a header, its row in little-endian, the detector's state."""
    body = row.astype("<i8", copy=False).tobytes()
    return _HEADER.pack(MAGIC, VERSION, COLUMNS, zlib.crc32(body)) + body + detector_state


def decode_kept(blob: bytes) -> tuple[I64 | None, bytes]:
    """Return a symbol's row and the detector's state; no row of a state from before episodes.

    Raises `StateError` if the row is damaged or of another version.
    """
    if blob.startswith(BEFORE_EPISODES):
        return None, blob
    if len(blob) < _HEADER.size:
        raise StateError(
            f"state has only {len(blob)} bytes: it is truncated",
            "start over with `tape state reset`",
        )
    magic, version, columns, checksum = _HEADER.unpack_from(blob)
    if magic != MAGIC:
        raise StateError(
            "state begins neither with EPIS nor with TAPE: it is not a detector's",
            "start over with `tape state reset`",
        )
    if (version, columns) != (VERSION, COLUMNS):
        raise StateError(
            f"state of episodes has version {version}, this program knows {VERSION}",
            "run the program that wrote it, or start over with `tape state reset`",
        )
    end = _HEADER.size + 8 * COLUMNS
    body = blob[_HEADER.size : end]
    if zlib.crc32(body) != checksum:
        raise StateError(
            "state of episodes does not match its checksum: it is damaged",
            "start over with `tape state reset`",
        )
    return np.frombuffer(body, "<i8").astype(np.int64), blob[end:]
