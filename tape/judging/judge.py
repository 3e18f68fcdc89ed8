"""From a batch of messages to what is written: flagged trades, episodes, unreadable records.

Pure: the result depends on the messages and the state before them, on nothing else. No Kafka
here but the shape of a batch; `tape replay` calls it with messages that never saw a broker.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tape
from tape.codec.batch import DecodedBatch, decode_batch
from tape.codec.places import LIMITS, Limits
from tape.codec.symbols import SymbolTable
from tape.detection.composed import Composed, dropped_by, taken
from tape.detection.parameters import Parameters
from tape.detection.protocol import (
    DUPLICATE,
    LATE,
    NEW,
    Explanation,
    Verdicts,
    explained_by,
)
from tape.detection.registry import lineup, make_detector
from tape.judging.bars import SecondBars, part_bars
from tape.judging.episodes import Episodes, EpisodeStep, Placed
from tape.judging.flagged import Flagged
from tape.judging.kept_place import decode_seen, encode_seen
from tape.judging.state_keys import Kept
from tape.judging.store import Store
from tape.judging.trade_log.take_up import take_up
from tape.judging.trade_log.trade_log import TradeLog
from tape.model.anomaly import DetectorIdentity, anomaly_id, as_message
from tape.model.columns import TradeColumns
from tape.model.counts import SEVERITIES, Counts
from tape.model.episode import STATES
from tape.model.partitions import Partition
from tape.model.rejected import Rejected


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that could not be read: its position in the batch, and why."""

    position: int
    rejected: Rejected


@dataclass(frozen=True, slots=True)
class Judged:
    """What comes of a batch, each list in the batch's order.

    Attributes:
        batch: the trades themselves.
        verdicts: what the detector says of each of them, and of those `flagged` in their order.
    """

    flagged: list[Flagged]
    unread: list[Unread]
    episodes: list[EpisodeStep]
    batch: DecodedBatch = field(repr=False, compare=False)
    verdicts: Verdicts = field(repr=False, compare=False)


class Judge:
    """Judges the trades of one partition; where it is known which, only those that belong there.

    Attributes:
        lineup: the kinds of its detectors.
        episodes: those of its trades.
        bars: those of its trades; None unless they are asked for.
        log: what of the trades is to be kept until the next commit; None of a run that begins
            without anything kept, and then keeps whole states.
    """

    def __init__(
        self,
        parameters: Parameters,
        max_symbols: int,
        counts: Counts,
        *,
        kept: Kept | None = None,
        limits: Limits = LIMITS,
        of: Partition | None = None,
        tells_each: bool = False,
        bars: bool = False,
    ) -> None:
        """Have places for `max_symbols`; the first ones are taken as an earlier run left them.

        With `tells_each` or `bars` its verdicts have `each`.
        """
        self.symbols = SymbolTable(max_symbols, limits, of)
        if kept is not None:  # a version before may have judged symbols that belong elsewhere
            places = [one for one in kept.places if of is None or of.fault(one.symbol) is None]
            self.symbols.resume(kept.clock, places)
        self.parameters, self.lineup = parameters, lineup(parameters.profile)
        self.detector = make_detector(
            parameters, self.symbols, counts.refits, tells_each=tells_each or bars
        )
        self._identity = DetectorIdentity(tape.__version__, self.lineup.fingerprint(parameters))
        self.episodes = Episodes(
            self.symbols, parameters.episode_gap_s, self._identity, self.lineup.rules
        )
        self.bars = SecondBars(self.symbols) if bars else None
        self._ranking, self._counts = parameters.ranking, counts
        self.log: TradeLog | None = None
        if kept is not None and kept.state is not None:
            self.log = take_up(self, kept)

    def judge(
        self,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        kept: Store | None = None,
    ) -> Judged:
        """Return what of a batch is flagged, what is unreadable, and how episodes changed.

        Args:
            keys: of the messages: the symbols in UTF-8, None for a message without a key.
            values: of the messages, as many; None for a message without a value.
            kept: where earlier runs left state. A symbol that has a place takes up its state when
                it trades for the first time.

        Raises:
            StateError: kept state is damaged, or belongs to other parameters.
        """
        batch, verdicts = self.detect(keys, values, kept)
        if self.bars is not None:
            self._counts.late_for_bars += self.bars.add(batch.trades, verdicts)
        explained = explained_by(self.detector, batch.trades, verdicts)
        trades = taken(batch.trades, verdicts.flagged)
        placed, episodes = self.episodes.follow(
            batch.trades, verdicts, explained, batch.positions, trades
        )
        flagged = self._flagged(values, batch, verdicts, trades, explained, placed)
        unread = [Unread(position, rejected) for position, rejected in batch.rejected]
        judged = Judged(flagged, unread, episodes, batch, verdicts)
        self._count(len(values), verdicts, judged)
        return judged

    def _flagged(
        self,
        values: Sequence[bytes | None],
        batch: DecodedBatch,
        verdicts: Verdicts,
        trades: TradeColumns,
        explained: Sequence[Explanation],
        placed: Sequence[Placed],
    ) -> list[Flagged]:
        """Return the messages of the flagged `trades`; each column is looked at once."""
        found: list[Flagged] = []
        if not explained:
            return found
        positions, shares = batch.positions[verdicts.flagged], verdicts.shared[verdicts.flagged]
        for why, place, position, shared, ts_event_ns, number, *identity, side, ordinal in zip(
            explained,
            placed,
            positions.tolist(),
            shares.tolist(),
            trades.ts_event_ns.tolist(),
            trades.symbol.tolist(),
            trades.publisher_id.tolist(),
            trades.sequence.tolist(),
            trades.price_nanos.tolist(),
            trades.size.tolist(),
            trades.side.tolist(),
            trades.ordinal.tolist(),
            strict=True,
        ):
            symbol, raw = self.symbols.names[number], values[position]
            assert raw is not None  # noqa: S101 - a trade was decoded from it
            publisher_id, sequence, price_nanos, size = identity
            name = anomaly_id(
                *(symbol, publisher_id, ts_event_ns, sequence),
                price_nanos=price_nanos,
                size=size,
                side=chr(side),
                ordinal=ordinal,
                shared=shared,
            )
            value = as_message(
                raw,
                anomaly_id=name,
                episode_id=place.episode_id,
                reasons=why.reasons,
                detector=self._identity,
                extras=_extras(why, place),
            )
            if self._ranking is not None:
                value, suppressed = self._ranking.marked(value)
                self._counts.suppressed += suppressed
            fired = tuple([reason.rule for reason in why.reasons])
            found.append(Flagged(position, symbol, value, fired, ts_event_ns))
        return found

    def detect(
        self,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        kept: Store | None = None,
    ) -> tuple[DecodedBatch, Verdicts]:
        """Return a batch as columns and what the detector says of it: `judge` before it tells."""
        forgotten = self.symbols.forgotten
        batch = decode_batch(keys, values, self.symbols)
        self._counts.symbols_forgotten += self.symbols.forgotten - forgotten
        for number in self.symbols.renewed:
            self.detector.forget(number)
            self.episodes.forget(number)
            if self.bars is not None:
                self.bars.forget(number)
            if self.log is not None:
                self.log.forget(number)
        if kept is not None:
            for number in self.symbols.woken:
                blob = kept.get(self.symbols.names[number])
                if blob is not None:
                    self.restore(number, blob)
        verdicts = self.detector.detect(batch.trades)
        if self.log is not None:
            by = dropped_by(verdicts) if isinstance(self.detector, Composed) else None
            self.log.note(batch.trades, verdicts.outcome, by)
        return batch, verdicts

    def restore(self, number: int, blob: bytes) -> None:
        """Have a symbol continue from its state."""
        bars, rest = part_bars(self.episodes.take_up(number, decode_seen(blob)[2]))
        if self.bars is not None:
            self.bars.take_up(number, bars)
        self.detector.restore(number, rest)

    def snapshot(self, number: int) -> bytes:
        """Return a symbol's state as it is to be kept now."""
        rest = self.detector.snapshot(number)
        if self.bars is not None:
            rest = self.bars.kept(number) + rest
        blob = encode_seen(*self.symbols.place(number), self.episodes.kept(number, rest))
        self.symbols.note_kept(number, len(blob))
        return blob

    def changed(self) -> Iterator[tuple[str, bytes]]:
        """Yield symbol and state of every symbol that has traded since the last call.

        One of which only duplicates came is among them: when it was last seen counts, too.
        """
        self.detector.changed_symbols()
        for number in self.symbols.changed():
            yield self.symbols.names[number], self.snapshot(number)

    def _count_severities(self, verdicts: Verdicts) -> None:
        """Count how severe trades are to each detector whose score is a severity."""
        each = [part.verdicts for part in verdicts.parts] or [verdicts]
        for kind, found in zip(self.lineup.kinds, each, strict=True):
            if kind.is_severity and found.score is not None:
                self._counts.scored[kind.name] += int((found.score >= 0).sum())
                for level in SEVERITIES:
                    severe = int((found.score >= level).sum())
                    self._counts.severe[kind.name, level] += severe

    def _count(self, records: int, verdicts: Verdicts, judged: Judged) -> None:
        counts = self._counts
        by_outcome = np.bincount(verdicts.outcome, minlength=DUPLICATE + 1)
        late = int(by_outcome[LATE])
        counts.records += records
        counts.trades += int(by_outcome[NEW]) + late
        counts.duplicate += int(by_outcome[DUPLICATE])
        counts.late += late
        if late:
            counts.late_max_ns = max(counts.late_max_ns, int(verdicts.behind_ns.max()))
        self._count_severities(verdicts)
        for one in judged.flagged:
            for rule in one.rules:
                counts.flagged[rule] += 1
        for other in judged.unread:
            counts.rejected[other.rejected.reason] += 1
        for kind, steps in Counter([step.kind for step in judged.episodes]).items():
            counts.episodes[STATES[kind]] += steps
        counts.check()


def _extras(why: Explanation, place: Placed) -> Mapping[str, Any]:
    """Return the fields beyond the reasons, with priority and context in the circumstances."""
    extras = {**why.extras, "context": place.context}
    if place.priority is not None:
        extras["priority"] = place.priority
    return extras
