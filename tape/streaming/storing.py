"""The sink's work on Quix Streams: what comes is held, and given to the store at each commit."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import Message
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.sinks import BaseSink, SinkBackpressureError

from tape.errors import BreakerError
from tape.kafka.headers import headers_of, rejection_headers
from tape.model.rejected import KEY_MAX, RAW_MAX, Rejected
from tape.process.clock import CLOCK, Clock
from tape.process.logs import RejectedLog
from tape.process.sink_metrics import SinkMetrics
from tape.settings.sink import SinkSettings
from tape.sinks.sink import APPENDED_MAX_MS, Item, Kind, Poison, SinkBusyError, Store
from tape.streaming.adapter import OpenTransaction
from tape.streaming.message_batch import MessageBatch
from tape.streaming.partition_consumer import Lane
from tape.streaming.sink_consumer import BATCH_SIZE, SinkConsumer, first_of

log = logging.getLogger(__name__)

APP: Final = "anomaly_sink"
ITEMS_MAX: Final = 50_000
BYTES_MAX: Final = 32 * 2**20
"""What is held at most before it is written, whatever the interval."""

SLOW_S: Final = 10.0
"""After a write that took longer, less is taken at once."""


class StoreBatches(BaseSink):  # type: ignore[misc]
    """Holds messages, and has the store take them before their offsets are committed.

    As a registered sink its `flush()` runs first in each commit: what is committed is stored. A
    store that is busy makes the library pause, and the same messages come again.
    """

    def __init__(
        self,
        settings: SinkSettings,
        store: Store,
        consumer: SinkConsumer,
        sdf: StreamingDataFrame,
        *,
        clock: Clock = CLOCK,
    ) -> None:
        super().__init__()
        self.metrics = SinkMetrics(settings.sink, clock)
        self._settings, self._store, self._consumer = settings, store, consumer
        self._clock = clock
        self._open = OpenTransaction(sdf)
        self._open.before_commit(self)
        self._lock = threading.Lock()  # a flush that a rebalance gave up may still be at work
        self._items: list[Item] = []
        self._bytes = 0
        self._first: dict[Lane, int] = {}
        self._busy_since_s: float | None = None
        self._poison_run = 0
        self._rejected_log = RejectedLog(clock)

    def taker(self, kind: Kind, topic: str) -> Callable[[MessageBatch], None]:
        """Return the function for `sdf.update` that takes the batches of a topic."""

        def take(batch: MessageBatch) -> None:
            lane = (topic, batch.partition)
            self._first.setdefault(lane, first_of(batch))
            for message in batch.messages:
                item = item_of(message, kind, topic)
                self._items.append(item)
                self._bytes += len(item.value)

        return take

    def polled(self) -> None:
        """Note that the loop came round; write at once if much is held."""
        self.metrics.alive()
        if len(self._items) >= ITEMS_MAX or self._bytes >= BYTES_MAX:
            self._open.commit()

    def forget(self) -> None:
        """Drop what was taken of partitions that have gone: all have."""
        self._items, self._first, self._bytes = [], {}, 0

    def flush(self) -> None:
        """Store what is held; raises `SinkBackpressureError` if it is to be given again."""
        with self._lock:
            items, self._items = self._items, []
            first, self._first = self._first, {}
            self._bytes = 0
            start_s = self._clock.now_s()
            try:
                poison = self._store.write(items) if items else []
                self._store.flush()
            except SinkBusyError as busy:
                self._consumer.rewind = first
                self._note_busy(busy, start_s)
                raise SinkBackpressureError(busy.retry_after_s) from None
            self._refuse_if_all_is_poison(items, poison)
            self._note_stored(items, poison, start_s)
            self._reject(poison)

    def add(self, *args: object, **kwargs: object) -> None:
        """Take nothing: batches come through `taker`."""

    def on_paused(self) -> None:
        """Drop what is held: it comes again."""
        self.forget()

    def _note_busy(self, busy: SinkBusyError, start_s: float) -> None:
        self.metrics.busy()
        self._consumer.batch_size = max(10, self._consumer.batch_size // 2)
        if self._busy_since_s is None:
            self._busy_since_s = start_s
            facts = {"store": self._settings.sink, "reason": str(busy)}
            log.warning("store away, waiting", extra=facts)

    def _note_stored(self, items: list[Item], poison: Sequence[Poison], start_s: float) -> None:
        now_s = self._clock.now_s()
        if self._busy_since_s is not None:
            away_s = round(now_s - self._busy_since_s, 1)
            log.info("store is back", extra={"store": self._settings.sink, "away_s": away_s})
            self._busy_since_s = None
        self.metrics.stored(items, poison, now_s - start_s)
        small = now_s - start_s > SLOW_S
        size = self._consumer.batch_size
        self._consumer.batch_size = max(10, size // 2) if small else min(BATCH_SIZE, size * 2)

    def _reject(self, poison: Sequence[Poison]) -> None:
        """Write what the store refused to `rejected`; of that topic's own records only a line."""
        write = self._open.produce
        for one in poison:
            item = one.item
            source = f"{item.topic}[{item.partition}]@{item.offset}"
            why = Rejected("store_refused", one.reason)
            self._rejected_log.note(why, source)
            if item.kind == "rejected":
                continue
            headers = rejection_headers(item.value, why, source, app=APP, key=item.key)
            kept = None if item.key is None else item.key[:KEY_MAX]
            write(self._settings.rejected, key=kept, value=item.value[:RAW_MAX], headers=headers)

    def _refuse_if_all_is_poison(self, items: list[Item], poison: Sequence[Poison]) -> None:
        """Raise `BreakerError` if this is a wrong topic rather than a few bad records."""
        limit, bad = self._settings.rejected_run_max, {id(one.item) for one in poison}
        for item in items if bad or self._poison_run else []:
            self._poison_run = self._poison_run + 1 if id(item) in bad else 0
            if limit and self._poison_run >= limit:
                raise BreakerError(
                    f"the store refused {self._poison_run:,} records in a row, the last of "
                    f"{item.topic}[{item.partition}] ({poison[-1].reason})",
                    "see whether SINK_TOPICS, output and EPISODES_TOPIC name the topics that you "
                    "mean; REJECTED_RUN_MAX=0 lets all go to the rejected topic",
                )


def item_of(message: Message, kind: Kind, topic: str) -> Item:
    """Return a message as an item; of a trade nobody asks for its headers."""
    headers = () if kind == "stocks" else tuple(headers_of(message))
    return Item(
        message.value() or b"",
        kind,
        topic,
        message.partition(),
        message.offset(),
        min(max(0, message.timestamp()[1]), APPENDED_MAX_MS),
        message.key(),
        headers,
    )
