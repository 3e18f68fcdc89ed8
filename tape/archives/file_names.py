"""What the name of a file says: its encoding, its day, and about how many rows it has."""

import re
from pathlib import Path
from typing import Final

from tape.archives.zstd import compression_of

DAY_PATTERN: Final = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
ENCODINGS: Final = ("csv", "dbn", "json")
OTHER_NAMES: Final = {"tsv": "csv", "jsonl": "json", "ndjson": "json"}
TEXT: Final = "txt"
"""Read as CSV where the file itself is named; in a folder it is some text."""

JSON_NAME: Final = re.compile(
    r"\.(trades|tbbo|mbp-1|mbp-10|mbo)\.(json|jsonl|ndjson)(\.zst|\.gz)?$", re.IGNORECASE
)
"""JSON is taken from a folder only under the vendor's names, or with a columns file beside it:
too much else is JSON.
"""
BYTES_A_ROW: Final = {"csv": 120, "dbn": 48, "json": 280}
BYTES_A_ROW_PACKED: Final = {"csv": 16, "dbn": 12, "json": 19}
"""Bytes of a row in a file as it is, and in a packed one; for progress only."""


def encoding_of(path: Path) -> str:
    """Return what a file's name says of its encoding: csv, dbn, json or any other suffix."""
    name = path.name.lower()
    if compression_of(path):
        name = name.rpartition(".")[0]
    suffix = name.rpartition(".")[2]
    return OTHER_NAMES.get(suffix, suffix)


def stem_of(path: Path) -> str:
    """Return the name of a trade file without what it says of its form.

    >>> stem_of(Path("xnas-20250505.trades.CSV.gz"))
    'xnas-20250505'
    """
    name = path.name
    if compression_of(path):
        name = name.rpartition(".")[0]
    name = name.rpartition(".")[0] or name
    return name[: -len(".trades")] if name.lower().endswith(".trades") else name


def day_of(path: Path) -> str | None:
    """Return the day in a file's name, YYYYMMDD, or None."""
    day = DAY_PATTERN.search(path.name)
    return "".join(day.groups()) if day else None


def rows_hint(path: Path, size: int) -> int:
    """Return about how many rows a file of `size` bytes has, for progress only."""
    known = BYTES_A_ROW_PACKED if compression_of(path) else BYTES_A_ROW
    return max(1, size // known.get(encoding_of(path), known["csv"]))
