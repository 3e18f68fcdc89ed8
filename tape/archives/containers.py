"""Bytes of files and of members of zip archives, a block at a time, with no file kept open.

A member has a path below its archive, as if that were a folder. Nothing is written anywhere.
"""

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tape.archives.beginnings import GZIP, not_packed
from tape.archives.zip_members import Member, member_at
from tape.errors import ArchiveError
from tape.model.rejected import Rejected
from tape.process.regular_file import LARGE, open_file, read_file

BLOCK: Final = 64 * 1024
"""Bytes read from a file at once."""
SLICE: Final = 1_024
"""Compressed bytes fed at once: small, so that a bomb is seen before it fills the memory."""

RATIO_MAX: Final = 200
"""Honest trade files expand 6 to 9 times; twenty times as much no file of trades does."""

RATIO_FROM: Final = 1 << 20
"""Bytes that may expand as they like: a megabyte is no bomb, and short files repeat much."""
SIDECAR_MAX: Final = LARGE
TOLD_BY_END: Final = b"PAR1"
"""How files begin of which only the end says more: a member is read to it for these alone."""

LOCAL_HEADER: Final = struct.Struct("<4s22xHH")


def is_there(path: Path) -> bool:
    """Return whether there is a file, or a member of a zip archive, at a path."""
    return path.exists() or member_at(path) is not None


def small_file(path: Path) -> bytes:
    """Return a small file or member whole; raises `OSError` or `ValueError` if that cannot be.

    No more than `SIDECAR_MAX` bytes are read.
    """
    member = member_at(path)
    if member is None:
        return read_file(path, SIDECAR_MAX)
    if member.is_encrypted:
        raise ValueError("it is encrypted in its zip archive")
    data = bytearray()
    for part in raw(path):
        if isinstance(part, Rejected):
            raise ValueError(part.detail)
        data += part
        if len(data) > SIDECAR_MAX:  # what the archive says of its size may be wrong
            raise ValueError(f"it is larger than {SIDECAR_MAX >> 20:,} MiB")
    return bytes(data)


def ends(path: Path, most: int) -> tuple[bytes, bytes]:
    """Return the first block of a file or member, and its last bytes, `most` of them.

    Of what is damaged there is no end. Raises `OSError`, and `ArchiveError` as `raw` does.
    """
    if member_at(path) is None:
        with open_file(path) as file:
            head = file.read(BLOCK)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            return head, file.read(most)
    head, tail = b"", b""
    for block in raw(path):
        if isinstance(block, Rejected):
            return head, b""
        head = head or block
        tail = (tail + block)[-most:]
        if not head.startswith(TOLD_BY_END):
            break
    return head, tail


def raw(path: Path) -> Iterator[bytes | Rejected]:
    """Yield the bytes of a file, or of a member as they were before it was zipped, and any fault.

    Raises `OSError`, and `ArchiveError` for a file that is changed meanwhile.
    """
    member = member_at(path)
    if member is None:
        yield from _blocks(path, 0, None)
    else:
        yield from _unzipped(member)


def _blocks(path: Path, at: int, size: int | None) -> Iterator[bytes]:
    """Yield blocks of a file, which is opened for each: of many files none stays open."""
    seen, left = None, size
    while left is None or left > 0:
        with open_file(path) as file:
            about = os.fstat(file.fileno())
            same = about.st_ino, about.st_size, about.st_mtime_ns
            if seen is not None and same != seen:
                raise ArchiveError(
                    f"{path} was changed while it was read", "start again when it is whole"
                )
            seen = same
            file.seek(at)
            data = file.read(BLOCK if left is None else min(BLOCK, left))
        if not data:
            return
        at += len(data)
        left = None if left is None else left - len(data)
        yield data


def _unzipped(member: Member) -> Iterator[bytes | Rejected]:
    header = b"".join(_blocks(member.archive, member.header_at, LOCAL_HEADER.size))
    if len(header) < LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
        yield Rejected("archive_corrupt", "the zip archive has no such file where it lists it")
        return
    _, name, extra = LOCAL_HEADER.unpack(header)
    at = member.header_at + LOCAL_HEADER.size + name + extra
    packed = _blocks(member.archive, at, member.packed)
    data = _inflated(packed) if member.method == zipfile.ZIP_DEFLATED else packed
    size, crc = 0, 0
    for part in data:
        if isinstance(part, Rejected):
            yield part
            return
        size, crc = size + len(part), zlib.crc32(part, crc)
        yield part
    if size != member.size or crc != member.crc:
        yield Rejected("archive_corrupt", "the file is not the one that was zipped, by its CRC")


def _inflated(packed: Iterator[bytes]) -> Iterator[bytes | Rejected]:
    stream, taken, given = zlib.decompressobj(-zlib.MAX_WBITS), 0, 0
    for block in packed:
        for data in slices(block):
            taken += len(data)
            try:
                out = stream.decompress(data)
            except zlib.error as error:
                yield Rejected("archive_corrupt", f"near byte {taken} in the zip: {error}"[:200])
                return
            given += len(out)
            if expands_too_far(given, taken):
                yield too_far(given, taken)
                return
            if out:
                yield out
    if not stream.eof:
        yield Rejected("archive_truncated", f"the zip archive ends at byte {taken} of this file")


def gunzipped(packed: Iterator[bytes]) -> Iterator[bytes | Rejected]:
    """Yield what the members of a gzip file hold, one after the other, and any fault."""
    stream, taken, given, whole = zlib.decompressobj(31), 0, 0, 0
    for block in packed:
        if not taken and not GZIP.startswith(block[: len(GZIP)]):
            yield Rejected("archive_corrupt", not_packed(block, ".gz", "gzip"))
            return
        rest = block
        taken += len(block)
        while rest:
            if whole and stream.eof:
                rest = rest.lstrip(b"\0")  # tapes and disks pad with zeros
                if not rest:
                    break
            if stream.eof:
                stream = zlib.decompressobj(31)
            try:
                out = stream.decompress(rest)
            except zlib.error as error:
                where = "behind whole ones" if whole else f"near byte {taken}"
                text = f"no gzip data {where}: {error}"[:200]
                yield Rejected("archive_corrupt", text)
                return
            rest = stream.unused_data if stream.eof else b""
            whole += stream.eof
            given += len(out)
            if expands_too_far(given, taken):
                yield too_far(given, taken)
                return
            if out:
                yield out
    if not taken:
        yield Rejected("archive_truncated", "the file is empty")
    elif not stream.eof:
        yield Rejected("archive_truncated", f"the file ends at byte {taken} in its gzip data")


def slices(block: bytes) -> Iterator[bytes]:
    """Yield a block in pieces that are small enough to be decompressed at once."""
    for at in range(0, len(block), SLICE):
        yield block[at : at + SLICE]


def expands_too_far(given: int, taken: int) -> bool:
    """Return whether so few bytes cannot hold honest trades of this many."""
    return given > RATIO_FROM and given > RATIO_MAX * taken


def too_far(given: int, taken: int) -> Rejected:
    """Return that a file expands too far."""
    return Rejected(
        "archive_expands_too_far",
        f"{given} bytes from the first {taken}: more than {RATIO_MAX} times",
    )
