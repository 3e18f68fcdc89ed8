"""Flags of one symbol that belong together: one event, one alert.

Flagged trades of a symbol at most a gap of trade time apart, each to the one before it, are an
episode. The first opens it, the others extend it, and the first trade of the symbol that is
farther from the last flag, in either direction, closes it: a clock that was wrong once must not
keep an episode open for hours. The very next trade after a flag belongs to it even minutes later:
in a quiet stock a misprint and its return are one event. Trades count in the order of their
arrival; duplicates, which are dropped, do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tape.codec.array_types import I64, U8
from tape.codec.symbols import SymbolTable
from tape.detection.composed import taken
from tape.detection.protocol import Explanation, Verdicts
from tape.judging.circumstances import circumstances_of
from tape.judging.episode_kernel import CLOSED, COLUMNS, EMPTY, FLAGS, OPENED, follow_batch
from tape.judging.episode_message import as_episode_message, counted_rules, episode_id
from tape.judging.kept_state import decode_kept, encode_kept
from tape.judging.worst import Worst, decode_worst, encode_worst, worst_of
from tape.market.day import contexts
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


@dataclass(frozen=True, slots=True)
class Placed:
    """What is known of a flagged trade beyond what its detector says.

    Attributes:
        episode_id: of the episode that it belongs to.
        context: its circumstances, which the detector's are part of.
        priority: the detector's, lowered where these excuse it; None if it gave none.
    """

    episode_id: str
    context: str
    priority: float | None


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
        self._worst: dict[int, Worst] = {}
        """Of the open episodes, by symbol."""

    def _make_room(self, rows: int) -> None:
        if rows > len(self._rows):
            grown = np.tile(EMPTY, (max(rows, ROOM_FACTOR * len(self._rows), 16), 1))
            grown[: len(self._rows)] = self._rows
            self._rows = grown

    def follow(
        self,
        trades: TradeColumns,
        verdicts: Verdicts,
        why: Sequence[Explanation],
        positions: I64,
    ) -> tuple[list[Placed], list[EpisodeStep]]:
        """Return where each flagged trade belongs, and every step of an episode, in order.

        Args:
            trades: the batch.
            verdicts: what is said of it.
            why: of each flagged trade why it was flagged.
            positions: of each trade where it stood in the batch.
        """
        self._make_room(len(self._symbols.names))
        most = 2 * len(verdicts.flagged) + min(len(self._worst), len(trades))
        steps, copies = np.empty((most, 2), np.int64), np.empty((most, COLUMNS), np.int64)
        bits = np.empty(len(trades), np.uint8)
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
            bits,
        )
        alone = iter(_alone(trades, verdicts, why, bits))
        placed, found = [], []
        for (row, kind), copy in zip(steps[:made].tolist(), copies[:made].tolist(), strict=True):
            number = int(trades.symbol[row])
            name = episode_id(self._symbols.names[number], copy)
            if kind != CLOSED:
                one = next(alone)
                before = None if kind == OPENED else self._worst[number]
                self._worst[number] = one if before is None else before.joined(one)
                placed.append(Placed(name, one.context, one.priority))
            worst = self._worst[number]
            if kind == CLOSED:
                del self._worst[number]
            value, mark = as_episode_message(
                name, self._symbols.names[number], kind, copy, worst, self._identity, self._counted
            )
            at, ts_event_ns = int(positions[row]), int(trades.ts_event_ns[row])
            found.append(EpisodeStep(at, name, STATES[kind], mark, value, ts_event_ns))
        return placed, found

    def kept(self, symbol: int, detector_state: bytes) -> bytes:
        """Return what is kept of a symbol: its episode with the detector's state."""
        self._make_room(symbol + 1)
        worst = encode_worst(self._worst[symbol]) if symbol in self._worst else b""
        return encode_kept(self._rows[symbol], worst, detector_state)

    def take_up(self, symbol: int, kept: bytes) -> bytes:
        """Take up a symbol's episode from what was kept, and return the detector's state.

        Raises `StateError` if it cannot. A state from before episodes has none open.
        """
        row, alert, detector_state = decode_kept(kept)
        worst = decode_worst(alert)
        self._make_room(symbol + 1)
        self._rows[symbol] = EMPTY if row is None else row
        self._worst.pop(symbol, None)
        if self._rows[symbol, FLAGS] > 0:
            self._worst[symbol] = worst
        return detector_state

    def forget(self, symbol: int) -> None:
        """Forget all of a symbol, whose number belongs to another one from now on.

        An episode that is open stays so on the topic: nothing is known any more that could close
        it.
        """
        if symbol < len(self._rows):
            self._worst.pop(symbol, None)
            self._rows[symbol] = EMPTY


def _alone(
    trades: TradeColumns, verdicts: Verdicts, why: Sequence[Explanation], bits: U8
) -> list[Worst]:
    """Return of each flagged trade what it would be as an episode alone."""
    flagged = verdicts.flagged
    kinds = contexts(taken(trades, flagged)).kind.tolist()
    found = []
    for row, kind, one in zip(flagged.tolist(), kinds, why, strict=True):
        context, priority = circumstances_of(
            one.extras.get("context", ""),
            kind,
            int(bits[row]),
            int(trades.ts_event_ns[row]),
            one.extras.get("priority"),
        )
        found.append(
            worst_of(
                one,
                priority=priority,
                context=context,
                publisher_id=int(trades.publisher_id[row]),
                price_nanos=int(trades.price_nanos[row]),
                size=int(trades.size[row]),
            )
        )
    return found


__all__ = ["EpisodeStep", "Episodes", "Placed"]
