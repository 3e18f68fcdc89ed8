"""What an error of the client, the library or the state's disk means to an operator."""

import errno
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from quixstreams.checkpointing.exceptions import (
    CheckpointConsumerCommitError,
    CheckpointProducerTimeout,
)
from quixstreams.exceptions import QuixException

from tape.errors import BrokerLostError, TapeError
from tape.kafka.errors import causes

FATAL = (
    KafkaException,
    QuixException,
    CheckpointConsumerCommitError,
    CheckpointProducerTimeout,
)
"""What the client and the library raise when the broker fails an app."""


FENCED: Final = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
"""Another process has taken the name of this one, or this one was away for too long."""

EXPIRED: Final = frozenset({KafkaError.INVALID_PRODUCER_ID_MAPPING, KafkaError.UNKNOWN_PRODUCER_ID})
"""The broker has forgotten a transactional id that was not used for a long time."""

STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def own_error(error: BaseException) -> TapeError | None:
    """Return the error of ours that another one comes from: it passed through a callback."""
    return next((one for one in causes(error) if isinstance(one, TapeError)), None)


def storage_fault(error: BaseException | None) -> str | None:
    """Return what the state's disk complained of, if that is what an error comes from.

    RocksDB's errors arrive as bare `Exception`s whose text says what happened, wrapped or not.
    """
    for one in causes(error):
        if isinstance(one, OSError) and one.errno in STORAGE_ERRORS:
            return one.strerror
        text = str(one).strip()
        if type(one) is Exception and text.startswith("IO error"):
            return text.removeprefix("IO error:").partition(":")[0].strip()
    return None


def not_suppressed(*_: object) -> bool:
    """Say to the library that an error is one, without its log line and traceback."""
    return False


def unforeseen(error: BaseException, address: str) -> BrokerLostError:
    """Return what to say of an error of the client that has no sentence of its own."""
    return BrokerLostError(
        f"the broker at {address} failed the producer ({error})",
        "start it again, it continues after the last transaction",
    )
