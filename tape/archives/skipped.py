"""Files that are found and not read: why, what to do, and whether trades may be missed."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tape.archives.containers import ends, raw
from tape.archives.given import COLUMNS_FILE
from tape.archives.zip_members import Member
from tape.archives.zstd import compression_of, unpacked_beginning
from tape.errors import ArchiveError
from tape.process.origin import BEGINNING, own_output

SIDECARS: Final = frozenset(
    {
        "metadata.json",
        "manifest.json",
        "condition.json",
        "symbology.json",
        "symbology.csv",
    }
)
PACKED: Final = re.compile(
    r"\.(7z|br|bz2|cab|lz|lz4|lzma|lzo|rar|snappy|sz|tar|tbz2?|tgz|txz|xz|z|zipx)", re.IGNORECASE
)
TABLES: Final = re.compile(
    r"\.(arrow|avro|db|duckdb|feather|h5|hdf5?|np[yz]|ods|orc|parquet|pickle|pkl|pq|rds|sqlite"
    r"|xls[bmx]?)",
    re.IGNORECASE,
)
OUTPUT_PART: Final = re.compile(r"\..+\.[0-9a-f]{16}\.part", re.DOTALL)
"""How an output is named while it is written; a kill leaves it behind."""

NAMED: Final = re.compile(
    r"\.(csv|tsv|dbn|jsonl|ndjson|trades)\b(?!.*\.(asc|idx|lock|md5|sha\d*|sig)$)", re.IGNORECASE
)
"""A name that says trades, whatever was put behind: .csv.gz.1, .dbn.zst.crdownload, .csv.gpg."""

READ: Final = "CSV, JSON and DBN are read, as they are or in .zst, .gz or .zip"
LOOKED_AT: Final = 4_096
"""Bytes, unpacked, from which is told what a file is; each form shows itself in its first lines."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not read.

    Attributes:
        path: where it is.
        reason: why it is not read.
        remedy: what to do; empty if there is nothing to do.
        may_hold_trades: trades may be missed by this.
    """

    path: Path
    reason: str
    remedy: str = ""
    may_hold_trades: bool = False


def by_place(path: Path) -> Skipped | None:
    """Return what is no trade file by its name alone, whatever its suffix."""
    name = path.name.lower()
    if name == COLUMNS_FILE:
        return Skipped(path, "columns file of the files beside it")
    if name in SIDECARS:
        return Skipped(path, "sidecar of a download")
    if OUTPUT_PART.fullmatch(name):
        return Skipped(path, "an output of tape that was not finished")
    if name.startswith("."):
        return Skipped(path, "hidden file")
    if name.endswith(".labels.csv"):
        return Skipped(path, "labels of a synthetic day")
    if name.endswith(".part"):
        return Skipped(path, "unfinished download", "fetch it to its end, or delete it", True)
    return None


def by_content(path: Path) -> Skipped | None:
    """Return which of our own outputs a file is, or None if it is none of them.

    A day of trades that we made is none: it is read like any other.
    """
    try:
        head, tail = ends(path, BEGINNING)
    except (ArchiveError, OSError):
        return None
    what = own_output(unpacked_beginning(head, BEGINNING), tail)
    return None if what is None else Skipped(path, what)


def by_suffix(path: Path) -> Skipped:
    """Return why a file is not read whose suffix is none of those that are."""
    suffix = path.suffix.lower()
    if suffix == ".dbz":
        remedy = "convert it with the vendor's dbn-cli: dbn FILE.dbz -o FILE.dbn"
        return Skipped(path, "legacy .dbz", remedy, True)
    if PACKED.fullmatch(suffix):
        return Skipped(path, f"packed as {suffix}, which is not read", f"unpack it; {READ}", True)
    if TABLES.fullmatch(suffix):
        return Skipped(path, f"{suffix} is not read", f"save it as CSV; {READ}", True)
    inner = Path(path.stem).suffix.lower()
    if compression_of(path) and (PACKED.fullmatch(inner) or inner in (".zst", ".gz", ".zip")):
        reason = f"packed twice, as {inner}{suffix}"
        return Skipped(path, reason, f"unpack the outer {suffix}; {READ}", True)
    reason = f"{suffix or 'no suffix'}: neither CSV, JSON nor DBN"
    if looks_like_trades(path):
        return Skipped(
            path, reason, f"it looks like trades: give it a suffix that says how; {READ}", True
        )
    if NAMED.search(path.name):
        remedy = f"its name says trades: complete, unpack or rename it; {READ}"
        return Skipped(path, reason, remedy, True)
    return Skipped(path, reason)


def by_json_name(path: Path) -> Skipped:
    """Return why a JSON file of a folder is not read: too much else is JSON."""
    reason = f"{path.suffix.lower()} without a schema in its name, as in .trades.json"
    if looks_like_trades(path):
        return Skipped(path, reason, "it looks like trades: name the file itself", True)
    return Skipped(path, reason)


def by_packing(path: Path, member: Member) -> Skipped | None:
    """Return why a member of a zip archive cannot be unpacked, or None if it can be."""
    if member.is_link:
        return Skipped(path, "a link in its zip archive", "unzip it by hand", True)
    if member.is_encrypted:
        return Skipped(path, "encrypted in its zip archive", "unzip it with its password", True)
    if member.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        reason = f"zipped by method {member.method}, which is not read"
        return Skipped(path, reason, "unzip it by hand", True)
    return None


def looks_like_trades(path: Path) -> bool:
    """Return whether the beginning of a file names prices and sizes, or is DBN or an archive.

    What it is packed in is seen from its bytes: by its name it is nothing that is read.
    """
    try:
        block = next(raw(path), b"")
    except (ArchiveError, OSError):
        return False
    first = unpacked_beginning(block, LOOKED_AT) if isinstance(block, bytes) else b""
    if first[257:262] == b"ustar":
        return True
    if first.startswith(b"PK\3\4"):  # a document of an office is a zip archive as well
        name = first[30 : 30 + int.from_bytes(first[26:28], "little")]
        return NAMED.search(name.decode(errors="replace")) is not None
    if first.startswith(b"DBN") and len(first) > 3 and first[3] < 10:
        return True
    line = first.replace(b"\0", b"").lstrip().partition(b"\n")[0].lower()  # UTF-16, too
    sizes = (b"size", b"volume", b"qty", b"quantity", b"shares", b"ts_event")
    ours = b"anomaly_id" in line or b"episode_id" in line
    return b"price" in line and any(name in line for name in sizes) and not ours
