"""From a batch of messages to what is written: flagged trades, and records that cannot be read.

Pure: the result depends on the messages and the state before them, on nothing else. No Kafka
here but the shape of a batch; `tape replay` calls it with messages that never saw a broker.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import tape
from tape.anomaly import DetectorIdentity, anomaly_id, as_message
from tape.columns import DecodedBatch, decode_batch
from tape.detection import CalibratedDetector, make_detector
from tape.detection.detector import DUPLICATE, LATE, STALE, Refits, Verdicts
from tape.detection.parameters import Parameters
from tape.rejected import Rejected
from tape.symbols import SymbolTable


class KeptState(Protocol):
    """Where a symbol's blob is kept between runs."""

    def get_bytes(self, key: str, /) -> bytes | None:
        """Return what was kept under a symbol, or None."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """A flagged trade: its position in the batch, its symbol and the message for `anomalies`."""

    position: int
    symbol: str
    value: bytes
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that could not be read: its position in the batch, and why."""

    position: int
    rejected: Rejected


@dataclass(slots=True)
class Counts:
    """What went through, since start."""

    trades: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    duplicate: int = 0
    late: int = 0
    stale: int = 0
    refits: Refits = field(default_factory=Refits)


class Judge:
    """Judges the trades of one partition."""

    def __init__(self, parameters: Parameters, max_symbols: int, counts: Counts) -> None:
        self.symbols = SymbolTable(max_symbols)
        self.detector = make_detector(parameters, self.symbols)
        self.detector.refits = counts.refits
        self._identity = DetectorIdentity(tape.__version__, parameters.fingerprint())
        self._counts = counts

    def judge(
        self,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        kept: KeptState | None = None,
    ) -> tuple[list[Flagged], list[Unread]]:
        """Return what of a batch is flagged and what is unreadable, both in the batch's order.

        A symbol that is new to this judge takes up the state that `kept` has of it.
        """
        batch, verdicts = self.detect(keys, values, kept)
        trades = batch.trades
        flagged = []
        for nth, row in enumerate(verdicts.flagged.tolist()):
            position = int(batch.positions[row])
            reasons = self.detector.reasons(trades, verdicts, nth)
            extras = None
            if isinstance(self.detector, CalibratedDetector):
                extras = self.detector.extras(trades, verdicts, nth)
            symbol = self.symbols.names[trades.symbol[row]]
            raw = values[position]
            assert raw is not None  # noqa: S101 - a trade was decoded from it
            value = as_message(
                raw,
                anomaly_id=anomaly_id(
                    symbol,
                    int(trades.ts_event_ns[row]),
                    int(trades.sequence[row]),
                    price_nanos=int(trades.price_nanos[row]),
                    size=int(trades.size[row]),
                    side=chr(trades.side[row]),
                ),
                reasons=reasons,
                detector=self._identity,
                extras=extras,
            )
            flagged.append(Flagged(position, symbol, value, tuple(r.rule for r in reasons)))
        unread = [Unread(position, rejected) for position, rejected in batch.rejected]
        self._count(len(trades), verdicts.outcome, flagged, unread)
        return flagged, unread

    def detect(
        self,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        kept: KeptState | None = None,
    ) -> tuple[DecodedBatch, Verdicts]:
        """Return a batch as columns and what the detector says of it: `judge` before it tells."""
        known = len(self.symbols.names)
        batch = decode_batch(keys, values, self.symbols)
        if kept is not None:
            for number in range(known, len(self.symbols.names)):
                blob = kept.get_bytes(self.symbols.names[number])
                if blob is not None:
                    self.detector.restore(number, blob)
        return batch, self.detector.detect(batch.trades)

    def changed(self) -> Iterator[tuple[str, bytes]]:
        """Yield symbol and state of every symbol that has traded since the last call."""
        for number in self.detector.dirty_symbols():
            yield self.symbols.names[number], self.detector.snapshot(number)

    def _count(self, trades, outcome, flagged, unread) -> None:  # type: ignore[no-untyped-def]
        counts = self._counts
        counts.trades += trades
        if outcome.any():
            counts.duplicate += int((outcome == DUPLICATE).sum())
            counts.late += int((outcome == LATE).sum())
            counts.stale += int((outcome == STALE).sum())
        for one in flagged:
            counts.flagged.update(one.rules)
        for other in unread:
            counts.rejected[other.rejected.reason] += 1
