"""Takes the time of work inside compiled code, for an operator; no verdict sees it."""

import time
from typing import Any, Final

from numba.core import types

from tape.codec.array_types import I64
from tape.codec.compiling import uncounted

SECONDS: Final = 0
"""Columns of a stopwatch: what the system's clock writes, then how often and how long in all."""
NANOS: Final = 1
COUNT: Final = 2
TOOK_NS: Final = 3
COLUMNS: Final = 4
"""How many these are."""

_MONOTONIC: Final = time.CLOCK_MONOTONIC
_clock_gettime: Any = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.uintp))
"""Of the C library: Python's clocks cannot be called from here."""


@uncounted
def now_ns(watch: I64) -> Any:
    """Return the monotonic clock; it writes into the first two columns."""
    _clock_gettime(_MONOTONIC, watch.ctypes.data)
    return watch[SECONDS] * 1_000_000_000 + watch[NANOS]


@uncounted
def note_since(watch: I64, start_ns: int) -> None:
    """Count a piece of work that began then."""
    watch[COUNT] += 1
    watch[TOOK_NS] += now_ns(watch) - start_ns
