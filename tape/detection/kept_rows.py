"""A detector's memory as rows of arrays, one per symbol: grown, kept, restored and forgotten."""

from typing import Any, ClassVar

import numpy as np

from tape.codec.array_types import I64
from tape.detection.memory import ROOM_FACTOR, clear_row, decode_row, encode_row, grown

LEAST_ROWS = 16
"""Rows to begin with: a run of one symbol has room for a few more."""


class KeptRows:
    """What detectors have in common whose state is a named tuple of arrays with a row per symbol.

    A subclass sets `_state`, of no symbols, and `_learnt`, the fingerprint of what it learns by.

    Attributes:
        profile: its name in the headers of states.
        version: of the state's layout.
        reads_before: whether it reads states of the version before, too.
    """

    profile: ClassVar[str]
    version: ClassVar[int]
    reads_before: ClassVar[bool] = False

    _state: Any
    _learnt: str
    _known = 0

    @staticmethod
    def check(counters: I64) -> bool:
        """Return whether counters of a kept state may be those of a symbol."""
        raise NotImplementedError

    def snapshot(self, symbol: int) -> bytes:
        """Return the state of one symbol, the smaller the less it has traded."""
        self._make_room(symbol + 1)
        return encode_row(
            self._state,
            symbol,
            profile=self.profile,
            fingerprint=self._learnt,
            version=self.version,
        )

    def restore(self, symbol: int, blob: bytes) -> None:
        """Take up the state that `snapshot` returned; raises `StateError` if it cannot."""
        self._make_room(symbol + 1)
        decode_row(
            self._state,
            symbol,
            blob,
            profile=self.profile,
            fingerprint=self._learnt,
            version=self.version,
            before=self.reads_before,
            check=self.check,
        )

    def forget(self, symbol: int) -> None:
        """Forget all of a symbol, whose number belongs to another one from now on."""
        if symbol < self._known:
            clear_row(self._state, symbol)
            self._begin_row(symbol)

    def changed_symbols(self) -> list[int]:
        """Return the symbols with accepted trades since the last call."""
        rows: list[int] = np.flatnonzero(self._state.dirty[:, 0]).tolist()
        self._state.dirty[:] = 0
        return rows

    def _make_room(self, rows: int) -> None:
        """Have a row for each of the first `rows` symbols."""
        if rows <= self._known:
            return
        if rows > len(self._state.dirty):
            room = max(rows, ROOM_FACTOR * len(self._state.dirty), LEAST_ROWS)
            self._state = grown(self._state, room)
            self._grow_beside(room)
        for row in range(self._known, rows):
            self._begin_row(row)
        self._known = rows

    def _grow_beside(self, room: int) -> None:
        """Give what is kept beside the state as many rows."""

    def _begin_row(self, row: int) -> None:
        """Write what a symbol has beside its state, from its name."""
