"""DataBento files: found, decompressed, checked, and turned into messages."""

from tape.archives.batches import ColumnBatch, RejectedRow, RowBatch
from tape.archives.discovery import Archive, Discovery, count_rows_hint, find_archives, trade_files
from tape.archives.reader import read_archive, read_columns

__all__ = [
    "Archive",
    "ColumnBatch",
    "Discovery",
    "RejectedRow",
    "RowBatch",
    "count_rows_hint",
    "find_archives",
    "read_archive",
    "read_columns",
    "trade_files",
]
