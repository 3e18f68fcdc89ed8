"""Writing files that are whole or not there, and never in place of somebody else's.

An output is refused where it would replace an input, whatever the path, link or hard link it is
named by, and where it would replace a file that this program did not make, unless that is asked
for. It is written under a unique name beside its own, and takes its own when it is whole.
"""

import errno
import os
import secrets
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import BinaryIO, Final, Self

from tape.errors import SettingsError
from tape.process.origin import is_own_output, made_here
from tape.process.own_folder import make_private

PRIVATE: Final = 0o600
"""What is found on a tape may be nobody else's business: files for their owner only."""

NAMED: Final = 100
"""Bytes of an output's name that its part has."""

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors that only writing has."""

BESIDE: Final = ("manifest.json", "symbology.csv", "symbology.json", "tapewatch.toml")
"""Files that are read with the one beside which they lie: inputs too."""

_unfinished: set[Path] = set()
"""Parts that are being written, and scratch folders: removed if a signal ends the process."""


def check_writable(path: Path, *, inputs: Iterable[Path] = (), force: bool = False) -> None:
    """Raise `SettingsError` if a file cannot be written here; call it before long work for it.

    Args:
        path: the file to come.
        inputs: files and folders that are read; none of them is ever replaced.
        force: whether a file that somebody else made may be replaced.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise _cannot_write(path, f"{folder} is a file")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _cannot_write(path, "Permission denied")
    _refuse_others(path, inputs, force=force)


def _cannot_write(path: Path, why: str | None) -> SettingsError:
    return SettingsError(f"cannot write {path} ({why})", "choose another place")


def _refuse_others(path: Path, inputs: Iterable[Path], *, force: bool) -> None:
    """Raise `SettingsError` where a file would replace an input, or what we did not make."""
    try:
        there = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise SettingsError(
                f"{path} is a link to nothing ({os.readlink(path)})", "name the file itself"
            ) from None
        return
    except OSError as error:
        raise _cannot_write(path, error.strerror) from None
    named = set(inputs)
    for taken in _files_of(named):
        with suppress(OSError):
            # An output of ours that lies in a folder of inputs is skipped there: it is none.
            same = os.path.samestat(there, taken.stat())
            if same and (taken in named or not is_own_output(path)):
                raise SettingsError(_is_an_input(path, taken), "name another file for the output")
    if not stat.S_ISREG(there.st_mode):
        raise _cannot_write(path, "it is a folder, a device or a pipe, not a file")
    if force:
        return
    try:
        ours = made_here(path)
    except OSError as error:
        raise _cannot_write(path, error.strerror) from None
    if not ours:
        raise SettingsError(
            f"{path} exists and was not made by tape",
            "choose another name, or replace it with --force",
        )


def _files_of(inputs: Iterable[Path]) -> Iterable[Path]:
    """Yield the files at these paths, beside and below them; links are followed, as in reading."""
    for given in inputs:
        seen: set[str] = set()
        if not given.is_dir():
            yield given
            yield from (given.with_name(name) for name in BESIDE)
            continue
        for place, folders, names in os.walk(given, followlinks=True):
            real = os.path.realpath(place)
            if real in seen:  # links in a circle
                folders.clear()
                continue
            seen.add(real)
            yield from (Path(place, name) for name in names)


def _is_an_input(path: Path, taken: Path) -> str:
    if path.absolute() == taken.absolute():
        return f"{path} is an input and must stay as it is"
    kind = "a link to" if path.resolve() == taken.resolve() else "the same file (hard link) as"
    if path.resolve() == taken.resolve() and not path.is_symlink():
        kind = "another path to"
    return f"{path} is {kind} the input {taken}"


class OutputFile:
    """A file that takes its final name only when everything was written without an error.

    It may be passed on before it is opened: nothing happens on the disk until it is entered.

    Args:
        path: the final name.
        inputs: files and folders that are read; none of them is ever replaced.
        force: whether a file that somebody else made may be replaced.
    """

    def __init__(self, path: Path, *, inputs: Iterable[Path] = (), force: bool = False) -> None:
        self.path, self._inputs, self._force = path, tuple(inputs), force
        begin = os.fsdecode(os.fsencode(path.name)[:NAMED])  # a name has 255 bytes at most
        self._part = path.with_name(f".{begin}.{secrets.token_hex(8)}.part")

    def check(self) -> None:
        """Raise `SettingsError` if it cannot be written; to be called before long work for it."""
        check_writable(self.path, inputs=self._inputs, force=self._force)

    def __enter__(self) -> Self:
        _refuse_others(self.path, self._inputs, force=self._force)
        try:
            make_private(self.path.parent)
            how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            _remove_parts_at_a_signal()
            _unfinished.add(self._part)
            self._file: BinaryIO = os.fdopen(os.open(self._part, how, PRIVATE), "wb")
        except OSError as error:
            _unfinished.discard(self._part)
            raise _cannot_write(self.path, error.strerror) from None
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
        try:
            if error is None:
                self._finish()
            else:
                _name(error, self.path)
                with suppress(OSError):  # a full disk refuses what was still held, too
                    self._file.close()
        finally:
            self._part.unlink(missing_ok=True)
            _unfinished.discard(self._part)

    def discard(self) -> None:
        """Drop what was written: there will be no file."""
        self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            with suppress(OSError):
                self._file.close()
        if not self._part.exists():  # discarded
            return
        _refuse_others(self.path, self._inputs, force=self._force)  # it may have come meanwhile
        self._part.replace(self.path)


def _name(error: BaseException, path: Path) -> None:
    """Say in an error of writing which file it was: the system does not."""
    if isinstance(error, OSError) and error.errno in FULL and error.filename is None:
        error.filename = str(path)


def _remove_parts_at_a_signal() -> None:
    """Have SIGTERM and SIGHUP remove what is unfinished, where they would end the process."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        try:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _remove_and_end)
        except ValueError:  # not the main thread, which has signals to itself
            return


@contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """Have SIGTERM and SIGHUP remove what is written at a path within this block."""
    _remove_parts_at_a_signal()
    _unfinished.add(path)
    try:
        yield
    finally:
        _unfinished.discard(path)


@contextmanager
def scratch_folder(prefix: str, *, beside: Path | None = None) -> Iterator[Path]:
    """Give a temporary folder, which goes with the block, and with SIGTERM and SIGHUP as well.

    It lies in the folder `beside`, if one is named, else where the system has such folders.

    What is copied into it is as private, and as licensed, as what it was copied from.
    """
    with tempfile.TemporaryDirectory(prefix=prefix, dir=beside) as name:
        folder = Path(name)
        with unfinished(folder):
            yield folder


def remove_parts() -> None:
    """Remove every part that is being written; for whoever ends the process at once."""
    for part in list(_unfinished):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
            continue
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _remove_and_end(number: int, frame: FrameType | None) -> None:
    remove_parts()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
