"""Whether a file was made by this program: only such files are replaced without being asked."""

from pathlib import Path
from typing import Final

MARK: Final = b"made by Tapewatch"
"""Stands in the metadata or in a comment of every file that has room for one."""

SKIPPABLE: Final = b"\x50\x2a\x4d\x18"
"""Begins a zstd frame that every reader skips (RFC 8878, 3.1.2)."""

MARK_FRAME: Final = SKIPPABLE + len(MARK).to_bytes(4, "little") + MARK
"""The mark as the last frame of a zstd file."""

LOOKED_AT: Final = 16_384
"""Bytes read at each end of a file; a Parquet file's metadata are at its end."""

HEADS: Final = (
    b"ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    b"ts_in_delta,sequence,symbol,anomaly_id,",
    b"symbol,publisher_id,first_ts_event,first_sequence,last_ts_event,last_sequence,kind,",
)
"""First lines of our tables that have no room for a mark: anomalies and labels as CSV."""

LINES: Final = (b'"anomaly_id":"', b'"episode_id":"')
VERDICT: Final = b'"detector":{"version":"'
"""Stand in every line of our JSON outputs; nobody else writes both."""


def made_here(path: Path) -> bool:
    """Return whether we made the file, or there is nothing in it.

    Raises `OSError` if the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(LOOKED_AT)
        size = file.seek(0, 2)
        file.seek(max(0, size - LOOKED_AT))
        tail = file.read(LOOKED_AT)
    if not head or MARK in head or MARK in tail:
        return True
    line = head.partition(b"\n")[0]
    if line.startswith(HEADS):
        return True
    return line.startswith(b"{") and VERDICT in line and any(key in line for key in LINES)
