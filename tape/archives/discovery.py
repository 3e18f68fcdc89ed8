"""Which files are trades, each content once, and which are not read, and why."""

import hashlib
import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tape.archives.containers import raw
from tape.archives.file_names import ENCODINGS, JSON_NAME, TEXT, day_of, encoding_of, rows_hint
from tape.archives.given import COLUMNS_FILE, NOTHING, Given
from tape.archives.sidecars import damaged_sidecars
from tape.archives.skipped import (
    SIDECARS,
    Skipped,
    by_content,
    by_json_name,
    by_packing,
    by_place,
    by_suffix,
)
from tape.archives.zip_members import is_zip, member_at, members
from tape.errors import ArchiveError
from tape.model.rejected import Rejected
from tape.process.own_folder import MARKER, is_own
from tape.process.regular_file import other_than_file

__all__ = ["SIDECARS", "Archive", "Discovery", "Skipped", "find_archives", "trade_files"]

NAMED_OTHERWISE: Final = "named by an option or a setting, so not read as trades"


@dataclass(frozen=True, slots=True)
class Archive:
    """A file of trades. `day` is from its name, YYYYMMDD; `size` in bytes; `sha256` of all.

    The path of a member of a zip archive continues below that archive's. `given` is what the user
    says of its columns and times; what stands beside it, if nothing.
    """

    path: Path
    day: str | None
    sha256: str
    size: int
    given: Given = NOTHING


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found: archives to read, and what is not read, and why."""

    archives: list[Archive]
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Return whether nothing was skipped that may hold trades."""
        return not any(one.may_hold_trades for one in self.skipped)


def find_archives(paths: Path | Sequence[Path], *, others: Iterable[Path] = ()) -> Discovery:
    """Return the trade files at paths, folders and zip archives with all below them.

    They come in the order of their days, by name; what is in them has an order of its own, by
    `read_tape`. Raises `ArchiveError` if there is nothing at a path, or not a single trade file.

    Args:
        paths: files and folders.
        others: files that are named for something else, such as labels: no trades where they lie
            in one of the folders.
    """
    elsewhere = {one.resolve() for one in others}
    found: dict[str, Archive] = {}
    places: set[Path] = set()
    skipped: list[Skipped] = []
    for path in [paths] if isinstance(paths, Path) else paths:
        files, not_read = trade_files(path)
        if elsewhere and path.is_dir():
            named = [file for file in files if file.resolve() in elsewhere]
            files = [file for file in files if file not in named]
            not_read += (Skipped(file, NAMED_OTHERWISE) for file in named)
        if not files:
            raise ArchiveError(*_nothing(path, not_read))
        skipped += (one for one in not_read if one not in skipped)
        for file in files:
            place = file.resolve()
            if place in places:  # the same file named twice
                continue
            places.add(place)
            archive = _archive(file)
            known = found.setdefault(archive.sha256, archive)
            if known is not archive:
                skipped.append(Skipped(file, "same content as another file"))
    damaged = damaged_sidecars(dict.fromkeys(one.path.parent for one in found.values()))
    told = {one.path for one in damaged}
    archives = sorted(found.values(), key=lambda a: (a.day or "9", a.path.name, a.sha256))
    return Discovery(archives, [*(one for one in skipped if one.path not in told), *damaged])


def trade_files(path: Path) -> tuple[list[Path], list[Skipped]]:
    """Return the files at `path` that are trade files by name, and which are not, and why.

    No more is read than how a file begins and ends, by which our own outputs are known. Raises
    `ArchiveError` if nothing is at `path`, or neither a file nor a folder.
    """
    try:
        there = path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise ArchiveError(
            f"cannot read {path} ({error.strerror})", "correct the name or its rights"
        ) from None
    if not there and member_at(path) is None:
        raise ArchiveError(f"{path} does not exist", "name a folder with DataBento trade files")
    if there and not path.is_dir():
        other = other_than_file(path.stat())
        if other is not None:
            raise ArchiveError(
                f"{path} is {other}, not a file", "copy what it gives into a file, and name that"
            )
    files: list[Path] = []
    skipped: list[Skipped] = []
    in_folder = path.is_dir()
    for one in _files_below(path) if in_folder else iter([path]):
        if isinstance(one, Skipped):
            skipped.append(one)
        elif is_zip(one):
            _look_into_zip(one, files, skipped)
        else:
            foreign = _foreign(one, in_folder=in_folder)
            if foreign is None:
                files.append(one)
            else:
                skipped.append(foreign)
    return files, skipped


def _files_below(folder: Path) -> Iterator[Path | Skipped]:
    """Yield all files in a folder and those below it, in the order of their paths.

    Links are followed. A folder that is met again, through links, is not entered twice, and one
    with our marker only if it is `folder` itself: it holds what a run of ours left.
    """
    seen: dict[tuple[int, int], Path] = {}
    left = [folder]
    while left:
        place = left.pop()
        try:
            about = place.stat()
            other = other_than_file(about)
            if other is None:
                yield place
            elif stat.S_ISDIR(about.st_mode):
                known = seen.setdefault((about.st_dev, about.st_ino), place)
                if known is not place:
                    yield Skipped(place, f"a link to {known}, which is read already")
                elif place != folder and is_own(place):
                    yield Skipped(place, f"made by a run of tape for itself (it has {MARKER})")
                else:
                    names = sorted(os.listdir(place), reverse=True)
                    left += [place / name for name in names]
            else:
                remedy = "copy what it gives into a file" if _may_hold_trades(place) else ""
                yield Skipped(place, f"neither a file nor a folder: {other}", remedy, bool(remedy))
        except OSError as error:
            if place.is_symlink():
                text = "a link that leads nowhere"
                yield Skipped(place, text, "correct or delete it", _may_hold_trades(place))
            else:
                why = f"cannot be read ({error.strerror})"
                yield Skipped(place, why, "correct its rights or move it away", True)


def _may_hold_trades(path: Path) -> bool:
    known = by_place(path)
    if known is not None:
        return known.may_hold_trades
    return is_zip(path) or not path.suffix or encoding_of(path) in ENCODINGS


def _look_into_zip(archive: Path, files: list[Path], skipped: list[Skipped]) -> None:
    """Add the files of a zip archive to those that are read, or skipped."""
    try:
        found = members(archive)
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
        skipped.append(Skipped(archive, why, "correct its rights or move it away", True))
        return
    except ValueError as error:
        skipped.append(Skipped(archive, str(error), "fetch it again, or unzip it by hand", True))
        return
    for path, member in sorted(found.items()):
        if is_zip(path):
            why = "a zip archive in a zip archive"
            foreign: Skipped | None = Skipped(path, why, "unzip the outer one by hand", True)
        else:
            foreign = by_place(path) or by_packing(path, member) or _foreign(path, in_folder=True)
        if foreign is None:
            files.append(path)
        else:
            skipped.append(foreign)


def _foreign(file: Path, *, in_folder: bool) -> Skipped | None:
    """Return why a file is not a trade file, or None if it is one."""
    known = by_place(file)
    if known is not None:
        return known
    encoding = encoding_of(file)
    ours = by_content(file) if encoding != "dbn" else None
    if ours is not None:
        return ours
    if encoding not in ENCODINGS and (in_folder or encoding != TEXT):
        return by_suffix(file)
    named = JSON_NAME.search(file.name) is not None or (file.parent / COLUMNS_FILE).is_file()
    if encoding == "json" and in_folder and not named:
        return by_json_name(file)
    return None


def _nothing(path: Path, skipped: Sequence[Skipped]) -> tuple[str, str]:
    """Return in words that there is no trade file at a path."""
    reasons: dict[str, int] = {}
    for one in skipped:
        reason = f"{one.reason}; {one.remedy}" if one.remedy else one.reason
        reasons[reason] = reasons.get(reason, 0) + 1
    seen = ", ".join(f"{n} × {why}" for why, n in reasons.items()) or "no file at all"
    if not path.is_dir() and not is_zip(path):
        return f"{path} holds no trade file ({seen})", "name a file or a folder of trades"
    return (
        f"{path} holds no trade file ({seen})",
        "put DataBento downloads there (*.trades.csv.zst, *.trades.json.zst or *.dbn.zst), name "
        "another folder (DATA_DIR for the producer), or write a synthetic day into it: "
        f"tape synth --output {shlex.quote(str(path))}",
    )


def count_rows_hint(archive: Archive) -> int:
    """Return about how many rows an archive has, from its size, for progress only."""
    return rows_hint(archive.path, archive.size)


def sha256_of(file: Path) -> str:
    """Return the sha256 of a file, as its `Archive` has it; raises `ArchiveError`."""
    return _archive(file).sha256


def _archive(file: Path) -> Archive:
    digest, size = hashlib.sha256(), 0
    try:
        for block in raw(file):
            if isinstance(block, Rejected):
                break  # reported when it is read
            digest.update(block)
            size += len(block)
    except OSError as error:
        raise ArchiveError(
            f"cannot read {file} ({error.strerror})", "correct its rights or move it away"
        ) from None
    return Archive(file, day_of(file), digest.hexdigest(), size)
