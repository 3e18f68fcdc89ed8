"""What an error of the client, the library or the state's disk means to an operator."""

import errno

from confluent_kafka import KafkaError, KafkaException
from quixstreams.checkpointing.exceptions import (
    CheckpointConsumerCommitError,
    CheckpointProducerTimeout,
)
from quixstreams.exceptions import QuixException

from tape.errors import BrokerError

FATAL = (
    KafkaException,
    QuixException,
    CheckpointConsumerCommitError,
    CheckpointProducerTimeout,
)
"""What the client and the library raise when the broker fails an app."""

FORBIDDEN = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def refuse_if_forbidden(error: BaseException, address: str) -> None:
    """Raise `BrokerError` if the broker refused for want of rights: trying again mends nothing."""
    for part in error.args:
        kafka = getattr(part, "args", [part])[0] if isinstance(part, KafkaException) else part
        if isinstance(kafka, KafkaError) and kafka.code() in FORBIDDEN:
            raise BrokerError(
                f"the broker at {address} refused: {kafka.str()}; give the user of "
                "KAFKA_SASL_USERNAME the rights that docs/operations.md lists"
            ) from error


def storage_fault(error: BaseException | None) -> str | None:
    """Return what the state's disk complained of, if that is what an error comes from.

    RocksDB's errors arrive as bare `Exception`s whose text says what happened, wrapped or not.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
            return error.strerror
        text = str(error).strip()
        if type(error) is Exception and text.startswith("IO error"):
            return text.removeprefix("IO error:").partition(":")[0].strip()
        error = error.__cause__ or error.__context__
    return None
