"""Flags of one symbol that belong together: one event, one alert.

Flagged trades of a symbol at most a gap of trade time apart, each to the one before it, are an
episode. The first opens it, the others extend it, and the first trade of the symbol that is
farther from the last flag, in either direction, closes it: a clock that was wrong once must not
keep an episode open for hours. Trades count in the order of their arrival; duplicates,
which are dropped, do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tape.codec.array_types import I64
from tape.codec.symbols import SymbolTable
from tape.detection.protocol import Verdicts
from tape.judging.episode_kernel import CLOSED, COLUMNS, EMPTY, FLAGS, OPENED, follow_batch
from tape.judging.episode_message import as_episode_message, counted_rules, episode_id
from tape.judging.kept_state import decode_kept, encode_kept
from tape.model.anomaly import DetectorIdentity
from tape.model.columns import TradeColumns
from tape.model.episode import STATES, Mark, State
from tape.model.fields import NANOS
from tape.model.rules import RULES, Rule

ROOM_FACTOR: Final = 16
"""How many times as many rows there are each time there are too few, as in the detector."""


@dataclass(frozen=True, slots=True)
class EpisodeStep:
    """An episode's new state, and position in the batch and time of the trade that brought it."""

    position: int
    episode_id: str
    state: State
    mark: Mark | None
    value: bytes
    ts_event_ns: int


class Episodes:
    """The episodes of the trades of one partition; depends on each symbol's own trades only."""

    def __init__(
        self,
        symbols: SymbolTable,
        gap_s: float,
        identity: DetectorIdentity,
        rules: Sequence[Rule] = RULES,
    ) -> None:
        """Follow them; `rules` are those of the detectors, in the order in which they are told."""
        self._symbols, self._identity = symbols, identity
        self._counted = counted_rules(rules)
        self._gap_ns = round(gap_s * NANOS)
        self._rows: I64 = np.zeros((0, COLUMNS), np.int64)
        self._open = 0

    def _make_room(self, rows: int) -> None:
        if rows > len(self._rows):
            grown = np.tile(EMPTY, (max(rows, ROOM_FACTOR * len(self._rows), 16), 1))
            grown[: len(self._rows)] = self._rows
            self._rows = grown

    def follow(
        self, trades: TradeColumns, verdicts: Verdicts, positions: I64
    ) -> tuple[list[str], list[EpisodeStep]]:
        """Return the episode of each flagged trade, and every step of an episode, in order.

        `positions` says of each trade where it stood in the batch.
        """
        self._make_room(len(self._symbols.names))
        most = 2 * len(verdicts.flagged) + min(self._open, len(trades))
        steps, copies = np.empty((most, 2), np.int64), np.empty((most, COLUMNS), np.int64)
        made = follow_batch(
            np.ascontiguousarray(trades.symbol, np.int32),
            np.ascontiguousarray(trades.publisher_id, np.int32),
            np.ascontiguousarray(trades.ts_event_ns, np.int64),
            np.ascontiguousarray(trades.price_nanos, np.int64),
            np.ascontiguousarray(trades.size, np.int64),
            np.ascontiguousarray(trades.side, np.uint8),
            np.ascontiguousarray(trades.sequence, np.int64),
            np.ascontiguousarray(trades.ordinal, np.int32),
            verdicts.outcome,
            verdicts.rules,
            verdicts.shared,
            self._gap_ns,
            self._rows,
            steps,
            copies,
        )
        ids, found = [], []
        for (row, kind), copy in zip(steps[:made].tolist(), copies[:made].tolist(), strict=True):
            symbol = self._symbols.names[trades.symbol[row]]
            name = episode_id(symbol, copy)
            if kind != CLOSED:
                ids.append(name)
            self._open += (kind == OPENED) - (kind == CLOSED)
            value, mark = as_episode_message(
                name, symbol, kind, copy, self._identity, self._counted
            )
            at, ts_event_ns = int(positions[row]), int(trades.ts_event_ns[row])
            found.append(EpisodeStep(at, name, STATES[kind], mark, value, ts_event_ns))
        return ids, found

    def kept(self, symbol: int, detector_state: bytes) -> bytes:
        """Return what is kept of a symbol: its row with the detector's state."""
        self._make_room(symbol + 1)
        return encode_kept(self._rows[symbol], detector_state)

    def take_up(self, symbol: int, kept: bytes) -> bytes:
        """Take up a symbol's row from what was kept, and return the detector's state.

        Raises `StateError` if it cannot. A state from before episodes has none open.
        """
        row, detector_state = decode_kept(kept)
        self._make_room(symbol + 1)
        was_open = self._rows[symbol, FLAGS] > 0
        self._rows[symbol] = EMPTY if row is None else row
        self._open += int(self._rows[symbol, FLAGS] > 0) - int(was_open)
        return detector_state

    def forget(self, symbol: int) -> None:
        """Forget all of a symbol, whose number belongs to another one from now on.

        An episode that is open stays so on the topic: nothing is known any more that could close
        it.
        """
        if symbol < len(self._rows):
            self._open -= int(self._rows[symbol, FLAGS] > 0)
            self._rows[symbol] = EMPTY


__all__ = ["EpisodeStep", "Episodes"]
