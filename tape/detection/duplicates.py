"""Tells new, late and duplicate trades apart; nothing but duplicates is dropped.

A trade is a duplicate when its identity is among those of the last `RING` judged trades of its
symbol. The identity is publisher, time, sequence, price, size, side and ordinal. A feed without
sequences has no duplicates to find: its equal trades are different trades.

The ring keeps two hashes of 64 bits per trade: its place (publisher, time, sequence, ordinal),
and its whole identity. Most trades are ahead of all that their publisher has sent, so they cannot
be in the ring and are not looked up. For the others there is an index over the ring: chains by
place, newest first, written only when a look-up needs them. It is no part of the kept state.
"""

from typing import Any, Final, Protocol

import numpy as np

from tape.codec.array_types import I64, U16, U64, Word
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.protocol import DUPLICATE, LATE, NEW, Columns

RING: Final = 1_024
"""Accepted trades that are remembered per symbol to recognise duplicates; a power of two.

Two hashes each make 16 KB, most of what a symbol's state takes."""


PUBLISHERS: Final = 64
"""Publishers per symbol whose newest time is remembered; Databento has some 110 in all."""


ACCEPTED: Final = 0
"""Columns of `counters`, one int64 each: trades accepted so far; the others follow."""


KNOWN_PUBLISHERS: Final = 7
"""Publishers of the symbol seen so far; the columns between are a detector's own."""


class Ring(Protocol):
    """What the state of a detector holds for this, a row per symbol.

    `ring` has two hashes per trade, zeros for one without a sequence. `newest` has three columns
    per publisher: its number, its newest time, and the highest sequence of that time.
    `ring_head`, `ring_next` and `indexed` are the index over the ring.
    """

    counters: I64
    ring: U64
    newest: I64
    ring_head: U16
    ring_next: U16
    indexed: I64


def no_rings() -> dict[str, Any]:
    """Return what is remembered of no symbols: the fields of `Ring` but `counters`."""
    return {
        "ring": np.zeros((0, 2 * RING), np.uint64),
        "newest": np.zeros((0, 3 * PUBLISHERS), np.int64),
        "ring_head": np.zeros((0, 2 * RING), np.uint16),
        "ring_next": np.zeros((0, RING), np.uint16),
        "indexed": np.zeros((0, 1), np.int64),
    }


FORGOTTEN = PUBLISHERS + 1
"""`KNOWN_PUBLISHERS` of a symbol that has had more publishers than there is room for."""
AGES = 0xFFFF
"""The index tells trades apart by the last 16 bits of their number."""
ALONE = 0
"""The ring holds no trade of the same place."""
SHARED = 1
"""The ring holds another trade of the same place."""
SAME = 2
"""The ring holds the very trade."""


@part_of_callers
def _mixed(seed: Any, value: int) -> Any:
    """Return a 64-bit hash of both (splitmix64)."""
    word = (seed ^ np.uint64(value)) + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@part_of_callers
def _place_hash(publisher: int, ts_event_ns: int, sequence: int, ordinal: int) -> Any:
    """Return 64 bits that stand for where a trade stands in its feed."""
    word = _mixed(np.uint64(0), ts_event_ns)
    word += np.uint64(ordinal) * np.uint64(0xD1342543DE82EF95)
    return _mixed(word, (sequence << 16) | publisher)


@part_of_callers
def _identity_hash(place: Any, price_nanos: int, size: int, side: int) -> Any:
    """Return 64 bits that stand for all of a trade."""
    return _mixed(_mixed(place, price_nanos), (size << 8) | side)


@part_of_callers
def _publisher_slot(state: Ring, row: int, publisher: int) -> int:
    """Return the column where the publisher is kept, or -1."""
    for slot in range(min(state.counters[row, KNOWN_PUBLISHERS], PUBLISHERS)):
        if state.newest[row, 3 * slot] == publisher:
            return 3 * slot
    return -1


@uncounted
def _note_publisher(state: Ring, row: int, publisher: int, ts_event_ns: int, sequence: int) -> None:
    """Remember the first trade of a publisher, in place of the oldest if there is no room."""
    slot = state.counters[row, KNOWN_PUBLISHERS]
    if slot < PUBLISHERS:
        state.counters[row, KNOWN_PUBLISHERS] += 1
    else:
        slot = 0
        for other in range(1, PUBLISHERS):
            if state.newest[row, 3 * other + 1] < state.newest[row, 3 * slot + 1]:
                slot = other
        state.counters[row, KNOWN_PUBLISHERS] = FORGOTTEN
    state.newest[row, 3 * slot] = publisher
    state.newest[row, 3 * slot + 1] = ts_event_ns
    state.newest[row, 3 * slot + 2] = sequence


@uncounted
def _index_ring(state: Ring, row: int, count: int) -> None:
    """Take the trades since the last look-up, the `count`-th the last of them, into the index."""
    for number in range(max(state.indexed[row, 0], count - RING), count):
        at = number % RING
        place = state.ring[row, 2 * at]
        if place != np.uint64(0):
            chain = np.int64(place & np.uint64(2 * RING - 1))
            state.ring_next[row, at] = state.ring_head[row, chain]
            state.ring_head[row, chain] = np.uint16((number + 1) & AGES)
    state.indexed[row, 0] = count


@uncounted
def _looked_up(state: Ring, row: int, place: Any, identity: Any) -> int:
    """Return ALONE, SHARED or SAME for a trade.

    A chain ends where a number is no older than the one before it: what that one pointed to has
    been overwritten since. A number that is wrong by a multiple of 65,536 leads to a trade of
    another place, which is passed by.
    """
    count = state.counters[row, ACCEPTED]
    _index_ring(state, row, count)
    found = ALONE
    number = np.int64(state.ring_head[row, np.int64(place & np.uint64(2 * RING - 1))])
    younger: Word = np.int64(-1)
    age = (count - number) & AGES
    while younger < age < RING and age < count:
        at = (count - 1 - age) % RING
        if state.ring[row, 2 * at] == place:
            if state.ring[row, 2 * at + 1] == identity:
                return SAME
            found = SHARED
        younger = age
        age = (count - np.int64(state.ring_next[row, at])) & AGES
    return found


@part_of_callers
def outcome_of(state: Any, t: Columns, i: int) -> tuple[int, int, int]:
    """Return the outcome of trade i, by how many ns it is late, and 1 if it shares its place.

    Unless it is a duplicate it is remembered in the ring; the caller counts accepted trades.
    """
    row = t.symbol[i]
    publisher = t.publisher_id[i]
    ts_event_ns = t.ts_event_ns[i]
    sequence = t.sequence[i]
    slot = _publisher_slot(state, row, publisher)
    behind: Word = np.int64(0)
    ahead = slot < 0
    if slot >= 0:
        behind = state.newest[row, slot + 1] - ts_event_ns
        ahead = behind < 0 or (behind == 0 and sequence > state.newest[row, slot + 2])
    place: Word = np.uint64(0)
    identity: Word = np.uint64(0)
    found = ALONE
    if sequence > 0:
        place = _place_hash(publisher, ts_event_ns, sequence, t.ordinal[i])
        identity = _identity_hash(place, t.price_nanos[i], t.size[i], t.side[i])
        if not ahead or state.counters[row, KNOWN_PUBLISHERS] == FORGOTTEN:
            found = _looked_up(state, row, place, identity)
            if found == SAME:
                return DUPLICATE, 0, 0
    at = state.counters[row, ACCEPTED] % RING
    state.ring[row, 2 * at] = place
    state.ring[row, 2 * at + 1] = identity
    if slot < 0:
        _note_publisher(state, row, publisher, ts_event_ns, max(sequence, 0))
    elif ahead:
        state.newest[row, slot + 1] = ts_event_ns
        state.newest[row, slot + 2] = max(sequence, 0)
    elif behind > 0:
        return LATE, behind, found
    return NEW, 0, found
