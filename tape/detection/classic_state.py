"""The classic rules' memory: one array per field with a row per symbol, and rows as blobs."""

import struct
import zlib
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import numpy as np

from tape.detection.kernel_types import F32, I64, U8, U16, U64
from tape.errors import StateError

RING: Final = 1_024
"""Accepted trades that are remembered per symbol to recognise duplicates; a power of two."""
PUBLISHERS: Final = 64
"""Publishers per symbol whose newest time is remembered; Databento has some 110 in all."""
BREAKPOINTS: Final = 120
"""Room for places where a forest's verdict changes; at most 24 were seen on real data."""

ROOM_FACTOR: Final = 16
"""How many times as many rows there are each time there are too few.

Rows that no symbol has touched take no memory, and arrays made and freed at every size on the
way would leave holes that are never given back.
"""

ACCEPTED: Final = 0
"""Columns of `counters`, one int64 each: trades accepted so far; the others follow."""
LAST_PRICE: Final = 1
REFERENCE: Final = 2
SUM: Final = 3
SUM_OF_SQUARES: Final = 4
FAR: Final = 5
"""Prices in the window so far from the reference that 64 bits may not hold the sums."""
LEARNT: Final = 6
"""Values ever added to the training history."""
KNOWN_PUBLISHERS: Final = 7
FINE: Final = 8
"""1 from the first price on that is no multiple of 1e-4 dollars: the window is in 1e-9 then."""
BELOW: Final = 9
"""Verdict below the first breakpoint."""
BREAKS: Final = 10
HIGH_SQUARES: Final = 11
"""The upper 64 bits of the sum of squares, in fine units."""
COUNTERS: Final = 12


class ClassicState(NamedTuple):
    """State of all symbols.

    `ring` has two hashes per trade, zeros for one without a sequence. `newest` has three columns
    per publisher: its number, its newest time, and the highest sequence of that time. `ring_head`,
    `ring_next` and `indexed` are the index over the ring, see `tape.detection.duplicates`.
    """

    counters: I64
    window: I64
    history: F32
    breaks: F32
    ring: U64
    newest: I64
    ring_head: U16
    ring_next: U16
    indexed: I64
    dirty: U8


NOT_KEPT: Final = ("ring_head", "ring_next", "indexed", "dirty")
"""Fields that are no part of a symbol's blob: zero after a restore, and made again as needed."""


def classic_state(*, window: int, history: int) -> ClassicState:
    """Return the state of no symbols."""
    return ClassicState(
        counters=np.zeros((0, COUNTERS), np.int64),
        window=np.zeros((0, window), np.int64),
        history=np.zeros((0, history), np.float32),
        breaks=np.zeros((0, BREAKPOINTS), np.float32),
        ring=np.zeros((0, 2 * RING), np.uint64),
        newest=np.zeros((0, 3 * PUBLISHERS), np.int64),
        ring_head=np.zeros((0, 2 * RING), np.uint16),
        ring_next=np.zeros((0, RING), np.uint16),
        indexed=np.zeros((0, 1), np.int64),
        dirty=np.zeros((0, 1), np.uint8),
    )


class Fields(Protocol):
    """A named tuple of arrays with a row per symbol: `counters` first, `NOT_KEPT` among them."""

    def _asdict(self) -> dict[str, Any]: ...


State = TypeVar("State", bound=tuple[Any, ...])


def grown(state: State, rows: int) -> State:
    """Return a state with this many rows, the new ones zero."""
    arrays = []
    for old in state:
        new: Any = np.zeros((rows, old.shape[1]), old.dtype)
        new[: len(old)] = old
        arrays.append(new)
    return type(state)(*arrays)


MAGIC: Final = b"TAPE"
VERSION: Final = 2
_HEADER: Final = struct.Struct("<4sHH12s12sI")


def _kept(state: Fields) -> list[Any]:
    """Return the arrays that are kept, in their order."""
    return [array for name, array in state._asdict().items() if name not in NOT_KEPT]


def encode_row(
    state: Fields, row: int, *, profile: str, fingerprint: str, version: int = VERSION
) -> bytes:
    """Return one symbol's state: a header, then the rows of all fields in little-endian."""
    body = b"".join(
        array[row].astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        for array in _kept(state)
    )
    return encode_blob(body, profile=profile, fingerprint=fingerprint, version=version)


def decode_row(
    state: Fields,
    row: int,
    blob: bytes,
    *,
    profile: str,
    fingerprint: str,
    version: int = VERSION,
) -> None:
    """Put what `encode_row` returned into a row; raises `StateError` if it does not fit."""
    body = decode_blob(blob, profile=profile, fingerprint=fingerprint, known=version)
    kept = _kept(state)
    expected = sum(array.shape[1] * array.itemsize for array in kept)
    if len(body) != expected:
        raise StateError(
            f"state has {len(body)} bytes after its header where {expected} are expected; "
            "it is damaged: begin afresh with `tape state reset`"
        )
    at = 0
    counters = np.frombuffer(body, "<i8", COUNTERS)
    if not (
        counters[ACCEPTED] >= 0
        and counters[LEARNT] >= 0
        and 0 <= counters[KNOWN_PUBLISHERS] <= PUBLISHERS + 1
        and 0 <= counters[BREAKS] <= BREAKPOINTS
        and counters[FINE] in (0, 1)
    ):
        raise StateError("state holds impossible counters; begin afresh with `tape state reset`")
    for array in kept:
        array[row] = np.frombuffer(body, array.dtype.newbyteorder("<"), array.shape[1], at)
        at += array.shape[1] * array.itemsize
    for name, array in state._asdict().items():
        if name in NOT_KEPT:
            array[row] = 0


def encode_blob(body: bytes, *, profile: str, fingerprint: str, version: int = VERSION) -> bytes:
    """Return the body with a header that says whose it is, and its checksum."""
    header = _HEADER.pack(
        MAGIC, version, 0, profile.encode(), fingerprint.encode(), zlib.crc32(body)
    )
    return header + body


def decode_blob(blob: bytes, *, profile: str, fingerprint: str, known: int = VERSION) -> bytes:
    """Return the body of a blob; raises `StateError` if it is not for this detector."""
    if len(blob) < _HEADER.size:
        raise StateError(
            f"state has only {len(blob)} bytes; it is truncated: begin afresh with "
            "`tape state reset`"
        )
    magic, version, _, its_profile, its_fingerprint, checksum = _HEADER.unpack_from(blob)
    if magic != MAGIC:
        raise StateError("state does not begin with TAPE; it is not a detector's state")
    if version != known:
        raise StateError(
            f"state has version {version}, this program knows {known}; "
            "run the program that wrote it, or begin afresh with `tape state reset`"
        )
    found = its_profile.rstrip(b"\0").decode("ascii", "replace")
    if found != profile:
        raise StateError(f"state belongs to profile {found!r}, the detector is {profile!r}")
    found = its_fingerprint.decode("ascii", "replace")
    if found != fingerprint:
        raise StateError(
            f"state was kept with other parameters of the forest ({found}, now {fingerprint}); "
            "restore them, or begin afresh with `tape state reset`"
        )
    body = blob[_HEADER.size :]
    if zlib.crc32(body) != checksum:
        raise StateError("state does not match its checksum; it is damaged: delete it")
    return body
