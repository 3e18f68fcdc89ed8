"""Waiting for the broker at start, and saying plainly why it cannot be used."""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException

from tape.errors import BrokerAwayError, BrokerError
from tape.kafka import clients
from tape.kafka.errors import SILENT, kind_of
from tape.kafka.topics import TopicSpec, create_topics
from tape.process.clock import CLOCK, Clock

log = logging.getLogger(__name__)

WAIT_S = 120.0
"""How long an app waits for a broker that does not answer: containers start in any order."""

COMMAND_WAIT_S = 10.0
"""The same of a command, whose user looks on: a local broker starts in 6 to 10 s."""

_AUTH = {KafkaError._AUTHENTICATION: "KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD"}
_TLS = {KafkaError._SSL: "KAFKA_SSL_CA_FILE or KAFKA_SECURITY_PROTOCOL"}
REFUSALS = {**_AUTH, **_TLS}
"""Errors that no waiting fixes; librdkafka retries them for ever and reports them aside."""


def ready_broker(
    client_config: dict[str, str],
    topics: list[TopicSpec],
    *,
    wait_s: float = WAIT_S,
    clock: Clock = CLOCK,
) -> None:
    """Return when the broker answers and has the topics, having created those that it lacks.

    Args:
        client_config: the connection in librdkafka's names.
        topics: those that are needed.
        wait_s: how long an answer is waited for.
        clock: by which it is.

    Raises:
        BrokerAwayError: no answer came; an app is started again for it.
        BrokerError: the broker refuses the credentials, or its certificate is not trusted. Said
            at once.
    """
    address = client_config["bootstrap.servers"]
    refusals: list[KafkaError] = []

    def noted(error: KafkaError) -> None:
        if error.code() in REFUSALS:
            refusals.append(error)

    try:
        client = clients.admin(client_config, {"socket.timeout.ms": 5_000}, on_error=noted)
    except KafkaException as error:  # before it has asked anybody: a file, a mechanism
        raise BrokerError(
            f"the Kafka client cannot work with these settings: {error.args[0].str()}",
            "check KAFKA_SSL_CA_FILE, KAFKA_SECURITY_PROTOCOL and KAFKA_SASL_MECHANISM",
        ) from None
    deadline_s = clock.now_s() + wait_s
    said_s = -math.inf
    while True:
        try:
            client.list_topics(timeout=2)
            break
        except KafkaException as error:
            client.poll(0)
            if refusals:
                setting = REFUSALS[refusals[0].code()]
                raise BrokerError(
                    f"the broker at {address} refused the connection: {refusals[0].str()}",
                    f"check {setting}",
                ) from None
            reason = error.args[0].str()
        now_s = clock.now_s()
        if now_s >= deadline_s:
            raise BrokerAwayError(
                f"no Kafka broker answered at {address} within {wait_s:.0f} s ({reason})",
                "start one (`tape broker start`, `docker compose up`) or correct "
                "Quix__Broker__Address",
            )
        if now_s >= said_s:
            log.warning("waiting for the broker", extra={"address": address, "reason": reason})
            said_s = now_s + 10
    created = create_topics(client_config, topics)
    if created:
        log.info("topics created", extra={"topics": ", ".join(created)})


@contextmanager
def told_plainly(what: str) -> Iterator[None]:
    """Turn the client's errors into a `BrokerError` that says what could not be looked at.

    It is a `BrokerAwayError` where trying again may be all it takes.
    """
    try:
        yield
    except (KafkaException, TimeoutError) as error:
        silent = isinstance(error, TimeoutError) or error.args[0].code() in SILENT
        reason = "the broker does not answer" if silent else error.args[0].str()
        kind = kind_of(error)
    else:
        return
    raise kind(
        f"cannot look at {what} ({reason}); see whether the broker is well and the user has the "
        "rights that docs/operations.md lists"
    )
