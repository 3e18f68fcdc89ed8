"""Files that are found and not read: why, what to do, and whether trades may be missed."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tape.archives.containers import Member
from tape.archives.frames import decompressed
from tape.errors import ArchiveError

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
PACKED: Final = re.compile(
    r"\.(7z|br|bz2|cab|lz|lz4|lzma|lzo|rar|snappy|sz|tar|tbz2?|tgz|txz|xz|z|zipx)", re.IGNORECASE
)
TABLES: Final = re.compile(
    r"\.(arrow|avro|db|duckdb|feather|h5|hdf5?|np[yz]|ods|orc|parquet|pickle|pkl|pq|rds|sqlite"
    r"|xls[bmx]?)",
    re.IGNORECASE,
)
READ: Final = "CSV, JSON and DBN are read, as they are or in .zst, .gz or .zip"
LOOKED_AT: Final = 4_096


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
    if name in SIDECARS:
        return Skipped(path, "sidecar of a download")
    if name.startswith("."):
        return Skipped(path, "hidden file")
    if name.endswith(".labels.csv"):
        return Skipped(path, "labels of a made-up day")
    if name.endswith(".part"):
        return Skipped(path, "unfinished download", "fetch it to its end, or delete it", True)
    return None


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
    reason = f"{suffix or 'no suffix'}: neither CSV, JSON nor DBN"
    if looks_like_trades(path):
        return Skipped(
            path, reason, f"it looks like trades: give it a suffix that says how; {READ}", True
        )
    return Skipped(path, reason)


def by_json_name(path: Path) -> Skipped:
    """Return why a JSON file of a folder is not read: too much else is JSON."""
    reason = f"{path.suffix.lower()} without a schema in its name, as in .trades.json"
    if looks_like_trades(path):
        return Skipped(path, reason, "it looks like trades: name the file itself", True)
    return Skipped(path, reason)


def by_packing(path: Path, member: Member) -> Skipped | None:
    """Return why a member of a zip archive cannot be unpacked, or None if it can be."""
    if member.is_encrypted:
        return Skipped(path, "encrypted in its zip archive", "unzip it with its password", True)
    if member.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        reason = f"zipped by method {member.method}, which is not read"
        return Skipped(path, reason, "unzip it by hand", True)
    return None


def looks_like_trades(path: Path) -> bool:
    """Return whether the beginning of a file names prices and sizes, or is DBN."""
    try:
        first = next(decompressed(path), b"")
    except (ArchiveError, OSError):
        return False
    if not isinstance(first, bytes):
        return False
    line = first[:LOOKED_AT].lstrip().partition(b"\n")[0].lower()
    if line.startswith(b"dbn") and len(first) > 3 and first[3] < 10:
        return True
    sizes = (b"size", b"volume", b"qty", b"quantity", b"shares", b"ts_event")
    ours = b"anomaly_id" in line or b"episode_id" in line
    return b"price" in line and any(name in line for name in sizes) and not ours
