"""Columns of integers in as few whole bytes each as their range needs."""

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import I64
from tape.errors import StateError

HEADER: Final = struct.Struct("<BIqq")
"""Before a column's bytes: bytes of a value, values, the smallest of them, and what all are
multiples of beyond it."""
WIDTHS: Final = {0: "u1", 1: "u1", 2: "<u2", 4: "<u4", 8: "<i8"}
"""Types by bytes of a value; none are needed where all values are equal."""
PRICE_STEPS: Final = (10_000_000, 100_000)
"""Cents and hundredths of one, in 1e-9 dollars: nearly all prices are multiples."""
WHOLE: Final = 8
"""Bytes of a value that is stored as it is."""


def packed(values: npt.NDArray[Any], steps: Sequence[int] = ()) -> bytes:
    """Return a column as bytes.

    Args:
        values: integers of at most 64 bits.
        steps: the largest first; the first that all distances from the smallest value are
            multiples of is divided by.

    >>> column, at = np.array([7, 7 + 300, 7 + 90_000]), 0
    >>> unpacked(packed(column, [100]), at)[0].tolist(), len(packed(column, [100]))
    ([7, 307, 90007], 27)
    """
    count = len(values)
    if count == 0:
        return HEADER.pack(0, 0, 0, 1)
    base, most = int(values.min()), int(values.max())
    if most - base >= 2**32 * max(steps, default=1):
        return HEADER.pack(WHOLE, count, 0, 1) + values.astype("<i8").tobytes()
    if most == base:
        return HEADER.pack(0, count, base, 1)
    distances = values.astype(np.int64) - base
    step = next((one for one in steps if most - base > 255 and _divides(one, distances)), 1)
    width = _width((most - base) // step)
    if width == WHOLE:
        return HEADER.pack(WHOLE, count, 0, 1) + values.astype("<i8").tobytes()
    if step != 1:
        distances //= step
    return HEADER.pack(width, count, base, step) + distances.astype(WIDTHS[width]).tobytes()


def unpacked(blob: bytes, at: int) -> tuple[I64, int]:
    """Return a column, and where the next one begins; raises `StateError` for anything else."""
    try:
        width, count, base, step = HEADER.unpack_from(blob, at)
        begin = at + HEADER.size
        if width == 0:
            return np.full(count, base, np.int64), begin
        column = np.frombuffer(blob, WIDTHS[width], count, begin).astype(np.int64)
    except (struct.error, KeyError, ValueError):
        raise StateError(
            "a column of the log of trades is damaged", "start over with `tape state reset`"
        ) from None
    if step != 1:
        column *= step
    if base:
        column += base
    return column, begin + width * count


def _divides(step: int, distances: I64) -> bool:
    return not (distances % step).any()


def _width(most: int) -> int:
    """Return the bytes that a value of at most this much needs."""
    return next((width for width in (1, 2, 4) if most < 1 << 8 * width), WHOLE)
