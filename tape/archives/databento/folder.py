"""A whole job into its folder: several files at once, each whole or not there."""

import fcntl
import json
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec

from tape.archives.databento.client import Service
from tape.archives.databento.download import (
    Download,
    StoppedError,
    Wanted,
    is_safe_name,
    wanted_file,
)
from tape.archives.discovery import SIDECARS
from tape.errors import ArchiveError, FetchError, SettingsError
from tape.process.own_folder import make_private
from tape.process.regular_file import LARGE, read_file
from tape.process.whole_file import OutputFile

MANIFEST = "manifest.json"
GIVE_UP_S = 1.0
"""How long Ctrl-C waits for downloads to end by themselves; a silent one is left behind."""


@dataclass(slots=True)
class Fetched:
    """How a job's fetching goes: what there is to do, and what was done, in files and bytes."""

    folder: Path
    files: int = 0
    bytes_total: int = 0
    bytes_here: int = 0
    fetched: list[str] = field(default_factory=list)
    were_here: list[str] = field(default_factory=list)
    damaged: list[ArchiveError] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def advance(self, change: int) -> None:
        """Count bytes that are at hand now, or no longer."""
        with self._lock:
            self.bytes_here += change


class _Manifest(msgspec.Struct):
    job_id: str


class JobFolder:
    """The folder of one job below `output`; `threads` files are fetched at a time."""

    def __init__(self, service: Service, job_id: str, output: Path, threads: int = 4) -> None:
        if not is_safe_name(job_id):
            raise FetchError(f"{job_id[:80]!r} is no job's id", "`tape fetch --list` shows them")
        self.service, self.job_id, self._threads = service, job_id, threads
        self.progress = Fetched(output / job_id)

    def prepare(self, only: str = "") -> list[Wanted]:
        """Return the files that the job lists, checked; raises `FetchError`.

        With a pattern as a shell has it, only those that fit, and the sidecars that explain them.
        """
        listed = self.service.files(self.job_id)
        if not listed:
            raise FetchError(
                f"{self.service.host} lists no file for job {self.job_id} although it is done",
                "look at it in DataBento's portal",
            )
        files = [wanted_file(one, self.service) for one in listed]
        names = Counter(file.name.casefold() for file in files)  # some disks ignore case
        if names.total() > len(names):
            twice = names.most_common(1)[0][0]
            raise FetchError(
                f"{self.service.host} lists {twice} twice for job {self.job_id}",
                "look at it in DataBento's portal",
            )
        if only:
            files = _fitting(files, only)
        self._listed = listed
        self.progress.files = len(files)
        self.progress.bytes_total = sum(file.size for file in files)
        return files

    def fetch(self, files: Sequence[Wanted]) -> Fetched:
        """Fetch what is not there yet, and check what is.

        Raises `ArchiveError` if files came damaged, after all the others were fetched.
        """
        folder = self.progress.folder
        try:
            make_private(folder)
        except OSError as error:
            raise SettingsError(
                f"--output: {folder} cannot be made ({error.strerror})", "choose another folder"
            ) from None
        with _held(folder):
            self._refuse_a_full_disk(files)
            self._keep_manifest(files)
            self._fetch_all(files)
        if self.progress.damaged:
            damaged = self.progress.damaged
            remedies = dict.fromkeys(one.remedy for one in damaged)
            raise ArchiveError("; ".join(one.cause for one in damaged), "; ".join(remedies))
        return self.progress

    def _fetch_all(self, files: Sequence[Wanted]) -> None:
        waiting: SimpleQueue[Wanted] = SimpleQueue()
        for file in sorted(files, key=lambda file: -file.size):
            waiting.put(file)
        stop, failed = threading.Event(), list[BaseException]()
        workers = [
            # daemons: a silent server must not keep Ctrl-C waiting for its read timeout
            threading.Thread(target=self._work, args=(waiting, stop, failed), daemon=True)
            for _ in range(min(self._threads, len(files)))
        ]
        for worker in workers:
            worker.start()
        try:
            while not stop.is_set() and any(worker.is_alive() for worker in workers):
                stop.wait(0.05)
        finally:
            stop.set()
            for worker in workers:
                worker.join(GIVE_UP_S)
        if failed:
            raise failed[0]

    def _work(
        self, waiting: "SimpleQueue[Wanted]", stop: threading.Event, failed: list[BaseException]
    ) -> None:
        done = self.progress
        while not stop.is_set():
            try:
                file = waiting.get_nowait()
            except Empty:
                return
            try:
                new = Download(file, done.folder, self.service, done.advance).run(stop)
                (done.fetched if new else done.were_here).append(file.name)
            except ArchiveError as error:  # the other files may still be good
                done.damaged.append(error)
            except StoppedError:
                return
            except Exception as error:  # raised again by the thread that waits
                failed.append(error)
                stop.set()

    def _refuse_a_full_disk(self, files: Sequence[Wanted]) -> None:
        """Raise `SettingsError` before anything is fetched that cannot fit."""
        folder = self.progress.folder
        needed = sum(max(0, file.size - _size_here(folder / file.name)) for file in files)
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise SettingsError(
                f"--output: {folder} has {free:,} bytes free, but the files need {needed:,} more",
                "free space or choose another disk",
            )

    def _keep_manifest(self, files: Sequence[Wanted]) -> None:
        """Write down the hashes, in DataBento's own form, for those who read the files later."""
        if any(file.name == MANIFEST for file in files):
            return  # comes with the files
        path = self.progress.folder / MANIFEST
        content = {"job_id": self.job_id, "files": msgspec.to_builtins(self._listed)}
        text = json.dumps(content, indent=4).encode()
        held = read_file(path, LARGE) if path.is_file() else None
        if held != text:
            with OutputFile(path, force=held is not None and self._is_ours(held)) as file:
                file.write(text)

    def _is_ours(self, manifest: bytes) -> bool:
        """Return whether a manifest is one that was written for this job before."""
        try:
            return msgspec.json.decode(manifest, type=_Manifest).job_id == self.job_id
        except (ValueError, RecursionError, msgspec.MsgspecError):
            return False


def _fitting(files: list[Wanted], only: str) -> list[Wanted]:
    fitting = {file.name for file in files if fnmatchcase(file.name, only)}
    if not fitting:
        names = ", ".join(file.name for file in files[:5]) + (", …" if len(files) > 5 else "")
        raise FetchError(f"--only: no file of the job fits {only!r}", f"choose from {names}")
    return [file for file in files if file.name in fitting | SIDECARS]


def _size_here(target: Path) -> int:
    """Return how many bytes of a file need no new room: its own, or its part's."""
    part = target.with_name(target.name + ".part")
    return part.stat().st_size if part.is_file() else _size(target)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder: two programs that write the same parts would spoil each other's."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FetchError(
                f"another `tape fetch` is at work in {folder}", "let it end, or end it"
            ) from None
        yield
    finally:
        os.close(descriptor)
