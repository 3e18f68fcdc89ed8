"""Duplicates alone, for detectors that leave them to others: in one compiled call."""

from typing import NamedTuple

import numpy as np

from tape.codec.array_types import I64, U8, U16, U64
from tape.codec.compiling import uncounted
from tape.detection.duplicates import ACCEPTED, KNOWN_PUBLISHERS, no_rings, outcome_of
from tape.detection.protocol import DUPLICATE, Columns

VERSION = 1
"""Version of this layout in a blob's header."""
COUNTERS = KNOWN_PUBLISHERS + 1
"""Columns of `counters`."""


class RingState(NamedTuple):
    """What is remembered of all symbols; `tape.detection.duplicates` has the fields' meanings."""

    counters: I64
    ring: U64
    newest: I64
    ring_head: U16
    ring_next: U16
    indexed: I64
    dirty: U8


def ring_state() -> RingState:
    """Return the state of no symbols."""
    return RingState(
        counters=np.zeros((0, COUNTERS), np.int64),
        dirty=np.zeros((0, 1), np.uint8),
        **no_rings(),
    )


def check(counters: I64) -> bool:
    """Return whether counters of a kept state may be those of a symbol."""
    return bool(counters[ACCEPTED] >= 0)


@uncounted
def find_duplicates(t: Columns, state: RingState, outcome: U8, behind_ns: I64, shared: U8) -> None:
    """Tell new, late and duplicate trades of a batch apart."""
    for i in range(t.symbol.shape[0]):
        row = t.symbol[i]
        outcome[i], behind_ns[i], shared[i] = outcome_of(state, t, i)
        if outcome[i] < DUPLICATE:
            state.counters[row, ACCEPTED] += 1
            state.dirty[row, 0] = 1
