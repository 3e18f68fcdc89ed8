"""The features of all trades of files, in order of time, with labels beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tape.archives import Archive, read_tape
from tape.archives.outcome import Outcome
from tape.codec.array_types import Bools
from tape.codec.batch import decode_batch
from tape.codec.symbols import SymbolTable
from tape.desk.train.labelling import NONE, Labelled, Labelling
from tape.detection.protocol import DUPLICATE
from tape.detection.supervised.features import FeatureBatch, Features
from tape.model.columns import TradeColumns
from tape.model.fields import TIME_MAX_NS, iso_time


class Step(NamedTuple):
    """A stretch of the tape; `kept` is False for duplicates, of which there are no features."""

    trades: TradeColumns
    names: Sequence[str]
    features: FeatureBatch
    labels: Labelled | None
    kept: Bools


@dataclass(slots=True)
class FeatureTape:
    """One pass over files; its counts are right when the pass has ended.

    Attributes:
        rows: data lines read.
        trades: trades with features.
        duplicates: trades dropped, as the detector drops them.
        outcome: what was rejected and skipped.
    """

    archives: Sequence[Archive]
    labelling: Labelling | None = None
    max_symbols: int = 50_000
    rows: int = 0
    trades: int = 0
    duplicates: int = 0
    outcome: Outcome = field(default_factory=Outcome)

    def steps(self) -> Iterator[Step]:
        """Yield the tape with its features, in order of time; raises `ArchiveError` at the end.

        It does so if a label's trades were not among those that passed.
        """
        symbols, features = SymbolTable(self.max_symbols), Features()
        rows: dict[str, int] = {}
        for batch in read_tape(self.archives, latest_ns=TIME_MAX_NS):
            rows |= batch.rows
            self.rows = sum(rows.values())
            self.outcome.note(batch.rejected, damaged=batch.damaged)
            if batch.unreadable is not None:
                self.outcome.damaged.append(str(batch.unreadable))
            decoded = decode_batch(batch.keys, batch.values, symbols)
            for position, rejected in decoded.rejected:  # as one symbol more than MAX_SYMBOLS
                at = iso_time(int(batch.ts_event_ns[position]))
                source = f"{batch.keys[position].decode()} at {at}"
                self.outcome.count(rejected.reason, 1, source, rejected.detail)
            for number in symbols.renewed:
                features.forget(number)
            yield self._step(decoded.trades, symbols.names, features)
        self.outcome.forgotten = symbols.forgotten
        if self.labelling is not None:
            self.labelling.check()

    def _step(self, trades: TradeColumns, names: Sequence[str], features: Features) -> Step:
        found = features.of(trades)
        kept = found.outcome < DUPLICATE
        labels = None if self.labelling is None else _labels(self.labelling, trades, names, kept)
        self.trades += int(kept.sum())
        self.duplicates += len(trades) - int(kept.sum())
        return Step(trades, names, found, labels, kept)


def _labels(
    labelling: Labelling, trades: TradeColumns, names: Sequence[str], kept: Bools
) -> Labelled:
    """Return what labels say of the kept trades; a duplicate has none, nor an event of its own."""
    own = TradeColumns(*(getattr(trades, name)[kept] for name in TradeColumns.__slots__))
    found = Labelled(*(np.full(len(trades), NONE, np.int32) for _ in Labelled._fields))
    for whole, part in zip(found, labelling.of(own, names), strict=True):
        whole[kept] = part
    return found
