"""Rows of CSV that go over several lines, because a quoted field holds line ends (RFC 4180)."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from tape.archives.layout import Layout, split
from tape.archives.zstd import LINE_MAX, Piece
from tape.model.fields import Unreadable

LINES_MAX: Final = 100
"""A quote that is not closed within this many lines is a wrong byte, and no field."""

LINE_END: Final = b"\x0b"
"""What a line end within a field becomes, so that a row is a line; no needed text has it."""


def whole_rows(pieces: Iterator[Piece], layout: Layout) -> Iterator[Piece]:
    """Yield chunks whose lines are whole rows: lines are joined that make a row together.

    What is needed of a row goes over no line's end. What makes no row stays as it is, and is
    rejected line by line.
    """
    held = b""
    for piece in pieces:
        if not isinstance(piece, bytes):
            if held:
                yield _joined(held, layout, last=True)[0]
                held = b""
            yield piece
            continue
        data = held + piece if held else piece
        held = b""
        if b'"' in data and _is_open_somewhere(data):
            data, held = _joined(data, layout, last=False)
        if data:
            yield data
    if held:
        yield _joined(held, layout, last=True)[0]


def _is_open_somewhere(data: bytes) -> bool:
    text = np.frombuffer(data, np.uint8)
    open_at = np.cumsum(text == 34, dtype=np.int64) & 1
    return bool(open_at[text == 10].any())


def _joined(data: bytes, layout: Layout, *, last: bool) -> tuple[bytes, bytes]:
    """Return lines that are whole rows, and what may continue in the next chunk."""
    lines = data.split(b"\n")[:-1]
    rows: list[bytes] = []
    at = 0
    while at < len(lines):
        end = _row_end(lines, at)
        if end == 0 and last:
            end = at + 1
        if end == 0:
            return _text(rows), _text(lines[at:])
        row = LINE_END.join([*map(_without_return, lines[at : end - 1]), lines[end - 1]])
        if end > at + 1 and not _is_row(row, layout):
            end, row = at + 1, lines[at]
        rows.append(row)
        at = end
    return _text(rows), b""


def _row_end(lines: list[bytes], at: int) -> int:
    """Return behind which line the quotes of a line are closed, 0 if not in this chunk."""
    quotes = size = 0
    for end in range(at, min(at + LINES_MAX, len(lines))):
        quotes += lines[end].count(b'"')
        size += len(lines[end])
        if quotes % 2 == 0:
            return end + 1
        if size > LINE_MAX:
            return at + 1
    return at + 1 if at + LINES_MAX <= len(lines) else 0


def _is_row(row: bytes, layout: Layout) -> bool:
    try:
        fields = split(row.decode().rstrip("\r "), layout.delimiter)
    except (Unreadable, UnicodeDecodeError):
        return False
    needed = {one for at in layout.at.values() for one in at}
    broken = {n for n, field in enumerate(fields) if LINE_END.decode() in field}
    return len(fields) == layout.columns and not broken & needed


def _without_return(line: bytes) -> bytes:
    """Return a line whose row continues in the next one: as long, and without its return."""
    return line[:-1] + LINE_END if line.endswith(b"\r") else line


def _text(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)
