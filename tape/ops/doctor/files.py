"""Folders of this machine: the data, and the state."""

import os
from collections import Counter
from pathlib import Path
from shutil import disk_usage

from tape.archives import trade_files
from tape.archives.containers import raw
from tape.archives.zip_members import member_at
from tape.archives.zstd import compression_of
from tape.errors import ArchiveError, StateError
from tape.model.rejected import Rejected
from tape.ops.doctor.finding import Finding, first_cause

ZSTD_MAGIC = (b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18")
"""How a zstd file begins: a frame at once, or one to be skipped, whose first byte varies."""

NAMED_MAX = 5
"""Most files that are named in a line."""


def check_data(folder: Path) -> Finding:
    """Look at the names, sizes, rights and first bytes of the trade files; reads no trades."""
    check, put = (
        "data",
        "put DataBento downloads there (*.trades.csv.zst or *.dbn.zst, for example)",
    )
    try:
        files, skipped = trade_files(folder)
    except ArchiveError:
        text = f"the folder {folder} does not exist"
        return Finding(check, "warning", text, f"set DATA_DIR, or make it and {put}")
    reasons = Counter(f"{one.reason}; {one.remedy}".removesuffix("; ") for one in skipped)
    passed = tuple(f"skipped: {count} × {why}" for why, count in sorted(reasons.items()))
    if not files:
        return Finding(check, "warning", f"{folder} holds no trade file", put, passed)
    bad = [f"{file.name} ({fault})" for file in files if (fault := _fault(file)) is not None]
    if bad:
        named = ", ".join(bad[:NAMED_MAX]) + (", …" if len(bad) > NAMED_MAX else "")
        text = f"{len(bad)} of {len(files)} trade files in {folder} cannot be used: {named}"
        return Finding(
            check,
            "problem",
            text,
            "correct their rights or fetch them again; `tape inspect` looks inside",
            passed,
        )
    size_mb = sum(_size(file) for file in files) / 1e6
    many = "1 trade file" if len(files) == 1 else f"{len(files):,} trade files"
    return Finding(check, "ok", f"{many} in {folder}, {size_mb:,.1f} MB", details=passed)


def _fault(file: Path) -> str | None:
    try:
        first = next(raw(file), b"")
    except OSError as error:
        return error.strerror or "cannot be read"
    if isinstance(first, Rejected):
        return first.detail
    start = first[:4]
    if not start:
        return "empty"
    if compression_of(file) == "zst" and start != ZSTD_MAGIC[0] and start[1:] != ZSTD_MAGIC[1]:
        return "not zstd"
    return None


def _size(file: Path) -> int:
    member = member_at(file)
    return file.stat().st_size if member is None else member.packed


def check_state(folder: Path) -> Finding:
    """See whether the detector can keep its state there. A folder that is missing stays so."""
    from tape.streaming.detector_app import FREE_MIN_BYTES, ensure_writable

    there = folder
    while not there.exists():
        there = there.resolve().parent
    if there == folder:
        try:
            ensure_writable(folder)
        except StateError as error:
            return first_cause("state", error)
    elif not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding(
            "state",
            "problem",
            f"the state directory {folder} does not exist and cannot be made in {there}",
            "correct the rights, or set Quix__Deployment__State__Path",
        )
    free_bytes = disk_usage(there).free
    if free_bytes < FREE_MIN_BYTES:
        return Finding(
            "state",
            "problem",
            f"the disk of {folder} has {free_bytes / 2**20:.1f} MB of free space, "
            f"{FREE_MIN_BYTES // 2**20} MB are needed",
            "free space, or set Quix__Deployment__State__Path",
        )
    made = "can be written" if there == folder else "will be made at the first start"
    return Finding("state", "ok", f"{folder} {made}, {free_bytes / 2**30:,.1f} GB free")
