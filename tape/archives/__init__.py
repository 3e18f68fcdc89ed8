"""DataBento files: found, decompressed, checked, and turned into messages."""

from tape.archives.batches import ColumnBatch, RejectedRow, RowBatch
from tape.archives.discovery import Archive, Discovery, count_rows_hint, find_archives, trade_files
from tape.archives.one_tape import by_start, read_tape, read_tape_columns
from tape.archives.reader import read_archive, read_columns
from tape.archives.skipped import Skipped
from tape.archives.tape_batches import TapeBatch, TapeColumns

__all__ = [
    "Archive",
    "ColumnBatch",
    "Discovery",
    "RejectedRow",
    "RowBatch",
    "Skipped",
    "TapeBatch",
    "TapeColumns",
    "by_start",
    "count_rows_hint",
    "find_archives",
    "read_archive",
    "read_columns",
    "read_tape",
    "read_tape_columns",
    "trade_files",
]
