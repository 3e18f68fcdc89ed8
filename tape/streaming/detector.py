"""The detector's work on Quix Streams: a judge per partition, its state in each commit."""

import logging
import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Message
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.sinks import BaseSink

from tape.detection.registry import lineup
from tape.judging.judge import Judge, Unread
from tape.judging.state_keys import ProfileState
from tape.judging.trade_log.keep import keep
from tape.kafka.headers import rejection_headers
from tape.model.counts import Counts
from tape.model.partitions import Partition
from tape.model.rejected import KEY_MAX, RAW_MAX, Rejected
from tape.process.logs import RejectedLog
from tape.process.metrics import Metrics
from tape.settings.detector import DetectorSettings
from tape.streaming.adapter import OpenTransaction
from tape.streaming.breakers import Breakers
from tape.streaming.message_batch import MessageBatch
from tape.streaming.verdict_writer import VerdictWriter

log = logging.getLogger(__name__)


ABORT_S: Final = 30.0


class JudgeBatches(BaseSink):  # type: ignore[misc]
    """Holds a judge per partition, and writes their state when a checkpoint commits.

    As a registered sink its `flush()` runs first in `Checkpoint.commit()`, before the changelog
    is produced: state, anomalies and offsets land in one Kafka transaction.
    """

    def __init__(self, settings: DetectorSettings, sdf: StreamingDataFrame) -> None:
        super().__init__()
        self.counts = Counts()
        self.metrics = Metrics("anomaly_detector", self.counts)
        self._commit_began_s: float | None = None
        self._settings, self._open = settings, OpenTransaction(sdf)
        self._verdicts = VerdictWriter(self._open, settings.output, settings.episodes)
        self._parameters = settings.parameters()
        self._profiles = ",".join(lineup(self._parameters.profile).names)
        self._judges: dict[int, Judge] = {}
        self._places = places_of(settings.max_symbols, sdf)
        self._rejected_log = RejectedLog()
        self._taken_over: dict[int, set[str]] = {}
        self._clocks: dict[int, int] = {}
        self._said_fresh: set[str] = set()
        self._said_forgotten = self._said_misplaced = False
        self._partitions = sdf.topics[0].broker_config.num_partitions
        self.breakers = Breakers(settings, self._open.store)
        self._ends = False
        sdf.register_store()
        self._open.before_commit(self)

    def __call__(self, batch: MessageBatch) -> None:
        """Judge a batch of one partition; write what is flagged, its episodes, what is unreadable.

        It is written by the library's own producer, so in the transaction of the checkpoint;
        as rows of the dataframe the same messages cost 25 µs each instead of 5.
        """
        if not batch.messages:
            return
        start_s = time.perf_counter()
        judge = self._judges.get(batch.partition) or self._begin(batch.partition)
        messages = batch.messages
        keys, values = list(map(Message.key, messages)), list(map(Message.value, messages))
        judged = judge.judge(keys, values, self._kept(batch.partition))
        self._refuse_if_too_many(batch, judged.unread)
        self._say_forgotten(batch.partition)
        self._verdicts.write(batch, judged)
        for other in judged.unread:
            message = messages[other.position]
            source = f"{message.topic()}[{batch.partition}]@{message.offset()}"
            self._rejected_log.note(other.rejected, source)
            if other.rejected.reason == "partition_wrong":
                self._say_misplaced(other.rejected, source)
            raw, key = values[other.position] or b"", keys[other.position]
            headers = rejection_headers(
                raw, other.rejected, source, app="anomaly_detector", key=key
            )
            kept = None if key is None else key[:KEY_MAX]
            self._open.produce(
                self._settings.rejected, key=kept, value=raw[:RAW_MAX], headers=headers
            )
        self.metrics.batch_trades.observe(len(messages))
        self.metrics.batch_s.observe(time.perf_counter() - start_s)

    def polled(self) -> None:
        """Note that the loop came round; a commit that had begun is over then."""
        self.metrics.alive()
        self.breakers.refuse_what_tripped()
        if self._commit_began_s is not None:
            self.metrics.committed(time.perf_counter() - self._commit_began_s)
            self._commit_began_s = None

    def forget(self, partitions: list[int]) -> None:
        """Drop the live state of partitions that now belong to another instance."""
        for partition in partitions:
            self._judges.pop(partition, None)
            self._taken_over.pop(partition, None)
            self._clocks.pop(partition, None)
        self.breakers.forget(partitions)

    def flush(self) -> None:
        """Write what the records since the last commit have changed, and how many they were."""
        self._commit_began_s = time.perf_counter()
        if self._ends:
            return
        for partition, judge in self._judges.items():
            if judge.symbols.clock == self._clocks.get(partition):
                continue
            self._write_bars(judge)
            keep(judge, self._kept(partition))
            self._clocks[partition] = judge.symbols.clock
        self.breakers.flush()
        tables = [judge.symbols for judge in self._judges.values()]
        self.metrics.symbols.set(sum(table.held for table in tables))
        self.metrics.state_bytes.set(sum(table.kept_bytes for table in tables))

    def _write_bars(self, judge: Judge) -> None:
        """Write the bars that have changed since; of a symbol and second the last one counts."""
        to = self._settings.bars_to
        if judge.bars is None or to is None:
            return
        write = self._open.produce
        for symbol, value in judge.bars.told():
            write(to, key=symbol.encode(), value=value)

    def add(self, *args: object, **kwargs: object) -> None:
        """Take nothing: verdicts go to topics, only state goes through here."""

    def on_paused(self) -> None:
        """Do nothing: a sink that takes nothing has nothing to give back."""

    def _refuse_if_too_many(self, batch: MessageBatch, unread: Sequence[Unread]) -> None:
        """Count a batch; if it trips the breaker drop the transaction, note so, and end."""
        trip = self.breakers.note(batch, unread)
        if trip is None:
            return
        self._open.drop(ABORT_S)
        self._ends = True  # what was judged since the last commit stays out of this one
        self.breakers.keep_trip(batch.partition, trip)
        self._open.commit()
        raise self.breakers.error(batch.partition, trip)

    def _begin(self, partition: int) -> Judge:
        """Return a judge that continues where the last commit of a partition left it."""
        self._taken_over[partition] = set()
        kept = self._kept(partition).kept()
        of = Partition(partition, self._partitions)
        judge = Judge(
            self._parameters,
            self._places,
            self.counts,
            kept=kept,
            of=of,
            bars=self._settings.bars_to is not None,
        )
        self._judges[partition], self._clocks[partition] = judge, kept.clock
        return judge

    def _kept(self, partition: int) -> ProfileState:
        store, taken_over = self._open.store(partition), self._taken_over[partition]
        return ProfileState(store, self._profiles, taken_over, self._starts_over)

    def _say_forgotten(self, partition: int) -> None:
        """Say once that symbols lose their places."""
        if self.counts.symbols_forgotten and not self._said_forgotten:
            self._said_forgotten = True
            log.warning(
                "symbols forgotten",
                extra={"partition": partition, "places_of_a_partition": self._places},
            )

    def _starts_over(self, profile: str, other: str) -> None:
        """Say once that symbols have state of another detector, but none of this one."""
        if profile not in self._said_fresh:
            self._said_fresh.add(profile)
            log.warning("profile starts over", extra={"profile": profile, "state_is_of": other})

    def _say_misplaced(self, rejected: Rejected, source: str) -> None:
        """Say once that somebody sends with another partitioner; counts are in the metrics."""
        if not self._said_misplaced:
            self._said_misplaced = True
            log.warning(
                "records on the wrong partition",
                extra={"first": source, "detail": rejected.detail},
            )


def places_of(max_symbols: int, sdf: StreamingDataFrame) -> int:
    """Return how many symbols a partition has room for, its share of all.

    A share, because partitions are judged by different processes, and what is said of a trade
    must depend on the messages of its own partition alone.
    """
    (topic,) = sdf.topics
    partitions: int = topic.broker_config.num_partitions
    return -(-max_symbols // partitions)
