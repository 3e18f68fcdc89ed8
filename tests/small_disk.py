"""Disks of a few megabytes that a test can fill."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import disk_usage

import pytest


@contextlib.contextmanager
def mounted(folder: Path, size_mb: int) -> Iterator[Path]:
    """Mount a disk of its own in memory; skips the test where that is not allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no small disk could be mounted here (needs root): full disk not tested")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, *, leave_bytes: int = 0) -> Path:
    """Fill a disk up but for this many bytes, and return the file that did it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while (room := disk_usage(disk).free - leave_bytes) > 0:
            file.write(b"\0" * room)
    return ballast
