"""Reading what others put there: files only, and never more of them than was agreed.

Opening a pipe waits until somebody writes into it; a device, or a file that the kernel writes while
it is read, may never end. None of them is opened, whatever its name says.
"""

import errno
import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

KERNEL: Final = ("/proc", "/sys")
"""Where files are written by the kernel while they are read."""

KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
SMALL: Final = 1 << 20
"""Bytes of a file that a person writes by hand."""

LARGE: Final = 64 << 20
"""Bytes of a table of symbols or of labels, of more than any has."""


def other_than_file(about: os.stat_result) -> str | None:
    """Return what is no file of a disk in words, None for one that is."""
    if stat.S_ISREG(about.st_mode):
        return "a file of the kernel" if about.st_dev in _kernel() else None
    return KINDS.get(stat.S_IFMT(about.st_mode), "neither a file nor a folder")


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; raises `OSError`, which says so of what is no file.

    It is looked at before and after: a pipe could be put in its place meanwhile, and opening a
    device may already do something.
    """
    _refuse(path, path.stat())
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _refuse(path, os.fstat(descriptor))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: Path, most: int = SMALL) -> bytes:
    """Return a file whole; raises `OSError`, also if it has more than `most` bytes."""
    with open_file(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most >> 20:,} MiB", str(path))
    return data


def _refuse(path: Path, about: os.stat_result) -> None:
    other = other_than_file(about)
    if other is not None:
        raise OSError(errno.EINVAL, f"it is {other}, not a file", str(path))


@lru_cache(maxsize=1)
def _kernel() -> frozenset[int]:
    """Return the devices of the kernel's own file systems."""
    return frozenset(os.stat(place).st_dev for place in KERNEL if os.path.ismount(place))
