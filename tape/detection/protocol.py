"""What every detector is: columns in, verdicts out, and state that can be kept and restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64, I32, I64, U8
from tape.model.anomaly import Reason
from tape.model.columns import TradeColumns


class Columns(NamedTuple):
    """The columns of a batch as the kernel takes them."""

    symbol: I32
    publisher_id: I32
    ts_event_ns: I64
    price_nanos: I64
    size: I64
    side: U8
    sequence: I64
    ordinal: I32


def kernel_columns(trades: TradeColumns) -> Columns:
    """Return a batch as kernels take it: each column in one piece and of its own type."""
    return Columns(
        symbol=np.ascontiguousarray(trades.symbol, np.int32),
        publisher_id=np.ascontiguousarray(trades.publisher_id, np.int32),
        ts_event_ns=np.ascontiguousarray(trades.ts_event_ns, np.int64),
        price_nanos=np.ascontiguousarray(trades.price_nanos, np.int64),
        size=np.ascontiguousarray(trades.size, np.int64),
        side=np.ascontiguousarray(trades.side, np.uint8),
        sequence=np.ascontiguousarray(trades.sequence, np.int64),
        ordinal=np.ascontiguousarray(trades.ordinal, np.int32),
    )


NEW: Final = 0
LATE: Final = 1
"""Older than the newest of its publisher: judged like any other, and counted."""
DUPLICATE: Final = 2
"""Among the last trades of its symbol already: dropped. Nothing else is."""


@dataclass(frozen=True, slots=True)
class Each:
    """What a detector knows of every trade, flagged or not, if that is asked for.

    Attributes:
        families: per trade a column for the severity of its price, its size and the feed.
        lower: the lowest price that would have been normal, dollars; NaN where it is not known.
        upper: likewise the highest one.
        context: position in `tape.market.day.CONTEXTS`.
    """

    families: F64
    lower: F64
    upper: F64
    context: U8


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a detector says of a batch.

    Attributes:
        outcome: per trade NEW, LATE or DUPLICATE.
        rules: per trade the rules that fired, as a set of bits; 0 is an ordinary trade.
        flagged: positions in the batch of the trades with at least one rule, rising.
        evidence: per flagged trade what the detector needs to explain it, in the same order; a
            structured array whose fields are the detector's own.
        behind_ns: per trade by how much it is older than the newest of its publisher; 0 unless
            it is LATE.
        shared: per trade whether another of the last ones has the same publisher, time, sequence
            and ordinal.
        score: per trade how odd it is, the higher the odder, -1 for a duplicate; None of a
            detector that has no score.
        parts: of several detectors together, what each of them said.
        priority: per trade how much it deserves to be looked at, -1 for a duplicate; None of a
            detector that ranks by its score.
        each: more of every trade, from a detector that knows it, if `tells_each` asks for it.
    """

    outcome: npt.NDArray[np.uint8]
    rules: npt.NDArray[np.uint8]
    flagged: npt.NDArray[np.int64]
    evidence: npt.NDArray[Any]
    behind_ns: npt.NDArray[np.int64]
    shared: npt.NDArray[np.bool_]
    score: F64 | None = None
    parts: "tuple[Part, ...]" = ()
    priority: F64 | None = None
    each: Each | None = None

    @classmethod
    def of(
        cls,
        rules: npt.NDArray[Any],
        *,
        evidence: npt.NDArray[Any] | None = None,
        score: F64 | None = None,
    ) -> Self:
        """Return the verdicts of a detector that leaves duplicates to others.

        Args:
            rules: per trade whether its one rule fired, or a set of bits: 1 for the first rule
                of its kind, 2 for the second, 4 for the third.
            evidence: per flagged trade what `explain` needs.
            score: per trade how odd it is.

        >>> Verdicts.of(np.array([False, True])).flagged.tolist()
        [1]
        """
        bits = np.asarray(rules).astype(np.uint8)
        n, flagged = len(bits), np.flatnonzero(bits).astype(np.int64)
        if evidence is None:
            evidence = np.zeros(len(flagged), np.dtype([]))
        none = np.zeros(n, np.uint8)
        return cls(none, bits, flagged, evidence, np.zeros(n, np.int64), none.view(np.bool_), score)


@dataclass(frozen=True, slots=True)
class Part:
    """What one of several detectors was given, and what it said.

    Attributes:
        positions: where each of its trades stands in the whole batch; None if it got all of it.
    """

    trades: TradeColumns
    verdicts: Verdicts
    positions: npt.NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a trade was flagged.

    Attributes:
        reasons: one per rule, in the order of the detector's rules.
        extras: further fields of its message, in their order; what JSON can hold.
    """

    reasons: Sequence[Reason]
    extras: Mapping[str, Any] = field(default_factory=dict)


class Detector(Protocol):
    """Judges the trades of one partition, symbol by symbol.

    A symbol's index is its row in the detector. Verdicts depend on the symbol's own trades in
    their order and on nothing else: not on how they are batched, not on other symbols, not on
    the clock, not on whether the state was kept and restored in between. `tape.testing.laws`
    tries all of that.
    """

    def detect(self, trades: TradeColumns) -> Verdicts:
        """Judge a batch and remember what is needed to judge the next one."""

    def explain(self, trades: TradeColumns, verdicts: Verdicts, nth: int) -> Explanation:
        """Return why the `nth` flagged trade of a batch was flagged."""

    def changed_symbols(self) -> list[int]:
        """Return the symbols with accepted trades since the last call."""

    def snapshot(self, symbol: int) -> bytes:
        """Return the state of one symbol, the smaller the less it has traded."""

    def restore(self, symbol: int, blob: bytes) -> None:
        """Take up the state that `snapshot` returned; raises `StateError` if it cannot."""

    def forget(self, symbol: int) -> None:
        """Forget all of a symbol, whose number belongs to another one from now on."""


def explained_by(
    detector: Detector, trades: TradeColumns, verdicts: Verdicts
) -> Sequence[Explanation]:
    """Return why each flagged trade of a batch was flagged.

    By the detector's `explain_all` if it has one, which costs less than `explain` of each.
    """
    of_all = getattr(detector, "explain_all", None)
    if of_all is None:
        return [detector.explain(trades, verdicts, nth) for nth in range(len(verdicts.flagged))]
    found: Sequence[Explanation] = of_all(trades, verdicts)
    return found


class GatedDetector(Detector, Protocol):
    """A detector that need not look closely at a trade which another one finds ordinary."""

    def detect_gated(self, trades: TradeColumns, scores: F64) -> Verdicts:
        """Judge a batch like `detect`, with the scores that the other one gave its trades."""


class WithoutMemory:
    """What a detector needs of this that judges each trade by itself."""

    def changed_symbols(self) -> list[int]:
        """Return no symbol: none has state."""
        return []

    def snapshot(self, symbol: int) -> bytes:
        """Return an empty state."""
        return b""

    def restore(self, symbol: int, blob: bytes) -> None:
        """Take up an empty state."""

    def forget(self, symbol: int) -> None:
        """Forget nothing."""
