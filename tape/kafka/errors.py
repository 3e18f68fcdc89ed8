"""What the Kafka client's errors mean to an operator."""

from collections.abc import Iterator
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from tape.errors import BrokerAwayError, BrokerError

LARGE: Final = KafkaError.MSG_SIZE_TOO_LARGE

SILENT: Final = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._RESOLVE,
    }
)
"""Errors that only say that nobody answers."""

PASSING: Final = frozenset(
    {
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_CONTROLLER,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.INVALID_REPLICATION_FACTOR,
    }
)
"""Errors of a broker that has just started: it does not yet know all that it holds, or it does not
yet see as many others as a topic is to have copies."""


def kind_of(error: KafkaException | TimeoutError) -> type[BrokerError]:
    """Return `BrokerAwayError` where trying again may be all it takes, else `BrokerError`."""
    passes = isinstance(error, TimeoutError) or error.args[0].code() in SILENT | PASSING
    return BrokerAwayError if passes else BrokerError


LASTING: Final = {
    KafkaError.INVALID_TRANSACTION_TIMEOUT: "raise the broker's transaction.max.timeout.ms to "
    "30,000 at least",
    KafkaError.INVALID_RECORD: "a compacted topic takes no record without a key: see `tape topics "
    "check`",
    KafkaError.INVALID_TIMESTAMP: "set message.timestamp.type of the topic to LogAppendTime, as "
    "`tape topics alter` does, and correct this machine's clock",
    KafkaError.POLICY_VIOLATION: "ask who set the broker's policies",
    KafkaError.INVALID_CONFIG: "ask who set the broker up",
    KafkaError.UNSUPPORTED_VERSION: "the broker is too old: use Kafka 2.1 or newer",
    KafkaError._UNSUPPORTED_FEATURE: "the broker is too old: use Kafka 2.1 or newer",
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE: "the broker does not know zstd: use Kafka 2.1 or "
    "newer",
    KafkaError._AUTHENTICATION: "check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
    KafkaError.SASL_AUTHENTICATION_FAILED: "check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
}
"""What starting again does not cure, and what does."""


FORBIDDEN = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it comes from, nearest first.

    What is raised in a callback of the client arrives as the cause or the context of another
    error, often of a `SystemError`, which the interpreter makes of it.
    """
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def kafka_errors(error: BaseException) -> Iterator[KafkaError]:
    """Yield what the broker or the client said, as far as an error comes from that."""
    for one in causes(error):
        said = getattr(one, "error", None)  # where Quix Streams' own errors keep the client's
        parts = list(one.args) if said is None else [said]
        for part in parts:
            kafka = part.args[0] if isinstance(part, KafkaException) and part.args else part
            if isinstance(kafka, KafkaError):
                yield kafka


def is_any(error: BaseException, codes: frozenset[int]) -> bool:
    """Return whether an error comes from one of these answers of the broker or the client.

    Of a fatal error the client tells only the text of what was fatal.
    """
    texts = [KafkaError(code).str() for code in codes]
    return any(
        kafka.code() in codes
        or (kafka.code() == KafkaError._FATAL and any(text in kafka.str() for text in texts))
        for kafka in kafka_errors(error)
    )


def refuse_if_forbidden(error: BaseException, address: str) -> None:
    """Raise `BrokerError` if the broker refused for what no starting again cures, rights first."""
    for kafka in kafka_errors(error):
        if kafka.code() in FORBIDDEN:
            raise BrokerError(
                f"the broker at {address} refused: {kafka.str()}",
                "give the user of KAFKA_SASL_USERNAME the rights that docs/operations.md lists",
            ) from error
        if kafka.code() in LASTING:
            raise BrokerError(
                f"the broker at {address} refused: {kafka.str()}", LASTING[kafka.code()]
            ) from error
