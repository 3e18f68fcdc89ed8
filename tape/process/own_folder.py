"""Folders that are ours: for their owner only, and only what lies in them is ever deleted."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tape.errors import SettingsError

MARKER: Final = ".tapewatch"
"""Marks a folder as ours."""

NOTE: Final = (
    b"This folder was made by Tapewatch, which may empty it at its next run.\n"
    b"Without this file it is left alone.\n"
)
PRIVATE: Final = 0o700
"""Mode of a folder that is its owner's only."""
PRIVATE_FILE: Final = 0o600
"""Mode of a file that is its owner's only."""


def make_private(folder: Path) -> None:
    """Make a folder, and what is missing above it, for its owner only; raises `OSError`.

    A folder that is there keeps its rights.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=PRIVATE, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def private(path: str, flags: int) -> int:
    """Open a file that is new for its owner only, and through no link; for `open(opener=…)`."""
    return os.open(path, flags | os.O_NOFOLLOW, PRIVATE_FILE)


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Hold a folder of ours: one that is new, empty, or was made by an earlier run.

    Raises `SettingsError` if it holds what others put there, or another process holds it.
    """
    make_own(folder)
    with (folder / MARKER).open("rb") as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"another run is at work in {folder}", "wait for its end, or choose another folder"
            ) from None
        yield


def make_own(folder: Path) -> None:
    """Make a folder of ours, or recognise it.

    Raises `SettingsError` if it holds what others put there or cannot be made.
    """
    try:
        make_private(folder)
        if is_own(folder):
            return
        if any(folder.iterdir()):
            raise SettingsError(
                f"{folder} holds files that were not put there by this command (it has no "
                f"{MARKER})",
                "name a new or an empty folder",
            )
        how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(folder / MARKER, how, PRIVATE_FILE)
    except (FileExistsError, NotADirectoryError):
        if is_own(folder):  # made by another process just now
            return
        raise SettingsError(f"{folder} is not a folder", "choose another place") from None
    except OSError as error:
        raise SettingsError(
            f"cannot write to {folder} ({error.strerror})", "choose another place"
        ) from None
    with os.fdopen(descriptor, "wb") as marker:
        marker.write(NOTE)


def is_own(folder: Path) -> bool:
    """Return whether a folder is ours: a folder itself, not a link to one, with the marker."""
    marker = folder / MARKER
    return folder.is_dir() and marker.is_file() and not marker.is_symlink()


def empty_own(folder: Path) -> None:
    """Delete a folder of ours with all that is in it; nothing if there is none.

    Raises `SettingsError` if it is not ours: a link, or without the marker.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not is_own(folder):
        raise SettingsError(
            f"{folder} was not made by this command (it has no {MARKER}) and would be deleted",
            "move it away, or name another folder",
        )
    shutil.rmtree(folder)
