"""A DBN file, the vendor's binary encoding: its header, and chunks of whole records.

The header is read by the vendor's own decoder; records are walked by compiled code.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from databento_dbn import DBNError, Metadata

from tape.archives.live_records import LiveRecords
from tape.archives.sidecars import Symbology
from tape.archives.zstd import decompressed
from tape.codec.dbn_scanner import walk
from tape.model.rejected import Rejected

MAGIC: Final = b"DBN"
VERSIONS: Final = (1, 2, 3)
HEADER_MAX: Final = 64 << 20
"""Longest header in bytes that is read; one with every US symbol over a year has about 10 MB."""

CHUNK: Final = 128 * 1024
"""Bytes of records taken at once."""

ALL: Final = 2**62
"""More records than any file has: no limit."""
WITH_TRADES: Final = frozenset({"trades", "tbbo", "mbp-1", "mbp-10", "mbo"})
KINDS: Final = {
    "ohlcv-1s": "bars of one second",
    "ohlcv-1m": "minute bars",
    "ohlcv-1h": "hourly bars",
    "ohlcv-1d": "daily bars",
    "ohlcv-eod": "daily bars",
    "definition": "definitions of instruments",
    "statistics": "statistics",
    "status": "trading status",
    "imbalance": "auction imbalances",
}


class DbnFile:
    """One DBN file: its version, header and symbols by day, once `records` has begun."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.symbology = Symbology(path.parent)
        self.version = 0  # the decoded header has the newest one, whatever the file's
        self.metadata: Metadata | None = None
        self._live: LiveRecords | None = None

    def left_out(self) -> int:
        """Return how many records of a live recording hold no trade, since last asked."""
        if self._live is None:
            return 0
        count, self._live.skipped = self._live.skipped, 0
        return count

    def records(self, chunk: int = CHUNK) -> Iterator[bytes | Rejected]:
        """Yield chunks of whole records, the first one behind the header, and at last any fault.

        Raises `ArchiveError` if the file cannot be read at all.
        """
        carry, size, corrupt = bytearray(), 0, False
        for data in decompressed(self._path):
            if isinstance(data, Rejected):
                if self.metadata is not None and carry:
                    yield from self._whole(carry, size)
                yield data
                return
            carry += data
            size += len(data)
            if self.metadata is None:
                fault = self._begin(carry)
                if fault is not None:
                    yield fault
                    return
            if self.metadata is not None and len(carry) >= chunk:
                for part in self._whole(carry, size):
                    yield part
                    if isinstance(part, Rejected):
                        return
        if self.metadata is not None:
            for part in self._whole(carry, size):
                corrupt = isinstance(part, Rejected)
                yield part
            fault = None if self._live is None else self._live.ended()
            if fault is not None:
                yield fault
        if carry and not corrupt:
            yield Rejected("archive_truncated", f"the DBN stream ends at byte {size} in a record")

    def _begin(self, carry: bytearray) -> Rejected | None:
        """Take the header out of `carry`, once all of it is there; returns why it is none."""
        if len(carry) >= 3 and not carry.startswith(MAGIC):
            return Rejected("header_missing", "the file does not begin as DBN does")
        if len(carry) < 8:
            return None
        length = 8 + int.from_bytes(carry[4:8], "little")
        if carry[3] not in VERSIONS:
            return Rejected("header_unexpected", f"DBN version {carry[3]}; 1, 2 and 3 are read")
        if length > HEADER_MAX:
            return Rejected("header_unexpected", f"a DBN header of {length} bytes")
        if len(carry) < length:
            return None
        try:
            self.metadata = Metadata.decode(bytes(carry[:length]))
        except (DBNError, ValueError) as error:
            return Rejected("header_unexpected", f"the DBN header cannot be read: {error}")
        self.version = carry[3]
        schema = self.metadata.schema
        if schema is None:
            self._live = LiveRecords(self.symbology)
            self.symbology.is_live = True
        elif str(schema) not in WITH_TRADES:
            return Rejected("not_trades", not_trades(str(schema)))
        by_instrument = str(self.metadata.stype_in) == "instrument_id"
        self.symbology.add(self.metadata.mappings, by_instrument=by_instrument)
        del carry[:length]
        return None

    def _whole(self, carry: bytearray, size: int) -> Iterator[bytes | Rejected]:
        """Yield the whole records in `carry` and take these out of it, then what is no record."""
        data = bytes(carry)
        end, _, corrupt = walk(np.frombuffer(data, np.uint8), ALL)
        del carry[:end]
        if end and self._live is not None:
            yield from self._live.pieces(data[:end])
        elif end:
            yield data[:end]
        if corrupt:
            yield Rejected(
                "archive_corrupt", f"no DBN record at byte {size - len(carry)} of the stream"
            )


def not_trades(schema: str) -> str:
    """Return in words what a schema has in place of trades."""
    what = KINDS.get(schema, "records")
    return f"{what} ({schema}), not trades; order the schema trades"
