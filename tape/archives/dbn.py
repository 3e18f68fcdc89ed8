"""DBN, the vendor's binary encoding, as lines of CSV with integers: one way of checking for all.

The header is read by the vendor's own decoder; records are walked by compiled code. A record
becomes the row that DataBento's CSV has with every option off, so that each encoding of a trade
goes through the same checks and gives the same bytes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from databento_dbn import DBNError, Metadata

from tape.archives.frames import decompressed
from tape.archives.rows import FIELDS
from tape.archives.sidecars import Symbology
from tape.compiling import compiled
from tape.rejected import Rejected
from tape.scan import U8

MAGIC: Final = b"DBN"
VERSIONS: Final = (1, 2, 3)
HEADER_MAX: Final = 64 << 20
"""Longest header in bytes that is read; one with every US symbol over a year has about 10 MB."""

CHUNK: Final = 64 * 1024
"""Bytes of records taken at once: until a file's first chunk is read, its symbols are not known."""

COLUMNS: Final = FIELDS[:-1]
LINE_BYTES: Final = 160
"""No line is longer: thirteen numbers and letters, each at its longest, and commas."""

MBP_0, MBP_1, MBP_10, MBO = 0, 1, 10, 160
"""Record types that hold trades; trades are MBP_0, tbbo and mbp-1 are MBP_1."""

MBP_BYTES, MBO_BYTES = 48, 56
"""Shortest records of their kinds, in every version of DBN."""

HEAD_BYTES = 16


@compiled
def _unsigned(data: U8, at: int, width: int) -> np.uint64:
    value = np.uint64(0)
    for n in range(width - 1, -1, -1):
        value = (value << np.uint64(8)) | np.uint64(data[at + n])
    return value


@compiled
def _put_unsigned(out: U8, at: int, value: np.uint64) -> int:
    rest, places = value, 1
    while rest >= np.uint64(10):
        rest //= np.uint64(10)
        places += 1
    rest = value
    for n in range(places - 1, -1, -1):
        out[at + n] = np.uint8(48) + np.uint8(rest % np.uint64(10))
        rest //= np.uint64(10)
    out[at + places] = 44
    return at + places + 1


@compiled
def _put_signed(out: U8, at: int, value: np.uint64) -> int:
    if np.int64(value) < 0:
        out[at] = 45
        return _put_unsigned(out, at + 1, ~value + np.uint64(1))
    return _put_unsigned(out, at, value)


@compiled
def _put_letter(out: U8, at: int, letter: int) -> int:
    # what is no letter must neither end the line nor the field
    out[at] = letter if 65 <= letter <= 90 else 63
    out[at + 1] = 44
    return at + 2


@compiled
def _put_record(data: U8, at: int, out: U8, end: int) -> int:
    """Write a record as a line: a book record has its fields elsewhere than all others."""
    mbo = data[at + 1] == MBO
    price, size = (at + 24, at + 32) if mbo else (at + 16, at + 24)
    action, flags = (at + 38, at + 36) if mbo else (at + 28, at + 30)
    ts_recv = at + 40 if mbo else at + 32
    end = _put_unsigned(out, end, _unsigned(data, ts_recv, 8))
    end = _put_unsigned(out, end, _unsigned(data, at + 8, 8))
    end = _put_unsigned(out, end, np.uint64(data[at + 1]))
    end = _put_unsigned(out, end, _unsigned(data, at + 2, 2))
    end = _put_unsigned(out, end, _unsigned(data, at + 4, 4))
    end = _put_letter(out, end, data[action])
    end = _put_letter(out, end, data[action + 1])
    end = _put_unsigned(out, end, np.uint64(0) if mbo else np.uint64(data[at + 31]))
    end = _put_signed(out, end, _unsigned(data, price, 8))
    end = _put_unsigned(out, end, _unsigned(data, size, 4))
    end = _put_unsigned(out, end, np.uint64(data[flags]))
    delta = _unsigned(data, ts_recv + 8, 4)
    if delta >= np.uint64(1 << 31):
        delta |= np.uint64(0xFFFFFFFF00000000)
    end = _put_signed(out, end, delta)
    end = _put_unsigned(out, end, _unsigned(data, ts_recv + 12, 4))
    out[end - 1] = 10
    return end


@compiled
def put_lines(data: U8, out: U8) -> tuple[int, int, bool]:
    """Write each whole record that can hold a trade as a line.

    Returns how many bytes of `data` were read and of `out` written, and whether a record
    stands at the end of what was read that cannot be one.
    """
    at, end = 0, 0
    while at + HEAD_BYTES <= len(data):
        length, kind = 4 * int(data[at]), data[at + 1]
        mbp = kind in (MBP_0, MBP_1, MBP_10)
        least = MBO_BYTES if kind == MBO else MBP_BYTES if mbp else HEAD_BYTES
        if length < least:
            return at, end, True
        if at + length > len(data):
            break
        if mbp or kind == MBO:
            end = _put_record(data, at, out, end)
        at += length
    return at, end, False


class DbnFile:
    """One DBN file: its symbols by day, once `lines` has begun, and its records as lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.symbology = Symbology(path.parent)

    def lines(self, chunk: int = CHUNK) -> Iterator[bytes | Rejected]:
        """Yield a CSV header, chunks of whole lines, and at last any fault.

        Raises `ArchiveError` if the file cannot be read at all.
        """
        carry, size, begun = bytearray(), 0, False
        for data in decompressed(self._path):
            if isinstance(data, Rejected):
                if begun and carry:
                    yield from self._records(carry, size)
                yield data
                return
            carry += data
            size += len(data)
            if not begun:
                fault = self._begin(carry)
                if fault is not None:
                    yield fault
                    return
                begun = self._header_end > 0
                if not begun:
                    continue
                yield ",".join(COLUMNS).encode() + b"\n"
                del carry[: self._header_end]
            if len(carry) >= chunk:
                for lines in self._records(carry, size):
                    yield lines
                    if isinstance(lines, Rejected):
                        return
        if begun:
            yield from self._records(carry, size)
        if carry and not self._corrupt:
            yield Rejected("archive_truncated", f"the DBN stream ends at byte {size} in a record")

    _header_end = 0
    _corrupt = False

    def _begin(self, data: bytearray) -> Rejected | None:
        """Read the header, once all of it is there; returns why it is none."""
        if len(data) >= 3 and not data.startswith(MAGIC):
            return Rejected("header_missing", "the file does not begin as DBN does")
        if len(data) < 8:
            return None
        length = 8 + int.from_bytes(data[4:8], "little")
        if data[3] not in VERSIONS:
            return Rejected("header_unexpected", f"DBN version {data[3]}; 1, 2 and 3 are read")
        if length > HEADER_MAX:
            return Rejected("header_unexpected", f"a DBN header of {length} bytes")
        if len(data) < length:
            return None
        try:
            metadata = Metadata.decode(bytes(data[:length]))
        except (DBNError, ValueError) as error:
            return Rejected("header_unexpected", f"the DBN header cannot be read: {error}"[:200])
        by_instrument = str(metadata.stype_in) == "instrument_id"
        self.symbology.add(metadata.mappings, by_instrument=by_instrument)
        self._header_end = length
        return None

    def _records(self, carry: bytearray, size: int) -> Iterator[bytes | Rejected]:
        """Yield the lines of the whole records in `carry`, and take these out of it."""
        data = np.frombuffer(bytes(carry), np.uint8)
        out = np.empty((len(data) // MBP_BYTES + 1) * LINE_BYTES, np.uint8)
        read, written, self._corrupt = put_lines(data, out)
        del carry[:read]
        if written:
            yield out[:written].tobytes()
        if self._corrupt:
            where = size - len(carry)
            yield Rejected("archive_corrupt", f"no DBN record at byte {where} of the stream")
