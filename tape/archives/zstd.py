"""Files as chunks of whole lines, in constant memory, with damage seen.

Every archive of DataBento has many zstd frames and the first holds only the header. Readers that
stop at the end of a frame return nothing but that, and `stream_reader` takes a file that was cut
short for a whole one. So frames are read one by one, and each must come to its end.
"""

import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zstandard

from tape.archives.beginnings import GZIP, ZSTD, not_packed
from tape.archives.containers import expands_too_far, gunzipped, raw, slices, too_far
from tape.errors import ArchiveError
from tape.model.rejected import RAW_MAX, Rejected

WINDOW_MAX: Final = 2**27
"""Bytes: the 128 MB that `zstd -d` itself takes unless it is told otherwise (--long=27)."""
MAGICS: Final = (
    ZSTD,
    *(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16)),  # RFC 8878: frames to be skipped
)
PACKED_MOST: Final = 3
"""Times that a beginning is unpacked: packed twice happens, more is made to be looked at for
ever."""
CHUNK: Final = 256 * 1024
"""Bytes that are unpacked at a time."""
LINE_MAX: Final = 65_536
"""Bytes of a line; of a longer one the beginning is kept. """


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line of more than `LINE_MAX` bytes, of which only the beginning was kept."""

    raw: bytes
    size: int
    sha256: str


Piece = bytes | LongLine | Rejected


def pieces(path: Path, chunk: int = CHUNK) -> Iterator[Piece]:
    """Yield chunks of whole lines (each with its newline), long lines, and at last any fault.

    Raises `ArchiveError` if the file cannot be read at all.
    """
    carry, long_line = bytearray(), None
    for data in decompressed(path):
        if isinstance(data, Rejected):
            whole = carry.rfind(b"\n") + 1  # the line that the fault cuts through is not a line
            if whole:
                yield bytes(carry[:whole])
            yield data
            return
        if long_line is not None:
            end = data.find(b"\n")
            long_line.feed(data if end < 0 else data[:end])
            if end < 0:
                continue
            yield long_line.ended()
            long_line, data = None, data[end + 1 :]
        carry += data
        if len(carry) < chunk:
            continue
        end = carry.rfind(b"\n") + 1
        if end:
            yield bytes(carry[:end])
            del carry[:end]
        if len(carry) > LINE_MAX and b"\n" not in carry:
            long_line = _LongLine(bytes(carry))
            carry.clear()
    if long_line is not None:
        yield long_line.ended()
    if carry:
        yield bytes(carry) + (b"" if carry.endswith(b"\n") else b"\n")


class _LongLine:
    def __init__(self, data: bytes) -> None:
        self._raw, self._size, self._hash = data[:RAW_MAX], len(data), hashlib.sha256(data)

    def feed(self, data: bytes) -> None:
        self._size += len(data)
        self._hash.update(data)

    def ended(self) -> LongLine:
        return LongLine(self._raw, self._size, self._hash.hexdigest())


def compression_of(path: Path) -> str:
    """Return how a file is compressed by its name: zst, gz or nothing."""
    suffix = path.suffix.lower().removeprefix(".")
    return suffix if suffix in ("zst", "gz") else ""


def unpacked_beginning(first: bytes, most: int) -> bytes:
    """Return the first bytes, `most` of them, of what begins so and may be packed, even twice."""
    for _ in range(PACKED_MOST):
        try:
            if first.startswith(GZIP):
                first = zlib.decompressobj(31).decompress(first, most)
            elif first.startswith(ZSTD):
                zstd = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX)
                first = zstd.stream_reader(io.BytesIO(first), read_across_frames=True).read(most)
            else:
                break
        except (zlib.error, zstandard.ZstdError):
            return b""
    return first[:most]


def decompressed(path: Path) -> Iterator[bytes | Rejected]:
    """Yield what a file or a member of a zip holds, decompressed as its name says, and any fault.

    Raises `ArchiveError` if it cannot be read at all.
    """
    packed = _Packed(path)
    unpack = {"zst": _frames, "gz": gunzipped, "": _plain}[compression_of(path)]
    try:
        for data in unpack(iter(packed)):
            if isinstance(data, Rejected):
                yield packed.fault or data
                return
            yield data
        if packed.fault is not None:
            yield packed.fault
    except OSError as error:
        raise ArchiveError(
            f"cannot read {path} ({error.strerror})",
            "restore the file or its rights and start again; the other files were sent",
        ) from None


class _Packed:
    """The bytes of a file in slices; `fault` is what ended them too early."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._whole = not compression_of(path)
        self.fault: Rejected | None = None

    def __iter__(self) -> Iterator[bytes]:
        for block in raw(self._path):
            if isinstance(block, Rejected):
                self.fault = block
                return
            if self._whole:
                yield block
            else:
                yield from slices(block)


def _plain(blocks: Iterator[bytes]) -> Iterator[bytes | Rejected]:
    empty = True
    for block in blocks:
        empty = False
        yield block
    if empty:
        yield Rejected("archive_truncated", "the file is empty")


def _frames(slices: Iterator[bytes]) -> Iterator[bytes | Rejected]:
    """Yield what the frames hold; the last value is the fault, if there is one."""
    zstd = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX)
    frame, taken, given, start, rest = None, 0, 0, 0, b""
    for data in slices:
        taken += len(data)
        rest += data
        while rest:
            if frame is None:
                if len(rest) < 4 and any(magic.startswith(rest) for magic in MAGICS):
                    break  # the magic number itself is cut by the slice
                start = taken - len(rest)
                if not rest.startswith(MAGICS):
                    yield _not_a_frame(start, rest)
                    return
                frame = zstd.decompressobj()
            try:
                out = frame.decompress(rest)
            except zstandard.ZstdError as error:
                text = f"frame at byte {start}, near byte {taken}: {error}"
                yield Rejected("archive_corrupt", text)
                return
            rest = frame.unused_data if frame.eof else b""
            if frame.eof:
                frame = None
            given += len(out)
            if expands_too_far(given, taken):
                yield too_far(given, taken)
                return
            if out:
                yield out
    if frame is not None or rest or not taken:
        where = f"the last frame begins at byte {start}" if taken else "no frame at all"
        yield Rejected("archive_truncated", f"the file ends at byte {taken}; {where}")


def _not_a_frame(start: int, rest: bytes) -> Rejected:
    if start == 0:
        return Rejected("archive_not_zstd", not_packed(rest, ".zst", "zstd"))
    return Rejected("archive_corrupt", f"no zstd frame at byte {start}, behind whole ones")
