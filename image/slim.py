"""Takes out of a folder of packages what no program of the image uses: `python slim.py FOLDER`.

Tests, sources and headers of compiled modules, and the symbols in shared libraries that only a
debugger reads. Licences and metadata stay.
"""

import shutil
import struct
import sys
from pathlib import Path

FOLDERS = ("tests", "test", "sample_data", "pdfcorefonts")
"""Of the last two, matplotlib's, no picture has need: it draws what is given, as PNG."""
ENDINGS = {".pyi", ".pxd", ".pyx", ".pxi", ".h", ".hpp", ".c", ".cpp", ".a", ".po"}
"""What compilers, type checkers and translators read."""
LIBRARY = b"\x7fELF\x02\x01"
"""How an ELF file of 64 bits begins, low byte first: all that Python's wheels for Linux hold."""


def slim(folder: Path) -> None:
    """Remove files, and cut libraries."""
    for name in FOLDERS:
        for path in [path for path in folder.rglob(name) if path.is_dir()]:
            shutil.rmtree(path, ignore_errors=True)
    for path in [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]:
        if path.suffix in ENDINGS:
            path.unlink()
        elif ".so" in path.suffixes:
            cut(path)


def cut(path: Path) -> None:
    """Cut off what lies behind a library's last loaded byte: symbols, and the table of sections.

    What loads a library reads the table of segments only (`man 5 elf`).
    """
    with path.open("r+b") as file:
        head = file.read(64)
        if not head.startswith(LIBRARY):
            return
        (at,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        file.seek(at)
        table = file.read(size * count)
        ends = [at + size * count]
        for nth in range(count):
            (offset,) = struct.unpack_from("<Q", table, nth * size + 8)
            (length,) = struct.unpack_from("<Q", table, nth * size + 32)
            ends.append(offset + length)
        file.truncate(max(ends))
        file.seek(40)
        file.write(bytes(8))  # there is no table of sections,
        file.seek(58)
        file.write(bytes(6))  # and so none of its entries


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
