"""The alerter as a Quix Streams application: at least once to each channel."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaException, TopicPartition

from tape.alerting.decider import Decider
from tape.alerting.decision import Announcement
from tape.alerting.message import Channel
from tape.alerting.pictures import Draw, Pictures, Source
from tape.kafka.kept_topic import KeptTopic
from tape.kafka.neighbours import trades_around
from tape.kafka.probe import BrokerProbe
from tape.kafka.topics import TopicSpec, pipeline_topics
from tape.process.bounded import in_background
from tape.settings.alerter import AlerterSettings
from tape.streaming.alert_consumer import AlertConsumer
from tape.streaming.alerting import Alerting
from tape.streaming.application import StoppableApplication, bytes_topic
from tape.streaming.reader_app import raise_plainly, reader_application

log = logging.getLogger(__name__)

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
    """Return the application of the alerter, not yet running."""
    return reader_application(
        AlertApplication, settings, name="alerter", commit_interval_s=COMMIT_S
    )


def alerting(
    app: AlertApplication, settings: AlerterSettings, channels: list[Channel], decider: Decider
) -> Alerting:
    """Have what comes on `episodes` told to people, as far as the rules say."""
    topic = KeptTopic(settings.client_config(), settings.alerts)
    work = Alerting(settings, channels, decider, topic, pictures=_pictures(settings, channels))
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


def _pictures(settings: AlerterSettings, channels: list[Channel]) -> Pictures | None:
    """Return what draws; None where no picture is wanted, or none can be drawn."""
    if not settings.alert_pictures or all(one.takes_pictures == "none" for one in channels):
        return None
    from tape.alerting.drawing import can_draw, trial_picture

    if not can_draw():
        log.warning("no picture", extra={"reason": "matplotlib is not installed"})
        return None

    # The first picture takes seconds: what draws it is loaded, and looks for the system's fonts.
    in_background(trial_picture)
    return Pictures(drawing(settings))


def drawing(settings: AlerterSettings) -> Draw:
    """Return what draws the trades around the one that brought a state, as they are on `stocks`."""
    from tape.alerting.drawing import LOADED, picture_of

    def draw(announcement: Announcement, source: Source) -> bytes | None:
        if announcement.episode is None:
            return None
        around = trades_around(settings.client_config(), settings.input, source, each=LOADED)
        return picture_of(announcement.episode, around.trades)

    return draw


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
        again = "nothing that a channel acknowledged is sent twice"
        raise_plainly(error, settings, name="alerter", again=again)
        raise
    finally:
        work.close()
    log.info("alerter stopped", extra={**facts, "given_up": work.given_up})
    return 2 if work.given_up and settings.stop_when_idle_s else 0
