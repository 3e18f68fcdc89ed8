"""Writing folders that are whole or not there, and never in place of another one."""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from tape.errors import SettingsError
from tape.process.own_folder import MARKER, NOTE, PRIVATE, make_private, private
from tape.process.whole_file import unfinished


def check_new_folder(folder: Path) -> None:
    """Raise `SettingsError` if there is something by that name, or nothing can be written there."""
    if folder.is_symlink() or (folder.exists() and not _is_empty(folder)):
        raise SettingsError(
            f"{folder} exists, and is never replaced", "choose another name, or move it away"
        )
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir():
        raise SettingsError(f"cannot write {folder} ({above} is a file)", "choose another place")
    if not os.access(above, os.W_OK | os.X_OK):
        raise SettingsError(f"cannot write {folder} (no rights to {above})", "choose another place")


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of ours with these files, for its owner only.

    It is written under a name of its own beside it, and gets its name when all of it is on the
    disk. Raises `SettingsError` where that cannot be done.
    """
    check_new_folder(folder)
    part = folder.with_name(f".{folder.name[:50]}.{secrets.token_hex(8)}.part")
    try:
        make_private(folder.absolute().parent)
        with unfinished(part):
            _write(part, {MARKER: NOTE, **files})
            part.rename(folder)  # onto nothing, or an empty folder: of any other the system says no
        _sync(folder.absolute().parent)
    except OSError as error:
        raise SettingsError(
            f"cannot write {folder} ({error.strerror})", "choose another place"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(part: Path, files: Mapping[str, bytes]) -> None:
    part.mkdir(mode=PRIVATE)
    for name, data in files.items():
        with open(part / name, "xb", opener=private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    _sync(part)


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
