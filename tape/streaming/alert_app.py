"""The alerter as a Quix Streams application: at least once to each channel."""

import logging
import shutil
import weakref
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from confluent_kafka import KafkaException, TopicPartition

from tape.alerting.decider import Decider
from tape.alerting.message import Channel
from tape.errors import BrokerLostError
from tape.kafka.clients import PARTITIONER, PROMPT
from tape.kafka.errors import is_any, refuse_if_forbidden
from tape.kafka.kept_topic import KeptTopic
from tape.kafka.probe import BrokerProbe
from tape.kafka.topics import TopicSpec, pipeline_topics
from tape.process.interrupts import was_interrupted
from tape.settings.alerter import AlerterSettings
from tape.streaming.alert_consumer import AlertConsumer
from tape.streaming.alerting import Alerting
from tape.streaming.application import StoppableApplication, bytes_topic, connection
from tape.streaming.errors import FATAL, FENCED, own_error

log = logging.getLogger(__name__)

POLL_TIMEOUT_S: Final = 0.1
SESSION_TIMEOUT_MS: Final = 10_000
MAX_POLL_MS: Final = 300_000
COMMIT_S: Final = 1.0


class AlertApplication(StoppableApplication):
    """The same with a consumer that commits only what people have been told."""

    def make_consumer(self, **settings: Any) -> AlertConsumer:
        """Return the consumer; a partition without a commit begins at its beginning."""
        return AlertConsumer(**settings)

    @property
    def consumer(self) -> AlertConsumer:
        """Return the consumer that the dataframe reads from."""
        consumer: AlertConsumer = self.internal_consumer
        return consumer


def needed_topics(settings: AlerterSettings) -> list[TopicSpec]:
    """Return the topic that the alerter reads, and the one that is its memory."""
    named = {settings.episodes, settings.alerts}
    specs = pipeline_topics(*settings.topics(), alerts=settings.alerts)
    return [spec for spec in specs if spec.name in named]


def alert_application(settings: AlerterSettings) -> AlertApplication:
    """Return the application of the alerter, not yet running.

    The library wants a folder for state, which stays empty.
    """
    folder = mkdtemp(prefix="tapewatch-alerter-")
    app = AlertApplication(
        broker_address=connection(settings),
        consumer_group=settings.consumer_group,
        auto_offset_reset="earliest",
        commit_interval=COMMIT_S,
        state_dir=Path(folder),
        consumer_poll_timeout=POLL_TIMEOUT_S,
        loglevel=None,  # at INFO the library would log connection settings; we log our own
        consumer_extra_config={
            "group.instance.id": settings.instance,
            "isolation.level": "read_committed",
            "session.timeout.ms": SESSION_TIMEOUT_MS,
            "max.poll.interval.ms": MAX_POLL_MS,
            **PROMPT,
        },
        producer_extra_config={"enable.idempotence": True, **PARTITIONER},
    )
    weakref.finalize(app, shutil.rmtree, folder, ignore_errors=True)
    return app


def alerting(
    app: AlertApplication, settings: AlerterSettings, channels: list[Channel], decider: Decider
) -> Alerting:
    """Have what comes on `episodes` told to people, as far as the rules say."""
    topic = KeptTopic(settings.client_config(), settings.alerts)
    work = Alerting(settings, channels, decider, topic)
    consumer = app.consumer
    app.dataframe(bytes_topic(app, settings.episodes)).update(work.take)
    consumer.on_begin, consumer.on_leaving = work.begin, work.leave
    consumer.on_gone, consumer.on_poll = work.gone, work.polled
    consumer.on_lag = work.metrics.told_lag
    consumer.before_commit, consumer.safe = work.settle, work.safe
    work.commit = _committer(consumer, settings.episodes)
    work.stop = app.stop
    if settings.metrics_port:
        work.metrics.answers = BrokerProbe(settings.client_config())
        work.metrics.serve(settings.metrics_host, settings.metrics_port)
    return work


def _committer(consumer: AlertConsumer, topic: str) -> Any:
    """Return the function that commits ends by partition, where they are new.

    What a channel acknowledges later has no message of its own that would bring a commit along.
    """
    done: dict[int, int] = {}

    def commit(ends: Mapping[int, int]) -> None:
        new = {part: end for part, end in ends.items() if done.get(part) != end}
        if not new:
            return
        parts = [TopicPartition(topic, part, end) for part, end in new.items()]
        for part in consumer.commit(offsets=parts, asynchronous=False) or []:
            if part.error is not None:
                raise KafkaException(part.error)
        done.update(new)

    return commit


def run_alerter(app: AlertApplication, settings: AlerterSettings, work: Alerting) -> int:
    """Run the alerter until SIGTERM, or until it was idle for STOP_WHEN_IDLE_S.

    Returns 2 if it ended by itself and a channel never took one of the messages, else 0.

    Raises:
        BrokerLostError: the broker failed; what was acknowledged is not sent again.
    """
    facts = {"topic": settings.episodes, "group": settings.consumer_group}
    log.info("alerter started", extra=facts)
    try:
        work.start()
        app.run(collect=False)
    except Exception as error:
        _raise_plainly(error, settings)
        raise
    finally:
        work.close()
    log.info("alerter stopped", extra={**facts, "given_up": work.given_up})
    return 2 if work.given_up and settings.stop_when_idle_s else 0


def _raise_plainly(error: Exception, settings: AlerterSettings) -> None:
    """Raise what an error means to an operator; return if it is a programmer's."""
    if was_interrupted(error):
        raise KeyboardInterrupt from error
    if (ours := own_error(error)) is not None:
        raise ours from error
    refuse_if_forbidden(error, settings.broker_address)
    if is_any(error, FENCED):
        raise BrokerLostError(
            f"the broker took the work of {settings.instance} away: another alerter of the group "
            f"{settings.consumer_group} has the same INSTANCE, or this one was away for too long",
            "give each its own INSTANCE, and start it again",
        ) from error
    if isinstance(error, FATAL):
        raise BrokerLostError(
            f"the broker at {settings.broker_address} failed the alerter ({error})",
            "start it again, nothing that a channel acknowledged is sent twice",
        ) from error
