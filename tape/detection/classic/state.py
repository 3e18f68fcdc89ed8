"""The classic rules' memory: one array per field with a row per symbol."""

from typing import Final, NamedTuple

import numpy as np

from tape.codec.array_types import F32, I64, U8, U16, U64
from tape.detection.duplicates import ACCEPTED, no_rings
from tape.detection.forest.breakpoints import BREAKPOINTS

VERSION: Final = 3
"""Version of this layout in a blob's header; in the one before each field had all its bytes."""


LAST_PRICE: Final = 1
REFERENCE: Final = 2
SUM: Final = 3
SUM_OF_SQUARES: Final = 4
FAR: Final = 5
"""Prices in the window so far from the reference that 64 bits may not hold the sums."""
LEARNT: Final = 6
"""Values ever added to the training history."""
FINE: Final = 8
"""1 from the first price on that is no multiple of 1e-4 dollars: the window is in 1e-9 then."""
BELOW: Final = 9
"""Verdict below the first breakpoint."""
BREAKS: Final = 10
"""Breakpoints of the symbol's forest."""
HIGH_SQUARES: Final = 11
"""The upper 64 bits of the sum of squares, in fine units."""
COUNTERS: Final = 12
"""Columns of `counters`."""


class ClassicState(NamedTuple):
    """State of all symbols.

    `ring` has two hashes per trade, zeros for one without a sequence. `newest` has three columns
    per publisher: its number, its newest time, and the highest sequence of that time. `ring_head`,
    `ring_next` and `indexed` are the index over the ring, see `tape.detection.duplicates`.
    """

    counters: I64
    window: I64
    history: F32
    breaks: F32
    ring: U64
    newest: I64
    ring_head: U16
    ring_next: U16
    indexed: I64
    dirty: U8


def classic_state(*, window: int, history: int) -> ClassicState:
    """Return the state of no symbols."""
    return ClassicState(
        counters=np.zeros((0, COUNTERS), np.int64),
        window=np.zeros((0, window), np.int64),
        history=np.zeros((0, history), np.float32),
        breaks=np.zeros((0, BREAKPOINTS), np.float32),
        dirty=np.zeros((0, 1), np.uint8),
        **no_rings(),
    )


def check(counters: I64) -> bool:
    """Return whether counters of a kept state may be those of a symbol."""
    return bool(
        counters[ACCEPTED] >= 0
        and counters[LEARNT] >= 0
        and 0 <= counters[BREAKS] <= BREAKPOINTS
        and counters[FINE] in (0, 1)
    )
