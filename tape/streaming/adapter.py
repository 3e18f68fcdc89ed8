"""What we need of Quix Streams beyond its documented names; nothing else uses these names.

Batches, transactions and a clean end need parts of the library that it may change without notice.
They stand here, under names of our own. `missing_names` says which of them a version lacks, and a
test asks it, so that a new version is refused by a sentence and not by an `AttributeError` at
night.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message
from quixstreams import Application
from quixstreams.checkpointing import Checkpoint
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.internal_consumer import InternalConsumer
from quixstreams.kafka.consumer import raise_for_msg_error
from quixstreams.models import Topic
from quixstreams.runtracker import RunTracker
from quixstreams.sinks import BaseSink
from quixstreams.state.base import PartitionTransaction
from quixstreams.state.manager import DEFAULT_STATE_STORE_NAME
from quixstreams.state.rocksdb import RocksDBStorePartition

NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "Application": (
        "_config",
        "_consumer",
        "_exception_handler",
        "_get_internal_consumer",
        "_processing_context",
        "_run_tracker",
    ),
    "InternalConsumer": ("_consumer_config", "_topics", "trigger_backpressure", "poll_row"),
    "ProcessingContext": (
        "checkpoint",
        "commit_checkpoint",
        "init_checkpoint",
        "producer",
        "sink_manager",
        "state_manager",
    ),
    "RunTracker": ("set_as_running", "stop"),
    "SinkManager": ("register",),
    "StateStoreManager": ("get_store",),
    "InternalProducer": (
        "_on_delivery",
        "_producer",
        "_raise_for_error",
        "abort_transaction",
        "commit_transaction",
        "flush",
        "poll",
        "produce",
    ),
    "Producer": ("_producer",),
    "Checkpoint": ("get_store_transaction",),
    "PartitionTransaction": ("as_state",),
    "RocksDBStorePartition": ("iter_items",),
}
"""Names of the library, by what has them, that it does not document."""


def parts_of(app: Application) -> dict[str, object]:
    """Return what has the names of `NEEDED`, of an application that is not running."""
    context = getattr(app, "_processing_context", None)
    found: dict[str, object] = {"Application": app}
    for one in (Checkpoint, PartitionTransaction, RocksDBStorePartition, RunTracker):
        found[one.__name__] = one
    found["InternalConsumer"] = getattr(app, "_consumer", None)
    found["ProcessingContext"] = context
    found["SinkManager"] = getattr(context, "sink_manager", None)
    found["StateStoreManager"] = getattr(context, "state_manager", None)
    found["InternalProducer"] = getattr(context, "producer", None)
    found["Producer"] = getattr(found["InternalProducer"], "_producer", None)
    return found


def missing_names(parts: Mapping[str, object]) -> list[str]:
    """Return a sentence for each name of `NEEDED` that the installed version lacks.

    One whose owner is missing itself is not named again: the owner is.
    """
    installed = version("quixstreams")
    return [
        f"quixstreams {installed} has no {owner}.{name}, which tape/streaming/adapter.py needs"
        for owner, names in NEEDED.items()
        for name in names
        if parts[owner] is not None and name not in dir(parts[owner])
    ]


class _LastingStop(RunTracker):  # type: ignore[misc]
    """Quix Streams' note of whether to continue, for which a stop while it starts is a stop, too.

    The library's own forgets it when the loop begins: a SIGTERM in the second after the start
    would be lost, and the supervisor's SIGKILL would leave a transaction open.
    """

    def __init__(self) -> None:
        self.stopped = False
        super().__init__()

    def stop(self) -> None:
        self.stopped = True
        super().stop()

    def set_as_running(self) -> None:
        if not self.stopped:
            super().set_as_running()


class AdaptedApplication(Application):  # type: ignore[misc]
    """Quix Streams' application, with names for what a subclass may change of it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._run_tracker = _LastingStop()

    def make_consumer(self, **settings: Any) -> InternalConsumer:
        """Return the consumer that the dataframes read from; to be replaced."""
        return InternalConsumer(**settings)

    def about_to_fail(self, error: BaseException) -> None:
        """Learn more of an error before the library ends its work for it; to be replaced."""

    @property
    def internal_consumer(self) -> InternalConsumer:
        """Return the consumer that the dataframes read from."""
        return self._consumer

    def why_it_failed(self) -> KafkaException | None:
        """Return why the open transaction failed, of which a write says only that it has.

        Of a failed transaction this commits nothing: the client answers why it failed.
        """
        try:
            self._processing_context.producer.commit_transaction([], None, timeout=1.0)
        except KafkaException as why:
            return why
        return None

    def _exception_handler(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> bool:
        if exc_val is not None:
            self.about_to_fail(exc_val)
        return bool(super()._exception_handler(exc_type, exc_val, exc_tb))

    def _get_internal_consumer(
        self, on_error: Any = None, extra_config_overrides: dict[str, Any] | None = None
    ) -> InternalConsumer:
        return self.make_consumer(
            broker_address=self._config.broker_address,
            consumer_group=self._config.consumer_group,
            auto_offset_reset=self._config.auto_offset_reset,
            auto_commit_enable=False,
            extra_config={**self._config.consumer_extra_config, **(extra_config_overrides or {})},
            on_error=on_error,
        )


class AdaptedConsumer(InternalConsumer):  # type: ignore[misc]
    """Quix Streams' consumer, with names for what a subclass needs of it."""

    def call_on_error(self, callback: Callable[[KafkaError], None]) -> None:
        """Have the client call `callback` with errors that no call raises."""
        self._consumer_config["error_cb"] = callback

    @property
    def topics_by_name(self) -> Mapping[str, Topic]:
        """Return the topics that are subscribed to, changelogs too."""
        topics: Mapping[str, Topic] = self._topics
        return topics


def without_errors(messages: Iterable[Message]) -> list[Message]:
    """Return messages; raises what the library raises for the first that is an error."""
    return [raise_for_msg_error(message) for message in messages]


Record = tuple[str, bytes, bytes, list[tuple[str, bytes]]]
"""Topic, key, value and headers."""


class OpenTransaction:
    """What a dataframe's open checkpoint takes: it becomes visible with its offsets."""

    def __init__(self, sdf: StreamingDataFrame) -> None:
        self._sdf = sdf
        self._context = sdf.processing_context

    def before_commit(self, sink: BaseSink) -> None:
        """Have `sink.flush()` called first in each commit."""
        self._context.sink_manager.register(sink)

    @property
    def produce(self) -> Callable[..., None]:
        """Return the function that writes a record in the transaction."""
        produce: Callable[..., None] = self._context.producer.produce
        return produce

    def write(self, records: Iterable[Record]) -> None:
        """Write records in the transaction, for a third of what `produce` costs for each.

        By the client itself, which is asked for its answers once at the end. Only of records that
        were not delivered there is an answer: raised by the next write, or by the commit.
        """
        producer = self._context.producer
        producer._raise_for_error()
        noted = producer._on_delivery

        def not_delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                noted(error, message)

        produce = producer._producer._producer.produce
        for topic, key, value, headers in records:
            try:
                produce(topic, value, key, headers=headers, on_delivery=not_delivered)
            except BufferError:  # the library's own way waits for room
                producer.produce(topic, value, key, headers=headers)
        producer.poll(0)

    def drop(self, timeout_s: float) -> None:
        """Drop what was written, and begin again.

        It is delivered first: an abort of a transaction whose first records are only on their way
        ends the client for good now and then, with INVALID_TXN_STATE (librdkafka issue 4849).
        """
        self._context.producer.flush(timeout_s)
        self._context.producer.abort_transaction(timeout_s)
        self._context.init_checkpoint()

    def commit(self) -> None:
        """Commit what was written, now."""
        self._context.commit_checkpoint(force=True)

    def store(self, partition: int) -> "PartitionStore":
        """Return a partition's part of the state store."""
        return PartitionStore(self._sdf, partition)


class PartitionStore:
    """A partition's part of the state store: read, and written within the open transaction."""

    def __init__(self, sdf: StreamingDataFrame, partition: int) -> None:
        context = sdf.processing_context
        self._partition = context.state_manager.get_store(
            stream_id=sdf.stream_id, store_name=DEFAULT_STATE_STORE_NAME
        ).partitions[partition]
        transaction = context.checkpoint.get_store_transaction(
            stream_id=sdf.stream_id, partition=partition
        )
        self._state = transaction.as_state(prefix=b"")

    def get_bytes(self, key: bytes, /) -> bytes | None:
        """Return what is kept under a key, or None."""
        value: bytes | None = self._state.get_bytes(key)
        return value

    def set_bytes(self, key: bytes, value: bytes, /) -> None:
        """Keep a value under a key."""
        self._state.set_bytes(key, value)

    def delete(self, key: bytes, /) -> None:
        """Drop what is kept under a key."""
        self._state.delete(key)

    def between(self, lower: bytes, upper: bytes, /) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values as of the last commit, from a key on and before another one."""
        yield from self._partition.iter_items(lower_bound=lower, upper_bound=upper)
