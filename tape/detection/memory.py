"""A symbol's row of every field as one blob, and back; zeros at the ends are neither kept nor made.

The arrays begin as zeros that take no memory, as far as the system's pages go. A symbol that has
traded little has filled the beginnings of its rows only, so its blob is small, and a restore
touches no more than these. numpy asks the system for pages of 2 MB where arrays are large: with
10,000 symbols the detector is half as fast again by them. NUMPY_MADVISE_HUGEPAGE=0 turns that off.
"""

import struct
import zlib
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from tape.codec.array_types import I64, U8
from tape.codec.compiling import compiled
from tape.codec.eight_bytes import NONE, load64
from tape.detection.duplicates import KNOWN_PUBLISHERS, PUBLISHERS
from tape.errors import StateError

ROOM_FACTOR: Final = 16
"""How many times as many rows there are each time there are too few.

Rows that no symbol has touched take no memory, and arrays made and freed at every size on the
way would leave holes that are never given back.
"""


NOT_KEPT: Final = ("ring_head", "ring_next", "indexed", "dirty")
"""Fields that are no part of a symbol's blob: zero after a restore, and made again as needed."""


MAGIC: Final = b"TAPE"
HEADER: Final = struct.Struct("<4sHH12s12sI")
LENGTH: Final = struct.Struct("<I")
"""Before the bytes of each field: how many there are without the zeros at its end."""
PAGE: Final = 4_096
"""Bytes of a page of memory: one that is never written to is never held."""

Check = Callable[[I64], bool]
"""Answers whether counters of a kept state, in full, may be those of a symbol."""


class Fields(Protocol):
    """A named tuple of arrays with a row per symbol: `counters` first, `NOT_KEPT` among them."""

    @property
    def counters(self) -> I64:
        """Return the array of counters, which a detector and the duplicates share."""

    def _asdict(self) -> dict[str, Any]: ...


@compiled
def used_bytes(cells: U8) -> int:
    """Return how many bytes there are without the zeros at the end."""
    end = len(cells)
    while end >= 8 and load64(cells, end - 8) == NONE:
        end -= 8
    while end > 0 and cells[end - 1] == 0:
        end -= 1
    return end


@compiled
def copy_used(old: U8, new: U8) -> None:
    """Copy bytes to where zeros are, leaving out pages that are zero."""
    for at in range(0, len(old), PAGE):
        end = min(at + PAGE, len(old))
        if used_bytes(old[at:end]):
            new[at:end] = old[at:end]


State = TypeVar("State", bound=tuple[Any, ...])


def grown(state: State, rows: int) -> State:
    """Return a state with this many rows, the new ones zero, which take no memory yet."""
    arrays = []
    for old in state:
        new: Any = np.zeros((rows, old.shape[1]), old.dtype)
        copy_used(old.reshape(-1).view(np.uint8), new.reshape(-1).view(np.uint8))
        arrays.append(new)
    return type(state)(*arrays)


def cells_of(array: Any, row: int) -> U8:
    """Return the bytes of a row, in place; little-endian, as is all this program runs on."""
    cells: U8 = array[row].view(np.uint8)
    return cells


def encode_row(state: Fields, row: int, *, profile: str, fingerprint: str, version: int) -> bytes:
    """Return one symbol's state: a header, then of each field a length and the bytes."""
    body = encode_fields(state, row)
    return encode_blob(body, profile=profile, fingerprint=fingerprint, version=version)


def encode_fields(state: Fields, row: int) -> bytes:
    """Return of each field of one symbol a length and the bytes, without a header."""
    parts = []
    for name, array in state._asdict().items():
        if name not in NOT_KEPT:
            cells = cells_of(array, row)
            used = used_bytes(cells)
            parts += [LENGTH.pack(used), cells[:used].tobytes()]
    return b"".join(parts)


def decode_row(
    state: Fields,
    row: int,
    blob: bytes,
    *,
    profile: str,
    fingerprint: str,
    version: int,
    check: Check,
    before: bool = True,
) -> None:
    """Put what `encode_row` returned into a row; raises `StateError` if it does not fit.

    With `before` the version before is read too, whose fields are in full. `check` knows the
    detector's own counters; those of the duplicates are checked here.
    """
    known = (version, version - 1) if before else (version,)
    found, body = decode_blob(blob, profile=profile, fingerprint=fingerprint, known=known)
    decode_fields(state, row, body, check=check, packed=found == version)


def decode_fields(
    state: Fields, row: int, body: bytes, *, check: Check, packed: bool = True
) -> None:
    """Put what `encode_fields` returned into a row; raises `StateError` if it does not fit."""
    kept = {name: array for name, array in state._asdict().items() if name not in NOT_KEPT}
    sizes = [array.shape[1] * array.itemsize for array in kept.values()]
    pieces = _packed(body, sizes) if packed else _in_full(body, sizes)
    counters = counters_of(pieces[0], state.counters.shape[1])
    if not (0 <= counters[KNOWN_PUBLISHERS] <= PUBLISHERS + 1 and check(counters)):
        raise StateError("state holds impossible counters", "start over with `tape state reset`")
    for array, piece in zip(kept.values(), pieces, strict=True):
        cells = cells_of(array, row)
        used = used_bytes(cells)
        cells[: len(piece)] = np.frombuffer(piece, np.uint8)
        cells[len(piece) : used] = 0
    for name in NOT_KEPT:
        clear(state._asdict()[name], row)


def counters_of(piece: bytes, count: int) -> I64:
    """Return the first counters of a symbol from the bytes of that field."""
    return np.frombuffer(piece[: 8 * count].ljust(8 * count, b"\0"), "<i8")


def first_piece(body: bytes, *, packed: bool) -> bytes:
    """Return the bytes of the counters, with which a body begins."""
    if not packed:
        return body
    (length,) = LENGTH.unpack_from(body)
    return body[LENGTH.size : LENGTH.size + length]


def clear(array: Any, row: int) -> None:
    """Make a row zero, without touching what is zero at its end."""
    cells = cells_of(array, row)
    cells[: used_bytes(cells)] = 0


def clear_row(state: Fields, row: int) -> None:
    """Make a symbol's row of every field zero."""
    for array in state._asdict().values():
        clear(array, row)


def _packed(body: bytes, sizes: list[int]) -> list[bytes]:
    """Return the bytes of each field, without zeros at the end."""
    pieces, at = [], 0
    for size in sizes:
        (length,) = LENGTH.unpack_from(body, at) if at + LENGTH.size <= len(body) else (size + 1,)
        at += LENGTH.size
        if length > size or at + length > len(body):
            raise _damaged(f"a field of {length} bytes where at most {size} fit")
        pieces.append(body[at : at + length])
        at += length
    if at != len(body):
        raise _damaged(f"{len(body) - at} bytes too many")
    return pieces


def _in_full(body: bytes, sizes: list[int]) -> list[bytes]:
    """Return the same of the version before, in which each field had all of its bytes."""
    if len(body) != sum(sizes):
        raise _damaged(f"{len(body)} bytes after its header where {sum(sizes)} are expected")
    ends = np.cumsum(sizes).tolist()
    return [body[end - size : end].rstrip(b"\0") for size, end in zip(sizes, ends, strict=True)]


def _damaged(what: str) -> StateError:
    return StateError(f"state has {what}: it is damaged", "start over with `tape state reset`")


def encode_blob(body: bytes, *, profile: str, fingerprint: str, version: int) -> bytes:
    """Return the body with a header that says whose it is, and its checksum."""
    header = HEADER.pack(
        MAGIC, version, 0, profile.encode(), fingerprint.encode(), zlib.crc32(body)
    )
    return header + body


def decode_blob(
    blob: bytes, *, profile: str, fingerprint: str, known: tuple[int, ...]
) -> tuple[int, bytes]:
    """Return version and body of a blob; raises `StateError` if it is not for this detector.

    `known` has the versions that can be read, the newest first.
    """
    if len(blob) < HEADER.size:
        raise StateError(
            f"state has only {len(blob)} bytes: it is truncated",
            "start over with `tape state reset`",
        )
    magic, version, _, its_profile, its_fingerprint, checksum = HEADER.unpack_from(blob)
    if magic != MAGIC:
        raise StateError(
            "state does not begin with TAPE: it is not a detector's",
            "start over with `tape state reset`",
        )
    if version not in known:
        raise StateError(
            f"state has version {version}, this program knows {known[0]}",
            "run the program that wrote it, or start over with `tape state reset`",
        )
    found = its_profile.rstrip(b"\0").decode("ascii", "replace")
    if found != profile:
        raise StateError(
            f"state belongs to profile {found!r}, the detector is {profile!r}",
            f"set PROFILE={found}, or start over with `tape state reset`",
        )
    found = its_fingerprint.decode("ascii", "replace")
    if found != fingerprint:
        raise StateError(
            f"state was kept with other parameters of the forest ({found}, now {fingerprint})",
            "restore them, or start over with `tape state reset`",
        )
    body = blob[HEADER.size :]
    if zlib.crc32(body) != checksum:
        raise StateError(
            "state does not match its checksum: it is damaged", "start over with `tape state reset`"
        )
    return version, body
