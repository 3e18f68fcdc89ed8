"""The states of several detectors of one symbol as one blob, and back."""

import struct
from typing import Final

from tape.errors import StateError

MAGIC: Final = b"MANY"
"""Begins it; the state of a single detector begins with TAPE."""
_COUNT: Final = struct.Struct("<4sH")
_PIECE: Final = struct.Struct("<12sI")
"""Before each state: the name of its detector, and its length."""


def encode_bundle(states: dict[str, bytes]) -> bytes:
    """Return the states of detectors, by name, as one blob.

    >>> decode_bundle(encode_bundle({"classic": b"a", "own": b""}))
    {'classic': b'a', 'own': b''}
    """
    parts = [_COUNT.pack(MAGIC, len(states))]
    for name, state in states.items():
        parts += [_PIECE.pack(name.encode(), len(state)), state]
    return b"".join(parts)


def decode_bundle(blob: bytes) -> dict[str, bytes]:
    """Return the states by name, in their order; raises `StateError` for anything else."""
    try:
        magic, count = _COUNT.unpack_from(blob)
        at, states = _COUNT.size, dict[str, bytes]()
        for _ in range(count):
            name, length = _PIECE.unpack_from(blob, at)
            at += _PIECE.size
            states[name.rstrip(b"\0").decode("ascii")] = blob[at : at + length]
            at += length
    except (struct.error, UnicodeDecodeError):
        magic, at = b"", -1
    if magic != MAGIC or at != len(blob):
        raise StateError(
            "state of several detectors is damaged", "start over with `tape state reset`"
        )
    return states
