"""The producer's work: archives into `stocks`, as a Quix source that knows where it was.

The position (rows sent of each file, by the file's content) lives in the source's own changelog
topic. It is written only after everything before it was acknowledged, so a killed producer loses
nothing, and sends again at most what it sent since the last position, about a second's worth.
The detector drops such repeats.
"""

import logging
import sys
import time
from multiprocessing import get_context
from typing import Final

import confluent_kafka
from confluent_kafka import KafkaException
from quixstreams.sources import StatefulSource

from tape.archives import Archive, RowBatch, count_rows_hint, find_archives, read_archive
from tape.breaker import Breaker
from tape.errors import ArchiveError, BrokerLostError, TapeError
from tape.judge import Counts
from tape.logs import configure_logging
from tape.metrics import Metrics
from tape.pace import Pace
from tape.parent import end_with_parent
from tape.progress import Progress
from tape.settings import ProducerSettings
from tape.streaming.failures import FATAL, refuse_if_forbidden
from tape.streaming.judging import rejection_headers

log = logging.getLogger(__name__)

CHECKPOINT_S: Final = 1.0
"""How often the position is kept; what is sent in this time may be sent twice after a kill."""

FLUSH_S: Final = 60.0
"""Longest without an acknowledgement before the producer ends, to be started again."""
DAMAGED_INPUT: Final = 2


class ArchiveSource(StatefulSource):  # type: ignore[misc]
    """Sends every trade of a folder of archives, in order of day.

    Runs in a process of its own. `exit_code` is shared with the parent, because the library
    reports a source's errors with a traceback and we end with a sentence.
    """

    def __init__(self, settings: ProducerSettings) -> None:
        super().__init__(name="archives", shutdown_timeout=30)
        self.exit_code = get_context("spawn").Value("i", 0)
        self._settings = settings

    def run(self) -> None:
        """Send everything that was not sent before."""
        end_with_parent()
        configure_logging(self._settings)
        try:
            damaged = self._send_all()
        except TapeError as error:
            print(f"error: {error}", file=sys.stderr)
            self.exit_code.value = error.exit_code
        else:
            self.exit_code.value = DAMAGED_INPUT if damaged else 0

    def _send_all(self) -> bool:
        try:
            return self._send_files()
        except FATAL as error:
            for why in (error, *self._said_of_the_undelivered()):
                refuse_if_forbidden(why, self._settings.broker_address)
            raise BrokerLostError(
                f"the broker at {self._settings.broker_address} failed the producer ({error}); "
                "start it again, it goes on where the last acknowledged trade was"
            ) from error

    def _said_of_the_undelivered(self) -> list[Exception]:
        """Return what is said of messages that stay undelivered: a fatal error says only that."""
        try:
            self._sender.poll(1)
        except FATAL as error:
            self._errors.extend(
                part for part in error.args if isinstance(part, confluent_kafka.KafkaError)
            )
        return [KafkaException(error) for error in self._errors]

    def _send_files(self) -> bool:
        found = find_archives(self._settings.data_dir)
        self._errors: list[confluent_kafka.KafkaError] = []
        self._counts = Counts()
        self._metrics = Metrics("producer", self._counts)
        if self._settings.metrics_port:
            self._metrics.serve(self._settings.metrics_host, self._settings.metrics_port)
        self._sender = self._raw_producer()
        self._breaker = Breaker(self._settings.rejected_share_max, self._settings.rejected_run_max)
        self._latest_ns = time.time_ns() + 86_400 * 1_000_000_000
        self._progress = Progress(found.archives, [count_rows_hint(a) for a in found.archives])
        damaged = False
        try:
            for archive in found.archives:
                if not self.running:
                    break
                try:
                    damaged |= self._send(archive)
                except ArchiveError as error:  # this file only: the others are still sent
                    log.error("file not sent: %s", error)
                    damaged = True
        finally:
            self._progress.close()
        self._progress.summary()
        return damaged

    def _raw_producer(self) -> confluent_kafka.Producer:
        """Return a producer of our own: Quix Streams' costs four times as much a message."""
        return confluent_kafka.Producer(
            {
                **self._settings.client_config(),
                "enable.idempotence": True,
                "partitioner": "murmur2",
                "linger.ms": 20,
                "batch.size": 1_000_000,
                "compression.type": "zstd",
                "queue.buffering.max.messages": 200_000,
                "delivery.report.only.error": True,
                "on_delivery": self._not_delivered,
                "log_level": 0,
            }
        )

    def _not_delivered(self, error: confluent_kafka.KafkaError, message: object) -> None:
        self._errors.append(error)

    def _send(self, archive: Archive) -> bool:
        """Send what is left of one file; returns whether the file is damaged."""
        sent = self.state.get(archive.sha256, {"rows": 0, "done": False, "damaged": False})
        if sent["done"]:
            self._progress.already_sent(archive)
            return bool(sent["damaged"])
        if sent["rows"]:
            log.info("going on in a file", extra={"file": archive.path.name, "row": sent["rows"]})
        self._progress.start(archive, sent["rows"])
        pace = Pace(self._settings.replay_speed)
        kept_s, rows, damaged = time.monotonic(), sent["rows"], False
        batches = read_archive(
            archive,
            latest_ns=self._latest_ns,
            symbols=self._settings.symbols,
            skip_rows=rows,
        )
        for batch in batches:
            if not self._send_batch(batch, pace):  # stopped in the middle: it is sent again
                self._keep(archive, rows, done=False, damaged=damaged)
                return damaged
            self._progress.advance(batch, rows)
            rows, damaged = batch.rows, damaged or batch.damaged
            if time.monotonic() - kept_s >= CHECKPOINT_S:
                self._keep(archive, rows, done=False, damaged=damaged)
                kept_s = time.monotonic()
        self._keep(archive, rows, done=True, damaged=damaged)
        return damaged

    def _send_batch(self, batch: RowBatch, pace: Pace) -> bool:
        """Send a batch when it is due; returns whether it went out whole."""
        for start, stop in pace.slices(batch.ts_event_ns, until=self._stopping):
            self._produce(batch.keys[start:stop], batch.values[start:stop])
            self._counts.trades += stop - start
            self._counts.records += stop - start
        if not self.running:
            return False
        records = len(batch.values) + len(batch.rejected)
        first = batch.first_row
        self._breaker.note(records, [(r.row - first, r.rejected.reason) for r in batch.rejected])
        for row in batch.rejected:
            self._counts.rejected[row.rejected.reason] += 1
            self._counts.records += 1
            headers = rejection_headers(row.raw, row.rejected, row.source, app="producer")
            self._sender.produce(self._settings.rejected, row.raw, headers=headers)
        return True

    def _stopping(self) -> bool:
        self._metrics.alive()
        return not self.running

    def _produce(self, keys: list[bytes], values: list[bytes]) -> None:
        produce, topic = self._sender.produce, self.producer_topic.name
        for key, value in zip(keys, values, strict=True):
            try:
                produce(topic, value, key)
            except BufferError:  # back-pressure: the broker takes it more slowly than we read
                self._wait_for_room()
                produce(topic, value, key)
        self._sender.poll(0)
        self._raise_undelivered()

    def _wait_for_room(self) -> None:
        full = len(self._sender)
        deadline_s = time.monotonic() + FLUSH_S
        while len(self._sender) > full // 2:
            self._sender.poll(0.05)
            self._raise_undelivered()
            if time.monotonic() > deadline_s:
                raise BrokerLostError(self._gone())

    def _keep(self, archive: Archive, rows: int, *, done: bool, damaged: bool) -> None:
        """Keep the position, after everything before it was acknowledged and never earlier."""
        start_s = time.perf_counter()
        if self._sender.flush(FLUSH_S):
            raise BrokerLostError(self._gone())
        self._raise_undelivered()
        self.state.set(archive.sha256, {"rows": rows, "done": done, "damaged": damaged})
        self.flush(FLUSH_S)
        self._metrics.committed(time.perf_counter() - start_s)

    def _raise_undelivered(self) -> None:
        if self._errors:
            error = self._errors[0]
            refuse_if_forbidden(KafkaException(error), self._settings.broker_address)
            raise BrokerLostError(
                f"the broker did not take a message ({error.str()}); start the producer "
                "again, it goes on where the last acknowledged trade was"
            )

    def _gone(self) -> str:
        return (
            f"the broker at {self._settings.broker_address} took no message for {FLUSH_S:.0f} s; "
            "start the producer again when it is back, it goes on where it was"
        )
