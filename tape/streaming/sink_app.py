"""The anomaly sink as a Quix Streams application: at least once there, once in the store."""

import logging
from typing import Any, cast

from quixstreams.dataframe import StreamingDataFrame

from tape.kafka.probe import BrokerProbe
from tape.kafka.topics import TopicSpec, pipeline_topics
from tape.settings.sink import SEARCH_SINKS, SinkSettings
from tape.settings.store_place import place_of, search_place_of
from tape.sinks.sink import Kind, Store
from tape.sinks.stores import files_store, postgres_store, questdb_store, search_store
from tape.streaming.application import StoppableApplication, bytes_topic
from tape.streaming.reader_app import raise_plainly, reader_application
from tape.streaming.sink_consumer import SinkConsumer
from tape.streaming.storing import StoreBatches

log = logging.getLogger(__name__)


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
    all_of_them = pipeline_topics(
        *settings.topics(), bars=settings.bars_topic, reviews=settings.reviews
    )
    return [spec for spec in all_of_them if spec.name in named]


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

    At least once is enough, because each row is written under its identity.
    """
    return reader_application(
        SinkApplication,
        settings,
        name="sink",
        commit_interval_s=settings.commit_interval_s,
        consumer={
            "queued.max.messages.kbytes": 16_384,
            "fetch.message.max.bytes": 4 * 1024 * 1024,
        },
        producer={"compression.type": "zstd"},
    )


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
        again = "what was not committed is stored again under the same names"
        raise_plainly(error, settings, name="sink", again=again)
        raise
    finally:
        store.close()
    log.info("sink stopped", extra=facts)
    return 0
