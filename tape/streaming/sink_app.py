"""The anomaly sink as a Quix Streams application: at least once there, once in the store."""

import logging
import shutil
import weakref
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, cast

from quixstreams.dataframe import StreamingDataFrame

from tape.errors import BrokerLostError
from tape.kafka.clients import PARTITIONER
from tape.kafka.errors import is_any, refuse_if_forbidden
from tape.kafka.probe import BrokerProbe
from tape.kafka.topics import TopicSpec, pipeline_topics
from tape.process.interrupts import was_interrupted
from tape.settings.sink import SEARCH_SINKS, SinkSettings
from tape.settings.store_place import place_of, search_place_of
from tape.sinks.sink import Kind, Store
from tape.sinks.stores import files_store, postgres_store, questdb_store, search_store
from tape.streaming.application import StoppableApplication, bytes_topic, connection
from tape.streaming.errors import FATAL, FENCED, own_error
from tape.streaming.sink_consumer import SinkConsumer
from tape.streaming.storing import StoreBatches

log = logging.getLogger(__name__)

POLL_TIMEOUT_S: Final = 0.1
SESSION_TIMEOUT_MS: Final = 10_000
MAX_POLL_MS: Final = 300_000
"""Longer than any write takes: each of its transactions is bounded."""


class SinkApplication(StoppableApplication):
    """The same with a consumer that hands out batches of several topics."""

    def make_consumer(self, **settings: Any) -> SinkConsumer:
        """Return the consumer; a partition without a commit begins at its beginning."""
        return SinkConsumer(**settings)

    @property
    def consumer(self) -> SinkConsumer:
        """Return the consumer that the dataframes read from."""
        consumer: SinkConsumer = self.internal_consumer
        return consumer


def needed_topics(settings: SinkSettings) -> list[TopicSpec]:
    """Return the topics that the sink reads, and the one it writes."""
    named = {settings.topic_of(kind) for kind in settings.sink_topics} | {settings.rejected}
    return [spec for spec in pipeline_topics(*settings.topics()) if spec.name in named]


def make_store(settings: SinkSettings) -> Store:
    """Return the store that SINK names, not yet opened."""
    if settings.sink == "files":
        return files_store(settings.sink_dir)
    if settings.sink == "questdb":
        return questdb_store(place_of(settings), may_migrate=settings.sink_migrate)
    if settings.sink in SEARCH_SINKS:
        place = search_place_of(settings, settings.store_timeout_s)
        return search_store(place, may_migrate=settings.sink_migrate)
    return postgres_store(place_of(settings), may_migrate=settings.sink_migrate)


def sink_application(settings: SinkSettings) -> SinkApplication:
    """Return the application of the sink, not yet running.

    At least once is enough, because each row is written under its identity. The library wants a
    folder for state, which stays empty.
    """
    folder = mkdtemp(prefix="tapewatch-sink-")
    app = SinkApplication(
        broker_address=connection(settings),
        consumer_group=settings.consumer_group,
        auto_offset_reset="earliest",
        commit_interval=settings.commit_interval_s,
        state_dir=Path(folder),
        consumer_poll_timeout=POLL_TIMEOUT_S,
        loglevel=None,  # at INFO the library would log connection settings; we log our own
        consumer_extra_config={
            "group.instance.id": settings.instance,
            "isolation.level": "read_committed",
            "session.timeout.ms": SESSION_TIMEOUT_MS,
            "max.poll.interval.ms": MAX_POLL_MS,
            "queued.max.messages.kbytes": 16_384,
            "fetch.message.max.bytes": 4 * 1024 * 1024,
        },
        producer_extra_config={
            "enable.idempotence": True,
            "compression.type": "zstd",
            **PARTITIONER,
        },
    )
    weakref.finalize(app, shutil.rmtree, folder, ignore_errors=True)
    return app


def storing(app: SinkApplication, settings: SinkSettings, store: Store) -> StoreBatches:
    """Have what comes on the topics of SINK_TOPICS stored; what is refused goes to `rejected`."""
    frames: list[tuple[Kind, str, StreamingDataFrame]] = []
    for kind in settings.sink_topics:
        topic = settings.topic_of(kind)
        frames.append((cast("Kind", kind), topic, app.dataframe(bytes_topic(app, topic))))
    batches = StoreBatches(settings, store, app.consumer, frames[0][2])
    for kind, topic, frame in frames:
        frame.update(batches.taker(kind, topic))
    app.consumer.on_begin = store.begin
    app.consumer.on_gone = batches.forget
    app.consumer.on_poll = batches.polled
    app.consumer.on_lag = batches.metrics.told_lag
    if settings.metrics_port:
        batches.metrics.answers = BrokerProbe(settings.client_config())
        batches.metrics.serve(settings.metrics_host, settings.metrics_port)
    return batches


def run_sink(app: SinkApplication, settings: SinkSettings, store: Store) -> int:
    """Run the sink until SIGTERM, or until its topics were idle for STOP_WHEN_IDLE_S.

    Raises:
        StoreError: the store needs a person.
        BrokerLostError: the broker failed; what was not committed is stored again, which changes
            nothing.
    """
    facts = {"store": settings.sink, "topics": ",".join(settings.sink_topics)}
    log.info("sink started", extra={**facts, "group": settings.consumer_group})
    try:
        app.run(timeout=settings.stop_when_idle_s, collect=False)
    except Exception as error:
        _raise_plainly(error, settings)
        raise
    finally:
        store.close()
    log.info("sink stopped", extra=facts)
    return 0


def _raise_plainly(error: Exception, settings: SinkSettings) -> None:
    """Raise what an error means to an operator; return if it is a programmer's."""
    if was_interrupted(error):
        raise KeyboardInterrupt from error
    if (ours := own_error(error)) is not None:
        raise ours from error
    refuse_if_forbidden(error, settings.broker_address)
    if is_any(error, FENCED):
        raise BrokerLostError(
            f"the broker took the work of {settings.instance} away: another sink of the group "
            f"{settings.consumer_group} has the same INSTANCE, or this one was away for too long",
            "give each its own INSTANCE, and start it again",
        ) from error
    if isinstance(error, FATAL):
        raise BrokerLostError(
            f"the broker at {settings.broker_address} failed the sink ({error})",
            "start it again, what was not committed is stored again under the same names",
        ) from error
