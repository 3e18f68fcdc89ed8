"""One file of a job: fetched, resumed, checked, and only then given its name."""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from threading import Event
from typing import Final
from urllib.parse import urlsplit

import requests

from tape.archives.databento.client import TRANSIENT, TROUBLE, RemoteFile, Service, trouble_in_words
from tape.archives.databento.patience import retry_after_s
from tape.errors import ArchiveError, FetchError, SettingsError
from tape.process.own_folder import PRIVATE_FILE

BLOCK: Final = 1 << 16
"""Bytes taken from the network or hashed at once."""
PROGRESS: Final = 1 << 20
"""Bytes a try must bring to count as progress, after which the count of failures begins again."""
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
SHA256: Final = re.compile(r"sha256:([0-9a-f]{64})")


class StoppedError(Exception):
    """The work is being given up; what was fetched so far stays for the next time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch: `size` in bytes, `sha256` in hex, `name` safe to be one in a folder."""

    name: str
    size: int
    sha256: str
    url: str


def is_safe_name(name: str) -> bool:
    """Return whether a name from elsewhere may become a file's or folder's.

    >>> [is_safe_name(n) for n in ("a.csv.zst", "../a", "a/b", ".a", "a..b", "a.part", "")]
    [True, False, False, False, False, False, False]
    """
    return NAME.fullmatch(name) is not None and ".." not in name and not name.endswith(".part")


def wanted_file(listed: RemoteFile, service: Service) -> Wanted:
    """Return a listed file with everything about it checked; raises `FetchError`."""
    name, url = listed.filename, listed.urls.get("https", "")
    digest = SHA256.fullmatch(listed.hash.lower())
    if not is_safe_name(name):
        raise FetchError(
            f"{service.host} lists a file named {name[:80]!r}: refused, not written",
            "ask DataBento's support",
        )
    if digest is None or listed.size < 0:
        raise FetchError(
            f"{service.host} lists {name} with hash {listed.hash[:80]!r} and size {listed.size}, "
            "and not with a sha256 and a size to check it by",
            "ask DataBento's support",
        )
    if not service.trusts(url):
        where = urlsplit(url).netloc or "no address"
        raise FetchError(
            f"{service.host} lists {name} at {where[:80]!r}, and the key is sent to DataBento "
            "over https only",
            "ask DataBento's support",
        )
    return Wanted(name, listed.size, digest[1], url)


def is_whole(path: Path, wanted: Wanted) -> bool:
    """Return whether the file is there, with the right size and sha256."""
    if not path.is_file() or path.stat().st_size != wanted.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256


class Part:
    """The beginning of a file under its name with `.part`, hashed as it grows."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(target.name + ".part")
        self._file = _opened(self._path)
        self._hash = hashlib.sha256()
        self.size = 0
        while block := self._file.read(BLOCK):
            self._hash.update(block)
            self.size += len(block)

    @property
    def sha256(self) -> str:
        """Return the hash of what is there so far."""
        return self._hash.hexdigest()

    def append(self, data: bytes) -> None:
        """Write on; the error of a full disk names the file."""
        rest = memoryview(data)
        try:
            while rest:
                written = self._file.write(rest)
                self._hash.update(rest[:written])
                self.size += written
                rest = rest[written:]
        except OSError as error:
            error.filename = str(self._path)
            raise

    def restart(self) -> None:
        """Forget what was fetched."""
        self._file.seek(0)
        self._file.truncate()
        self._hash, self.size = hashlib.sha256(), 0

    def keep(self) -> None:
        """Give the file its name, once it is surely on the disk."""
        os.fsync(self._file.fileno())
        self._file.close()
        self._path.replace(self._target)
        sync_folder(self._target.parent)

    def close(self) -> None:
        """Leave what there is for the next time."""
        self._file.close()
        if self._path.is_file() and not self._path.stat().st_size:
            self._path.unlink()


def _opened(path: Path) -> FileIO:
    """Open a part to continue it, or a new one; raises `SettingsError` for what others put there.

    No link is followed, and a file that has another name too is none that we began.
    """
    how = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, how, PRIVATE_FILE)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
        raise _not_ours(path) from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1 or about.st_uid != os.geteuid():
        os.close(descriptor)
        raise _not_ours(path)
    return FileIO(descriptor, "r+b")


def _not_ours(path: Path) -> SettingsError:
    return SettingsError(
        f"{path} is no part that this command began (a link, a folder, or somebody else's)",
        "move it away",
    )


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Download:
    """The fetching of one file into a folder; `advance` hears of each change in bytes at hand."""

    def __init__(
        self, wanted: Wanted, folder: Path, service: Service, advance: Callable[[int], None]
    ) -> None:
        self._wanted, self._target = wanted, folder / wanted.name
        self._service, self._advance = service, advance

    def run(self, stop: Event) -> bool:
        """Return whether anything had to be fetched; a good file that is there is left alone.

        Raises `ArchiveError` if it came with the wrong hash twice.
        """
        wanted = self._wanted
        if self._target.is_dir():
            raise SettingsError(
                f"{self._target} is a folder, where the file of this name belongs", "move it away"
            )
        if is_whole(self._target, wanted):
            self._advance(wanted.size)
            return False
        part = Part(self._target)
        self._advance(part.size)
        found = []
        try:
            for _ in range(2):
                if part.size > wanted.size:
                    self._restart(part)
                self._bring(part, stop)
                if part.sha256 == wanted.sha256:
                    part.keep()
                    return True
                found.append(part.sha256)
                self._restart(part)
        finally:
            part.close()
        raise ArchiveError(
            f"{wanted.name} came twice with the wrong content (sha256 {found[-1]}, but "
            f"{self._service.host} lists {wanted.sha256}) and was not kept",
            "try again later, or ask DataBento's support",
        )

    def _bring(self, part: Part, stop: Event) -> None:
        """Fetch the rest, however often the connection fails."""
        failures, best = 0, part.size
        with self._service.session() as session:
            while part.size < self._wanted.size:
                fault, asked_s = self._try(part, session, stop)
                if part.size == self._wanted.size:
                    return
                progressed = part.size - best >= PROGRESS
                best = max(best, part.size)
                failures = 1 if progressed else failures + 1
                self._service.pause(self._wanted.name, fault, failures, asked_s, stop.wait)
                if stop.is_set():
                    raise StoppedError

    def _try(self, part: Part, session: requests.Session, stop: Event) -> tuple[str, float | None]:
        """Fetch as much as one answer brings; return what went wrong, and the pause asked for."""
        headers = {"Range": f"bytes={part.size}-{self._wanted.size - 1}"} if part.size else {}
        try:
            with session.get(
                self._wanted.url, headers=headers, stream=True, timeout=self._service.timeout_s
            ) as response:
                status = response.status_code
                if status in TRANSIENT:
                    after = response.headers.get("Retry-After")
                    asked_s = retry_after_s(after, response.headers.get("Date"))
                    return f"answered {status}", asked_s
                if status not in (200, 206, 416):
                    raise self._service.refusal(response, self._wanted.name)
                if not self._continues(part, response):
                    self._restart(part)
                if status != 200 and part.size == 0:
                    return "answered with another part than was asked for", 0.0
                return self._take(part, response, stop), None
        except TROUBLE as error:
            return trouble_in_words(error, self._service.patience), None
        except requests.RequestException as error:
            raise FetchError(
                f"{self._wanted.name}: {type(error).__name__}, given up",
                "look at the network, then start again: what has come is kept",
            ) from None

    def _continues(self, part: Part, response: requests.Response) -> bool:
        """Return whether an answer begins exactly where the part ends."""
        size = self._wanted.size
        said = response.headers.get("Content-Range", "").strip().lower()
        expected = (f"bytes {part.size}-{size - 1}/{size}", f"bytes {part.size}-{size - 1}/*")
        return response.status_code == 206 and part.size > 0 and said in expected

    def _take(self, part: Part, response: requests.Response, stop: Event) -> str:
        for block in response.iter_content(BLOCK):
            if stop.is_set():
                raise StoppedError
            if part.size + len(block) > self._wanted.size:
                self._restart(part)
                return f"sent more than the {self._wanted.size:,} bytes listed"
            part.append(block)
            self._advance(len(block))
        return f"ended after {part.size:,} of {self._wanted.size:,} bytes"

    def _restart(self, part: Part) -> None:
        self._advance(-part.size)
        part.restart()
