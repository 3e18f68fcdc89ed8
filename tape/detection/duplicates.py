"""Tells new, late, duplicate and stale trades apart."""

from typing import Any

import numpy as np

from tape.detection.classic_state import ACCEPTED, KNOWN_PUBLISHERS, PUBLISHERS, RING, ClassicState
from tape.detection.detector import DUPLICATE, LATE, NEW, STALE
from tape.detection.inlining import part_of_callers, uncounted
from tape.detection.kernel_types import Word

DAY_NS = 86_400_000_000_000
NO_KEY = np.iinfo(np.int64).min
"""Stands in the ring for the order key of a trade without a sequence."""


@part_of_callers
def _mixed(seed: Any, value: int) -> Any:
    """Return a 64-bit hash of both (splitmix64)."""
    word = (seed ^ np.uint64(value)) + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@part_of_callers
def identity_hash(ts_event_ns: int, price_nanos: int, size: int, side: int) -> Any:
    """Return 64 bits that stand for all of an identity but publisher and order key."""
    word = _mixed(np.uint64(0), ts_event_ns)
    word = _mixed(word, price_nanos)
    word = _mixed(word, size)
    return _mixed(word, side)


@part_of_callers
def _publisher_slot(state: ClassicState, row: int, publisher: int) -> int:
    """Return where the publisher's newest key is, or -1."""
    for slot in range(state.counters[row, KNOWN_PUBLISHERS]):
        if state.publisher[row, slot] == publisher:
            return slot
    return -1


@uncounted
def _note_newest(state: ClassicState, row: int, publisher: int, key: int) -> None:
    """Remember the first key of a publisher, in place of the oldest if there is no room."""
    slot = state.counters[row, KNOWN_PUBLISHERS]
    if slot < PUBLISHERS:
        state.counters[row, KNOWN_PUBLISHERS] += 1
    else:
        slot = np.argmin(state.newest[row])
    state.publisher[row, slot] = publisher
    state.newest[row, slot] = key


@uncounted
def _looked_up(state: ClassicState, row: int, publisher: int, key: int, identity: Any) -> int:
    """Return DUPLICATE, LATE or STALE for a trade that is not newer than its publisher's."""
    older = True
    for i in range(min(state.counters[row, ACCEPTED], RING)):
        if state.ring_publisher[row, i] != publisher:
            continue
        kept = state.ring_key[row, i]
        if kept == key and state.ring_hash[row, i] == identity:
            return DUPLICATE
        if kept != NO_KEY and kept <= key:
            older = False
    return STALE if older else LATE


@part_of_callers
def outcome_of(
    state: Any, row: int, publisher: int, ts_event_ns: int, sequence: int, identity: Any
) -> int:
    """Return the trade's outcome and, unless it is dropped, remember it in the ring.

    The caller counts accepted trades.
    """
    outcome = NEW
    key: Word = np.int64(NO_KEY)
    if sequence != -1:
        key = ((ts_event_ns // DAY_NS) << 32) + sequence
        slot = _publisher_slot(state, row, publisher)
        if slot < 0:
            _note_newest(state, row, publisher, key)
        elif key > state.newest[row, slot]:
            state.newest[row, slot] = key
        else:
            outcome = _looked_up(state, row, publisher, key, identity)
            if outcome != LATE:
                return outcome
    at = state.counters[row, ACCEPTED] % RING
    state.ring_hash[row, at] = identity
    state.ring_key[row, at] = key
    state.ring_publisher[row, at] = publisher
    return outcome
