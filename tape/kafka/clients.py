"""The one place that makes Kafka clients: their settings, callbacks and log level.

The client prints nothing itself (`log_level` 0): what goes wrong is raised by the next call, or
comes through a callback. Every callback is shielded from Ctrl-C here, see `called_by_the_client`.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from confluent_kafka import Consumer, KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient

from tape.errors import SettingsError
from tape.process.interrupts import called_by_the_client

Isolation = Literal["read_committed", "read_uncommitted"]
OnError = Callable[[KafkaError], None]
OnDelivery = Callable[[KafkaError | None, Message], None]

PARTITIONER: Final = {"partitioner": "murmur2"}
"""Kafka's default, and not librdkafka's: which partition is right, see `tape.model.partitions`."""

PROMPT: Final = {"fetch.wait.max.ms": 50, "fetch.queue.backoff.ms": 20}
"""How long a consumer's fetch holds up what else it asks, and rests when its queue was full.

A broker answers the requests of a connection one after the other, and a fetch that finds nothing
waits for records: every question about a partition's ends waits as long. The client's own 500 ms
and 1,000 ms made a detector of four partitions start in 7.1 s in place of 3.6 s (2 cores,
2026-11-28).
"""

LOOKING: Final = "tape"
"""A group that readers name, because the client asks for one; they never join it."""

SILENT: Final = logging.getLogger("tape.client")
"""Takes what the client would print itself of an error that it raises anyway."""

SILENT.disabled = True


def consumer(
    client_config: Mapping[str, Any],
    *,
    group: str = LOOKING,
    isolation: Isolation = "read_committed",
    own: Mapping[str, Any] | None = None,
    on_error: OnError | None = None,
) -> Consumer:
    """Return a consumer that commits nothing by itself and makes no topics.

    Args:
        client_config: how to reach the broker.
        group: the consumer group; it is joined only by `subscribe`.
        isolation: whether records of open transactions are read.
        own: further settings of the client, which win.
        on_error: called with errors that no call raises, from within a call of the client.
    """
    return Consumer(
        {
            **client_config,
            "group.id": group,
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
            "auto.offset.reset": "earliest",
            "log_level": 0,
            **PROMPT,
            **_on_error(on_error),
            **(own or {}),
        }
    )


def producer(
    client_config: Mapping[str, Any],
    own: Mapping[str, Any] | None = None,
    *,
    on_error: OnError | None = None,
    on_delivery: OnDelivery | None = None,
) -> Producer:
    """Return a producer that sends each symbol to its partition.

    Args:
        client_config: how to reach the broker.
        own: further settings of the client, which win.
        on_error: called with errors that no call raises, from within a call of the client.
        on_delivery: called for each record, with None once it is acknowledged.

    Raises:
        SettingsError: one of the two asks for another partitioner.
    """
    called = {} if on_delivery is None else {"on_delivery": called_by_the_client(on_delivery)}
    found = {"log_level": 0, **_on_error(on_error), **called, **(own or {})}
    return Producer(sending(client_config, found), logger=SILENT)


def admin(
    client_config: Mapping[str, Any],
    own: Mapping[str, Any] | None = None,
    *,
    on_error: OnError | None = None,
) -> AdminClient:
    """Return a client that looks at a broker and changes its topics; `own` settings win."""
    return AdminClient({**client_config, "log_level": 0, **_on_error(on_error), **(own or {})})


def sending(client_config: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a producer that sends each symbol to its partition.

    Raises `SettingsError` if one of the two asks for another partitioner.
    """
    config = {**PARTITIONER, **client_config, **own}
    found = config["partitioner"]
    if found != PARTITIONER["partitioner"]:
        raise SettingsError(
            f"the Kafka client is set to partitioner={found}, which sends symbols to partitions "
            "where the detector does not look for them",
            "set it to murmur2",
        )
    return config


def _on_error(on_error: OnError | None) -> dict[str, Any]:
    return {} if on_error is None else {"error_cb": called_by_the_client(on_error)}
