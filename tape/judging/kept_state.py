"""A symbol's episode beside the detector's state of the symbol, in one value of the state store."""

import struct
import zlib
from typing import Final

import numpy as np

from tape.codec.array_types import I64
from tape.errors import StateError
from tape.judging.episode_kernel import (
    AWAY,
    BY_RULE,
    CLOSED_COLUMNS,
    COLUMNS,
    EMPTY,
    FIRST_TIME,
    FIRST_TRADES,
    FLAGS,
    LAST_TIME,
    NEWEST,
    NO_PRICE,
    ORDINARY,
    RULE_BITS,
    SINCE_FLAG,
    TRADES,
)

MAGIC: Final = b"EPIS"
VERSION: Final = 3
"""Version of this layout."""
BEFORE: Final = 2
"""The version before, which is read too: no trades were counted, and no alert was described."""
BEFORE_COLUMNS: Final = 23
"""As many it kept: price, flags, all of the episode in the order of today."""
_HEADER: Final = struct.Struct("<4sHHI")
WORD: Final = 8
"""Bytes of an integer; the header says how many words follow."""
BEFORE_EPISODES: Final = b"TAPE"
"""Begins a detector's own state, which stood alone before there were episodes."""


def encode_kept(row: I64, alert: bytes, detector_state: bytes) -> bytes:
    """Return what is kept of a symbol: a header, its episode, the detector's state.

    Of the row, in little-endian, no more is kept than counts; `alert` is JSON, or nothing while no
    episode is open.
    """
    if not row[FLAGS]:
        row, alert = row[:CLOSED_COLUMNS], b""
    body = row.astype("<i8", copy=False).tobytes() + alert
    body += b" " * (-len(body) % WORD)
    header = _HEADER.pack(MAGIC, VERSION, len(body) // WORD, zlib.crc32(body))
    return header + body + detector_state


def decode_kept(blob: bytes) -> tuple[I64 | None, bytes, bytes]:
    """Return a symbol's row, its alert as JSON, and the detector's state.

    There is no row in a state from before episodes, and no alert where none is open, or where the
    version before kept it. Raises `StateError` if it is damaged or of another version.
    """
    if blob.startswith(BEFORE_EPISODES):
        return None, b"", blob
    if len(blob) < _HEADER.size:
        raise StateError(
            f"state has only {len(blob)} bytes: it is truncated",
            "start over with `tape state reset`",
        )
    magic, version, words, checksum = _HEADER.unpack_from(blob)
    if magic != MAGIC:
        raise StateError(
            "state begins neither with EPIS nor with TAPE: it is not a detector's",
            "start over with `tape state reset`",
        )
    if version not in (BEFORE, VERSION):
        raise StateError(
            f"state of episodes has version {version}, this program knows {VERSION}",
            "run the program that wrote it, or start over with `tape state reset`",
        )
    end = _HEADER.size + WORD * words
    body = blob[_HEADER.size : end]
    if zlib.crc32(body) != checksum or len(body) < end - _HEADER.size:
        raise _damaged("state of episodes does not match its checksum: it is damaged")
    row, alert = _before(body) if version == BEFORE else _newest(body)
    return row, alert, blob[end:]


def _damaged(what: str) -> StateError:
    return StateError(what, "start over with `tape state reset`")


def _newest(body: bytes) -> tuple[I64, bytes]:
    """Return row and alert of a body of this version."""
    row = EMPTY.copy()
    closed = WORD * CLOSED_COLUMNS
    if len(body) >= closed:
        row[:CLOSED_COLUMNS] = np.frombuffer(body[:closed], "<i8")
        if not row[FLAGS] and len(body) == closed:
            return row, b""
        whole = WORD * COLUMNS
        if row[FLAGS] and len(body) >= whole:
            row[:] = np.frombuffer(body[:whole], "<i8")
            return row, body[whole:].rstrip()
    raise _damaged("state of episodes has another length than it should: it is damaged")


def _before(body: bytes) -> tuple[I64, bytes]:
    """Return the row of a body of the version before: of a symbol that has traded often enough.

    Of an open episode all flagged trades count as far from the price before.
    """
    if len(body) != WORD * BEFORE_COLUMNS:
        raise _damaged("state of episodes has another length than it should: it is damaged")
    old = np.frombuffer(body, "<i8").astype(np.int64)
    row = EMPTY.copy()
    row[ORDINARY], row[FLAGS] = old[:2]
    if row[ORDINARY] == NO_PRICE and not row[FLAGS]:
        return row, b""
    row[TRADES] = FIRST_TRADES
    if row[FLAGS]:
        kept = BEFORE_COLUMNS - 2 - RULE_BITS
        row[FIRST_TIME : FIRST_TIME + kept] = old[2 : 2 + kept]
        row[BY_RULE:] = old[2 + kept :]
        row[NEWEST] = row[LAST_TIME]
        row[AWAY], row[SINCE_FLAG] = row[FLAGS], 1
    return row, b""
