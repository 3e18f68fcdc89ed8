"""Flags of one symbol that belong together: one event, one alert.

Flagged trades of a symbol at most a gap of trade time apart, each to the one before it, are an
episode. The first opens it, the others extend it, and the first trade of the symbol that is
farther from the last flag, in either direction, closes it: a clock that was wrong once must not
keep an episode open for hours. The very next trade after a flag belongs to it even minutes later:
in a quiet stock a misprint and its return are one event. Trades count in the order of their
arrival; duplicates, which are dropped, do not.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from tape.codec.array_types import I64
from tape.codec.symbols import SymbolTable
from tape.detection.composed import taken
from tape.detection.protocol import Explanation, Verdicts, kernel_columns
from tape.judging.circumstances import Circumstances
from tape.judging.episode_kernel import CLOSED, COLUMNS, EMPTY, FLAGS, OPENED, follow_batch
from tape.judging.episode_message import (
    Counted,
    as_episode_message,
    counted_rules,
    episode_id,
    mark_at,
)
from tape.judging.kept_state import decode_kept, encode_kept
from tape.judging.worst import (
    FlaggedTrade,
    Sum,
    decode_worst,
    encode_worst,
    sum_as_kept,
    sum_of,
)
from tape.market.day import contexts
from tape.model.anomaly import DetectorIdentity
from tape.model.columns import TradeColumns
from tape.model.episode import STATES, Mark, State
from tape.model.fields import NANOS
from tape.model.rules import RULES, Rule

ROOM_FACTOR: Final = 16
"""How many times as many rows there are each time there are too few, as in the detector."""


class EpisodeStep(msgspec.Struct, frozen=True, eq=False):
    """An episode's new state, and position in the batch and time of the trade that brought it.

    Its message is made when it is asked for: of the states of a batch the live detector writes
    each episode's last one, and `tape replay` without --episodes none.
    """

    position: int
    episode_id: str
    symbol: str
    kind: int
    mark: Mark | None
    ts_event_ns: int
    row: I64
    total: Sum
    detector: DetectorIdentity
    counted: Counted

    @property
    def state(self) -> State:
        """Return how far the episode is."""
        return STATES[self.kind]

    @property
    def value(self) -> bytes:
        """Return the message for `episodes`."""
        return as_episode_message(
            self.episode_id,
            self.symbol,
            self.kind,
            self.row.tolist(),
            self.total.worst(),
            self.detector,
            self.counted,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EpisodeStep):
            return NotImplemented
        mine, its = (self.position, self.ts_event_ns), (other.position, other.ts_event_ns)
        return mine == its and self.value == other.value


def last_of_each(steps: Sequence[EpisodeStep]) -> list[EpisodeStep]:
    """Return the last step of each episode, in their order.

    What the live detector writes of a batch: its readers see a transaction at once, and of an
    episode the latest state counts.
    """
    last: dict[str, EpisodeStep] = {}
    for step in steps:
        last.pop(step.episode_id, None)  # so that it stands where its last step does
        last[step.episode_id] = step
    return list(last.values())


class Placed(NamedTuple):
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
        self._circumstances = Circumstances()
        self._open: dict[int, tuple[str, Sum]] = {}
        """Names of the open episodes, and what they add up to, by symbol."""
        self._stepped: set[int] = set()
        """Symbols whose episodes have changed since `told` was called last."""

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
        flagged: TradeColumns | None = None,
    ) -> tuple[list[Placed], list[EpisodeStep]]:
        """Return where each flagged trade belongs, and every step of an episode, in order.

        Args:
            trades: the batch.
            verdicts: what is said of it.
            why: of each flagged trade why it was flagged.
            positions: of each trade where it stood in the batch.
            flagged: the flagged trades, for who has them already.
        """
        self._make_room(len(self._symbols.names))
        most = 2 * len(verdicts.flagged) + min(len(self._open), len(trades))
        steps, copies = np.empty((most, 2), np.int64), np.empty((most, COLUMNS), np.int64)
        bits = np.empty(len(trades), np.uint8)
        made = follow_batch(
            *kernel_columns(trades),
            verdicts.outcome,
            verdicts.rules,
            verdicts.shared,
            self._gap_ns,
            self._rows,
            steps,
            copies,
            bits,
        )
        if not made:
            return [], []
        if flagged is None:
            flagged = taken(trades, verdicts.flagged)
        alone = self._alone(flagged, why, bits[verdicts.flagged].tolist())
        rows = steps[:made, 0]
        placed, found = [], []
        for n, (kind, number, position, ts_event_ns) in enumerate(
            zip(
                steps[:made, 1].tolist(),
                trades.symbol[rows].tolist(),
                positions[rows].tolist(),
                trades.ts_event_ns[rows].tolist(),
                strict=True,
            )
        ):
            row, symbol, mark = copies[n], self._symbols.names[number], None
            self._stepped.add(number)
            if kind == CLOSED:
                name, total = self._open.pop(number)
                mark = mark_at(kind, row.tolist())
            else:
                trade, total = next(alone)
                if kind == OPENED:
                    name = episode_id(symbol, row.tolist())
                else:
                    name, before = self._open[number]
                    total = before.joined(total)
                self._open[number] = name, total
                placed.append(Placed(name, trade.context, trade.priority))
            found.append(
                EpisodeStep(
                    *(position, name, symbol, kind, mark, ts_event_ns, row, total),
                    *(self._identity, self._counted),
                )
            )
        return placed, found

    def _alone(
        self, flagged: TradeColumns, why: Sequence[Explanation], bits: Sequence[int]
    ) -> Iterator[tuple[FlaggedTrade, Sum]]:
        """Yield each flagged trade, and what it would be as an episode alone."""
        if not why:
            return
        circumstances_of = self._circumstances.of
        for one, kind, own_bits, time_ns, publisher_id, price_nanos, size in zip(
            why,
            contexts(flagged).kind.tolist(),
            bits,
            flagged.ts_event_ns.tolist(),
            flagged.publisher_id.tolist(),
            flagged.price_nanos.tolist(),
            flagged.size.tolist(),
            strict=True,
        ):
            extras = one.extras
            context, priority = circumstances_of(
                extras.get("context", ""), kind, own_bits, time_ns, extras.get("priority")
            )
            trade = FlaggedTrade(one, priority, context, publisher_id)
            yield trade, sum_of(trade, price_nanos, size)

    def pass_over(self, trades: TradeColumns) -> None:
        """Follow trades of which none is flagged, and none belongs to an open episode."""
        self._make_room(len(self._symbols.names))
        n, most = len(trades), min(len(self._open), len(trades))
        nothing = np.zeros(n, np.uint8)
        steps, copies = np.empty((most, 2), np.int64), np.empty((most, COLUMNS), np.int64)
        columns, none = kernel_columns(trades), nothing.view(np.bool_)
        made = follow_batch(
            *(*columns, nothing, nothing, none, self._gap_ns, self._rows),
            *(steps, copies, nothing.copy()),
        )
        for row in steps[:made, 0].tolist():  # a shorter gap than before has closed it
            self._open.pop(int(trades.symbol[row]), None)

    def told(self) -> set[int]:
        """Return the symbols with an open episode, or with one that changed since the last call."""
        found = self._stepped | self._open.keys()
        self._stepped = set()
        return found

    def kept(self, symbol: int, detector_state: bytes = b"") -> bytes:
        """Return what is kept of a symbol: its episode with the detector's state."""
        self._make_room(symbol + 1)
        worst = encode_worst(self._open[symbol][1].worst()) if symbol in self._open else b""
        return encode_kept(self._rows[symbol], worst, detector_state)

    def take_up(self, symbol: int, kept: bytes) -> bytes:
        """Take up a symbol's episode from what was kept, and return the detector's state.

        Raises `StateError` if it cannot. A state from before episodes has none open.
        """
        row, alert, detector_state = decode_kept(kept)
        worst = decode_worst(alert)
        self._make_room(symbol + 1)
        self._rows[symbol] = EMPTY if row is None else row
        self._open.pop(symbol, None)
        if self._rows[symbol, FLAGS] > 0:
            name = episode_id(self._symbols.names[symbol], self._rows[symbol].tolist())
            self._open[symbol] = name, sum_as_kept(worst)
        return detector_state

    def forget(self, symbol: int) -> None:
        """Forget all of a symbol, whose number belongs to another one from now on.

        An episode that is open stays so on the topic: nothing is known any more that could close
        it.
        """
        self._stepped.discard(symbol)
        if symbol < len(self._rows):
            self._open.pop(symbol, None)
            self._rows[symbol] = EMPTY


__all__ = ["EpisodeStep", "Episodes", "Placed", "last_of_each"]
