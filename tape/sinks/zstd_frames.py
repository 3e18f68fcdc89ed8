"""Text in frames of zstd, as DataBento packs it; the last one says who made the file."""

from typing import Final

import zstandard

from tape.process.origin import MARK_FRAME
from tape.process.whole_file import OutputFile

FRAME_BYTES: Final = 2 << 20
"""Bytes of text that make a frame of lines."""


class ZstdFrames:
    """Packs text into an open file."""

    def __init__(self, file: OutputFile) -> None:
        self._file = file
        self._pack = zstandard.ZstdCompressor(
            level=3, write_checksum=True, write_content_size=True
        ).compress

    def add(self, text: bytes) -> None:
        """Append a frame."""
        self._file.write(self._pack(text))

    def end(self) -> None:
        """End the file."""
        self._file.write(MARK_FRAME)


class PackedLines:
    """Packs lines, some of which are together in a frame."""

    def __init__(self, file: OutputFile) -> None:
        self._frames = ZstdFrames(file)
        self._held: list[bytes] = []
        self._size = 0

    def write(self, text: bytes) -> None:
        """Append text."""
        self._held.append(text)
        self._size += len(text)
        if self._size >= FRAME_BYTES:
            self._put()

    def flush(self) -> None:
        """Write what is held, and end the file."""
        self._put()
        self._frames.end()

    def _put(self) -> None:
        if self._size:
            self._frames.add(b"".join(self._held))
        self._held, self._size = [], 0
