"""Quix Streams applications with the settings that exactly-once and batches need."""

from typing import Any

from confluent_kafka import KafkaException
from quixstreams import Application
from quixstreams.exceptions import QuixException
from quixstreams.kafka import ConnectionConfig
from quixstreams.models import Topic, TopicConfig

from tape.errors import BrokerError
from tape.kafka.topics import pipeline_topics
from tape.settings.broker import BrokerSettings
from tape.streaming.adapter import AdaptedApplication
from tape.streaming.errors import not_suppressed


class StoppableApplication(AdaptedApplication):
    """Quix Streams' application, which can be stopped at any time.

    Attributes:
        told_to_stop: whether SIGTERM, Ctrl-C or the end of the input has stopped it.
    """

    def __init__(self, **settings: Any) -> None:
        # The library would print a traceback of its own before the error reaches us.
        quiet = dict.fromkeys(("on_processing_error", "on_consumer_error", "on_producer_error"))
        super().__init__(**dict.fromkeys(quiet, not_suppressed), **settings)
        self.told_to_stop = False

    def stop(self, fail: bool = False) -> None:
        """Stop when the work at hand is done; `fail` is how the library stops after an error."""
        self.told_to_stop = self.told_to_stop or not fail
        super().stop(fail)


def connection(settings: BrokerSettings) -> ConnectionConfig:
    """Return Quix Streams' form of how to reach the broker."""
    return ConnectionConfig.from_librdkafka_dict(settings.client_config())


def bytes_topic(app: Application, name: str) -> Topic:
    """Return a topic whose keys and values are taken as bytes: a bad message stops nothing.

    If it went away since it was looked for, the library makes it, as we would.
    Raises `BrokerError` if the broker does not let us look at it.
    """
    spec = pipeline_topics(name)[0]
    config = TopicConfig(spec.partitions, replication_factor=-1, extra_config=spec.config)
    try:
        return app.topic(name, key_deserializer="bytes", value_deserializer="bytes", config=config)
    except (QuixException, KafkaException) as error:
        raise BrokerError(
            f"the topic {name} cannot be used: {error}",
            "give the user of KAFKA_SASL_USERNAME the rights that docs/operations.md lists",
        ) from error
