"""Which files of a folder are trades, in which order, each content once."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tape.archives.given import NOTHING, Given
from tape.errors import ArchiveError

DAY_PATTERN: Final = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
SIDECARS: Final = frozenset(
    {
        "metadata.json",
        "manifest.json",
        "condition.json",
        "symbology.json",
        "symbology.csv",
        "tapewatch.toml",
    }
)
BLOCK: Final = 1 << 20
BYTES_A_ROW: Final = {"csv": 120, "dbn": 48, "json": 280}
BYTES_A_ROW_ZST: Final = {"csv": 16, "dbn": 12, "json": 19}
ENCODINGS: Final = ("csv", "dbn", "json")
JSON_NAME: Final = re.compile(r"\.(trades|tbbo|mbp-1|mbp-10|mbo)\.json(\.zst)?$")
"""JSON is taken from a folder only under the vendor's names: too much else is JSON."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A file of trades. `day` is from its name, YYYYMMDD; `size` in bytes; `sha256` of all.

    `given` is what the user says of its columns and times; what stands beside it, if nothing.
    """

    path: Path
    day: str | None
    sha256: str
    size: int
    given: Given = NOTHING


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a folder holds: archives to read, and how many files were passed over, and why."""

    archives: list[Archive]
    ignored: dict[str, int]


def find_archives(path: Path) -> Discovery:
    """Return the trade files of a folder and its subfolders, in order of day, or the one file.

    Raises `ArchiveError` if there is nothing at `path`, or not a single trade file.
    """
    files, ignored = trade_files(path)
    found: dict[str, Archive] = {}
    for file in files:
        archive = _archive(file)
        if archive.sha256 in found:
            ignored["same content as another file"] += 1
        found.setdefault(archive.sha256, archive)
    if not found:
        seen = ", ".join(f"{n} × {why}" for why, n in ignored.items()) or "no file at all"
        raise ArchiveError(
            f"{path} holds no trade file ({seen}); put DataBento downloads there "
            "(*.trades.csv.zst, *.trades.json.zst or *.dbn.zst), or name another folder"
        )
    archives = sorted(found.values(), key=lambda a: (a.day or "9", a.path.name))
    return Discovery(archives, dict(ignored))


def encoding_of(path: Path) -> str:
    """Return what a file's name says of its encoding: csv, dbn, json or any other suffix."""
    return path.name.removesuffix(".zst").rpartition(".")[2]


def trade_files(path: Path) -> tuple[list[Path], Counter[str]]:
    """Return the files at `path` that are trade files by name, and why others are not.

    Nothing is opened. Raises `ArchiveError` if there is nothing at `path`.
    """
    if not path.exists():
        raise ArchiveError(f"{path} does not exist; name a folder with DataBento trade files")
    in_folder = path.is_dir()
    closed: list[OSError] = []
    files = _files_below(path, closed.append) if in_folder else [path]
    why = {file: _foreign(file, in_folder=in_folder) for file in files}
    ignored = Counter(reason for reason in why.values() if reason is not None)
    if closed:
        ignored[f"folder that cannot be read, such as {closed[0].filename}"] = len(closed)
    return [file for file in files if why[file] is None], ignored


def _files_below(folder: Path, unreadable: Callable[[OSError], None]) -> list[Path]:
    """Return all files in a folder and its subfolders, in the order of their paths."""
    below = os.walk(folder, onerror=unreadable)
    paths = (Path(place, name) for place, _, names in below for name in names)
    return sorted(path for path in paths if path.is_file())


def count_rows_hint(archive: Archive) -> int:
    """Return about how many rows an archive has, from its size, for progress only."""
    known = BYTES_A_ROW_ZST if archive.path.suffix == ".zst" else BYTES_A_ROW
    return max(1, archive.size // known[encoding_of(archive.path)])


def _foreign(file: Path, *, in_folder: bool) -> str | None:
    """Return why a file is not a trade file, or None if it is one."""
    if file.name in SIDECARS:
        return "sidecar of a download"
    if file.name.startswith("."):
        return "hidden file"
    if file.name.endswith(".labels.csv"):
        return "labels of a made-up day"
    if file.suffix == ".part":
        return "unfinished download"
    if file.suffix == ".dbz":
        return "legacy .dbz; convert with the vendor's dbn-cli: dbn FILE.dbz -o FILE.dbn"
    encoding = encoding_of(file)
    if encoding not in ENCODINGS:
        return f"{file.suffix or 'no suffix'}: neither CSV, JSON nor DBN"
    if encoding == "json" and in_folder and JSON_NAME.search(file.name) is None:
        return ".json without a schema in its name, as in .trades.json"
    return None


def _archive(file: Path) -> Archive:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                digest.update(block)
            size = opened.tell()
    except OSError as error:
        raise ArchiveError(
            f"cannot read {file} ({error.strerror}); correct its rights or move it away"
        ) from None
    day = DAY_PATTERN.search(file.name)
    return Archive(file, "".join(day.groups()) if day else None, digest.hexdigest(), size)
