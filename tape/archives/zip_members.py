"""What a zip archive lists: its files, each with a path below it, and where their bytes lie."""

import os
import stat
import struct
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final

from tape.process.regular_file import open_file

MEMBERS_MAX: Final = 10_000
"""Far above what is delivered, a file per day or symbol."""
PATH_MAX: Final = 4_000
"""Bytes of a path below an archive: less than systems take, for sidecars lie beside it."""

LISTED_MAX: Final = 8 << 20
"""Bytes of an archive's list of files, of which each is an object before any can be counted."""

END: Final = struct.Struct("<4s8xI6x")
END_64: Final = struct.Struct("<4s36xQ")
END_IN: Final = END.size + 2**16
"""Bytes at an archive's end in which its end record lies: its comment is shorter than 64 KiB."""
ENCRYPTED: Final = 1
"""Bit of a member's flags."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a zip archive: where its bytes lie and how they are packed."""

    archive: Path
    name: str
    header_at: int
    packed: int
    size: int
    method: int
    crc: int
    is_encrypted: bool
    is_link: bool


def is_zip(path: Path) -> bool:
    """Return whether a path is a zip archive by its name."""
    return path.suffix.lower() == ".zip"


def members(archive: Path) -> dict[Path, Member]:
    """Return the files in a zip archive by their paths below it.

    Raises `ValueError` in words if it is damaged, or not what its name says.
    """
    about = archive.stat()
    return _members(archive, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=8)
def _members(archive: Path, _mtime_ns: int, size: int) -> dict[Path, Member]:
    try:
        if _listed_bytes(archive) > LISTED_MAX:
            raise ValueError(f"its list of files has more than {LISTED_MAX >> 20} MiB")
        with zipfile.ZipFile(archive) as opened:
            infos = [info for info in opened.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise ValueError(f"the zip archive is damaged: {error}"[:200]) from None
    if len(infos) > MEMBERS_MAX:
        raise ValueError(
            f"{len(infos):,} files in a zip archive, of which at most {MEMBERS_MAX:,} are read"
        )
    if sum(info.compress_size for info in infos) > size:
        raise ValueError("files of the zip archive overlap, as in a zip bomb")
    found: dict[Path, Member] = {}
    for info in infos:
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        path = archive.joinpath(*(part for part in parts if part not in ("/", "..")))
        if len(os.fsencode(path)) > PATH_MAX:
            raise ValueError(f"a name in the zip archive is longer than {PATH_MAX:,} bytes")
        if path in found:
            raise ValueError(f"two files in the zip archive are called {info.filename}"[:200])
        found[path] = Member(
            archive,
            info.filename,
            info.header_offset,
            info.compress_size,
            info.file_size,
            info.compress_type,
            info.CRC,
            bool(info.flag_bits & ENCRYPTED),
            stat.S_ISLNK(info.external_attr >> 16),
        )
    return found


def _listed_bytes(archive: Path) -> int:
    """Return how many bytes of an archive are said to list its files, where `zipfile` looks."""
    with open_file(archive) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - END_IN))
        tail = file.read(END_IN)
    at = len(tail) - END.size
    if at < 0 or not tail.startswith(b"PK\5\6", at) or not tail.endswith(b"\0\0"):
        at = tail.rfind(b"PK\5\6")
    if at < 0 or at + END.size > len(tail):
        return 0  # which is no archive
    (listed,) = END.unpack_from(tail, at)[1:]
    at_64 = tail.rfind(b"PK\6\6", 0, at)
    if 0 <= at_64 <= len(tail) - END_64.size:
        listed = max(listed % 0xFFFF_FFFF, END_64.unpack_from(tail, at_64)[1])
    return int(listed)


def member_at(path: Path) -> Member | None:
    """Return the member of a zip archive at a path, or None if the path is not below one."""
    for above in path.parents:
        if is_zip(above) and above.is_file():
            try:
                return members(above).get(path)
            except ValueError:
                return None
    return None
