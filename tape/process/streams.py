"""Standard streams that can be relied on: none is closed, and what is written comes out whole."""

import io
import os
import sys
from typing import Final

NAMES: Final = ("stdin", "stdout", "stderr")


def whole_streams() -> None:
    """Open those of the three that are closed, and write standard output whole or with an error.

    A stream that is closed (`tape … >&-`) is wanted by nobody, but the next file that is opened
    would get its number, and with it all that libraries print. Of an unbuffered one
    (`PYTHONUNBUFFERED`, usual in containers) Python drops without an error what a disk that is
    nearly full did not take of a write.
    """
    for number, name in enumerate(NAMES):
        _open(number, name)
    unbuffered = getattr(sys.stdout, "buffer", None)
    if isinstance(unbuffered, io.RawIOBase):
        whole = io.BufferedWriter(unbuffered)
        told = sys.stdout.encoding, sys.stdout.errors
        sys.stdout = io.TextIOWrapper(whole, *told, line_buffering=True)


def _open(number: int, name: str) -> None:
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
    if getattr(sys, name) is None:
        mode = "w" if number else "r"
        setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
