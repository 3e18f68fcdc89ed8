"""From a batch of messages to what is written: flagged trades, episodes, unreadable records.

Pure: the result depends on the messages and the state before them, on nothing else. No Kafka
here but the shape of a batch; `tape replay` calls it with messages that never saw a broker.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

import tape
from tape.anomaly import DetectorIdentity, anomaly_id, as_message
from tape.columns import DecodedBatch, decode_batch
from tape.detection import CalibratedDetector, make_detector
from tape.detection.detector import DUPLICATE, LATE, NEW, Refits, Verdicts
from tape.detection.parameters import Parameters
from tape.episodes import Episodes, EpisodeStep
from tape.errors import BooksError
from tape.kept import Kept, decode_seen, encode_seen
from tape.partitions import Partition
from tape.places import LIMITS, Limits
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
    ts_event_ns: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that could not be read: its position in the batch, and why."""

    position: int
    rejected: Rejected


@dataclass(frozen=True, slots=True)
class Judged:
    """What comes of a batch, each list in the batch's order."""

    flagged: list[Flagged]
    unread: list[Unread]
    episodes: list[EpisodeStep]


@dataclass(slots=True)
class Counts:
    """What went through, since start.

    Attributes:
        records: everything that came in: trades, duplicates and what was rejected.
        trades: trades judged.
        flagged: flags by rule; a trade may have several.
        rejected: records that could not be read, by reason.
        duplicate: trades dropped because they were among the last of their symbol already.
        late: trades judged that were older than the newest of their publisher.
        late_max_ns: by how much at most.
        episodes: steps of episodes by state.
        symbols_forgotten: symbols whose state was given up, because others took their places.
        refits: models fitted.
    """

    records: int = 0
    trades: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    duplicate: int = 0
    late: int = 0
    late_max_ns: int = 0
    episodes: Counter[str] = field(default_factory=Counter)
    symbols_forgotten: int = 0
    refits: Refits = field(default_factory=Refits)

    def check(self) -> None:
        """Raise `BooksError` unless all that came in is accounted for."""
        rejected = self.rejected.total()
        if self.records != self.trades + self.duplicate + rejected:
            raise BooksError(
                f"the books do not balance: {self.records:,} records came in, but {self.trades:,} "
                f"were judged, {self.duplicate:,} were duplicates and {rejected:,} were rejected; "
                "this is a fault of this program, please report it"
            )


class Judge:
    """Judges the trades of one partition; where it is known which, only those that belong there."""

    def __init__(
        self,
        parameters: Parameters,
        max_symbols: int,
        counts: Counts,
        *,
        kept: Kept | None = None,
        limits: Limits = LIMITS,
        of: Partition | None = None,
    ) -> None:
        """Have places for `max_symbols`; the first ones are taken as an earlier run left them."""
        self.symbols = SymbolTable(max_symbols, limits, of)
        if kept is not None:  # a version before may have judged symbols that belong elsewhere
            places = [one for one in kept.places if of is None or of.fault(one.symbol) is None]
            self.symbols.resume(kept.clock, places)
        self.detector = make_detector(parameters, self.symbols)
        self.detector.refits = counts.refits
        self._identity = DetectorIdentity(tape.__version__, parameters.fingerprint())
        self._episodes = Episodes(self.symbols, parameters.episode_gap_s, self._identity)
        self._counts = counts

    def judge(
        self,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        kept: KeptState | None = None,
    ) -> Judged:
        """Return what of a batch is flagged, what is unreadable, and how episodes went on.

        A symbol that an earlier run left a place takes up the state that `kept` has of it when
        it trades for the first time.
        """
        batch, verdicts = self.detect(keys, values, kept)
        trades = batch.trades
        episode_ids, episodes = self._episodes.follow(trades, verdicts, batch.positions)
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
                    int(trades.publisher_id[row]),
                    int(trades.ts_event_ns[row]),
                    int(trades.sequence[row]),
                    price_nanos=int(trades.price_nanos[row]),
                    size=int(trades.size[row]),
                    side=chr(trades.side[row]),
                    ordinal=int(trades.ordinal[row]),
                    shared=bool(verdicts.shared[row]),
                ),
                episode_id=episode_ids[nth],
                reasons=reasons,
                detector=self._identity,
                extras=extras,
            )
            ts_event_ns = int(trades.ts_event_ns[row])
            rules = tuple(reason.rule for reason in reasons)
            flagged.append(Flagged(position, symbol, value, rules, ts_event_ns))
        unread = [Unread(position, rejected) for position, rejected in batch.rejected]
        judged = Judged(flagged, unread, episodes)
        self._count(len(values), verdicts, judged)
        return judged

    def detect(
        self,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        kept: KeptState | None = None,
    ) -> tuple[DecodedBatch, Verdicts]:
        """Return a batch as columns and what the detector says of it: `judge` before it tells."""
        forgotten = self.symbols.forgotten
        batch = decode_batch(keys, values, self.symbols)
        self._counts.symbols_forgotten += self.symbols.forgotten - forgotten
        for number in self.symbols.renewed:
            self.detector.forget(number)
            self._episodes.forget(number)
        if kept is not None:
            for number in self.symbols.woken:
                blob = kept.get_bytes(self.symbols.names[number])
                if blob is not None:
                    rest = decode_seen(blob)[2]
                    self.detector.restore(number, self._episodes.take_up(number, rest))
        return batch, self.detector.detect(batch.trades)

    def changed(self) -> Iterator[tuple[str, bytes]]:
        """Yield symbol and state of every symbol that has traded since the last call.

        One of which only duplicates came is among them: when it was last seen counts, too.
        """
        self.detector.dirty_symbols()
        for number in self.symbols.changed():
            rest = self._episodes.kept(number, self.detector.snapshot(number))
            blob = encode_seen(*self.symbols.place(number), rest)
            self.symbols.note_kept(number, len(blob))
            yield self.symbols.names[number], blob

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
        for one in judged.flagged:
            counts.flagged.update(one.rules)
        for other in judged.unread:
            counts.rejected[other.rejected.reason] += 1
        for step in judged.episodes:
            counts.episodes[step.state] += 1
        counts.check()
