"""What a file is by how it begins, where its name says something else, and what to do then."""

import re
from typing import Final

from tape.model.rejected import Rejected

GZIP: Final = b"\x1f\x8b\x08"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
KINDS: Final = (
    (GZIP, "gzip", ".gz"),
    (ZSTD, "zstd", ".zst"),
    (b"PK\3\4", "a zip archive", ".zip"),
    (b"DBN", "DBN", ".dbn"),
    (b"BZh", "bzip2", ""),
    (b"\xfd7zXZ\0", "xz", ""),
    (b"7z\xbc\xaf", "a 7z archive", ""),
    (b"\x04\x22\x4d\x18", "lz4", ""),
    (b"Rar!", "a rar archive", ""),
    (b"PAR1", "Parquet", ""),
    (b"ARROW1", "Arrow (Feather)", ""),
    (b"FEA1", "Feather", ""),
    (b"ORC", "ORC", ""),
    (b"Obj\1", "Avro", ""),
    (b"\x89HDF", "HDF5", ""),
    (b"\x93NUMPY", "a numpy array", ""),
    (b"SQLite format 3", "an SQLite database", ""),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", ""),
    (b"%PDF", "a PDF", ""),
    *((bytes([0x80, protocol]), "a pickle", "") for protocol in (2, 3, 4, 5)),
)
"""How files begin that are no text: what they are, and by which suffix they are read, if at all."""

OFFICE: Final = re.compile(
    rb"PK\x03\x04.{26}(\[Content_Types\]|_rels|xl/|docProps|mimetype)", re.DOTALL
)
"""How a workbook begins, which is a zip archive as well."""

UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
CONVERT: Final = "convert it with: iconv -f UTF-16 -t UTF-8 FILE > NEW.csv"
TEXT_FROM: Final = 9
"""The first byte of text that is no control character: the tab."""

SEPARATOR_LINE: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\"?sep=[^\r\n]\"?[,;\t]*\r?\n", re.IGNORECASE
)
"""What spreadsheets write above the header to say the delimiter; the header shows it as well."""


def without_separator_line(first: bytes) -> bytes:
    r"""Return the beginning of a file without the line `sep=;` that spreadsheets may write first.

    >>> without_separator_line(b"sep=;\r\nts_event;price")
    b'ts_event;price'
    """
    match = SEPARATOR_LINE.match(first)
    return first[match.end() :] if match else first


def misnamed(first: bytes) -> Rejected | None:
    """Return what a file is that begins so where text was expected, or None if it may be text."""
    if OFFICE.match(first):
        return Rejected("archive_misnamed", "it is a workbook, not text: save its sheet as CSV")
    found = _kind(first)
    if found is None:
        return None
    kind, suffix = found
    cure = f"give it the suffix {suffix}" if suffix else "save it as CSV"
    text = f"it holds {kind} where text was expected: unpack it, or {cure}"
    return Rejected("archive_misnamed", text)


def not_packed(first: bytes, suffix: str, packing: str) -> str:
    """Return in words that a file does not begin as its suffix says, what it is, and what to do.

    >>> not_packed(b"ts_event,price", ".gz", "gzip")
    'the file does not begin as gzip does, it is plain text: take .gz off its name'
    """
    text = f"the file does not begin as {packing} does"
    found = _kind(first)
    if found is not None:
        kind, right = found
        cure = f"its suffix should be {right}" if right else "unpack it, and save it as CSV"
        return f"{text}, it holds {kind}: {cure}"
    if is_text(first):
        return f"{text}, it is plain text: take {suffix} off its name"
    return text


def is_text(first: bytes) -> bool:
    """Return whether a file that begins so is UTF-8 without control characters."""
    if not first or any(byte < TEXT_FROM for byte in first):
        return False
    try:
        first.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(first) - 3  # the last character is cut
    return True


def other_encoding(line: bytes) -> str | None:
    """Return in words why a first line is no UTF-8, and how to change that; None if it is.

    >>> other_encoding("a,b".encode("utf-16"))
    'it is UTF-16: convert it with: iconv -f UTF-16 -t UTF-8 FILE > NEW.csv'
    """
    if line.startswith(UTF16):
        return f"it is UTF-16: {CONVERT}"
    if b"\0" in line:
        pairs = len(line) // 2
        if pairs and max(line[:-1:2].count(0), line[1::2].count(0)) >= 0.9 * pairs:
            order = "LE" if line[1::2].count(0) >= line[:-1:2].count(0) else "BE"
            return f"it is UTF-16 without a mark: {CONVERT.replace('UTF-16', f'UTF-16{order}')}"
        return "the first line has zero bytes: save it as UTF-8"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "the first line is not UTF-8: save the file as UTF-8"
    return None


def _kind(first: bytes) -> tuple[str, str] | None:
    for magic, kind, suffix in KINDS:
        if first.startswith(magic) and (suffix != ".dbn" or first[3:4] < b"\x0a"):
            return kind, suffix
    return None
