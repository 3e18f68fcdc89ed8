"""Writing files that are whole or not there."""

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from tape.errors import SettingsError


def check_writable(path: Path) -> None:
    """Raise `SettingsError` if a file cannot be written here; call it before long work for it."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise _cannot_write(path, f"{folder} is a file")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _cannot_write(path, "Permission denied")


def _cannot_write(path: Path, why: str | None) -> SettingsError:
    return SettingsError(f"cannot write {path} ({why}); choose another place")


class OutputFile:
    """A file that takes its final name only when everything was written without an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self._part.open("wb")
        except OSError as error:
            raise _cannot_write(self._path, error.strerror) from None
        return self

    def write(self, data: bytes) -> None:
        """Append to the file."""
        self._file.write(data)

    @property
    def binary(self) -> BinaryIO:
        """Return the open file, for libraries that write by themselves."""
        return self._file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if error is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)
