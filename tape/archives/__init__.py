"""DataBento files: found, decompressed, checked, and turned into messages."""

from tape.archives.discovery import Archive, Discovery, count_rows_hint, find_archives
from tape.archives.reader import RejectedRow, RowBatch, read_archive

__all__ = [
    "Archive",
    "Discovery",
    "RejectedRow",
    "RowBatch",
    "count_rows_hint",
    "find_archives",
    "read_archive",
]
