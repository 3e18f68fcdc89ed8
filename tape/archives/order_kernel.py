"""Compiled: which times of a file are in order, and what stands for those that are not."""

import numpy as np

from tape.codec.compiling import compiled
from tape.codec.text import I64


@compiled
def in_order(times: I64, keys: I64) -> None:
    """Fill `keys` with times in order, changing as few of `times` as can be.

    The longest part of them that is in order keeps its times. Of the others, one that is too
    early takes the key before it, and one that is too late that of the next one that is in order:
    of two that a clock has swapped by a microsecond neither moves by more than that.
    """
    count = len(times)
    ends = np.empty(count, np.int64)  # by length: where the part of that length ends earliest
    before = np.empty(count, np.int64)
    length = 0
    for n in range(count):
        low, high = 0, length
        while low < high:
            middle = (low + high) // 2
            if times[ends[middle]] <= times[n]:
                low = middle + 1
            else:
                high = middle
        before[n] = ends[low - 1] if low > 0 else -1
        ends[low] = n
        length = max(length, low + 1)
    kept = np.zeros(count, np.bool_)
    n = ends[length - 1] if length else -1
    while n >= 0:
        kept[n] = True
        first, n = n, before[n]
    last = times[first] if length else 0
    following = np.empty(count, np.int64)
    then = times[ends[length - 1]] if length else 0
    for n in range(count - 1, -1, -1):
        if kept[n]:
            then = times[n]
        following[n] = then
    for n in range(count):
        if kept[n]:
            last = times[n]
        elif times[n] > last:
            last = following[n]
        keys[n] = last


@compiled
def keep_order(keys: I64, files: I64, fields: I64) -> None:
    """Raise the fields of a trade to those before it of the same key and file, if they are less.

    Sorted by them, the trades of a file then keep their order.
    """
    for n in range(1, len(keys)):
        if keys[n] != keys[n - 1] or files[n] != files[n - 1]:
            continue
        for column in range(fields.shape[1]):
            if fields[n, column] != fields[n - 1, column]:
                if fields[n, column] < fields[n - 1, column]:
                    fields[n] = fields[n - 1]
                break
