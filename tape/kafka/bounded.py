"""Calls of the client that end in time, although the client may hang in them.

The timeout of `Consumer.committed` does not always hold. Asked while the group's coordinator came
up and the broker went away, it was seen to wait for 86 s and more where 10 s were given, also when
the broker was back (confluent-kafka 2.12; its issue 162 tells of the same).
"""

from collections.abc import Callable
from typing import Final, TypeVar

from tape.process.bounded import NoAnswerError, in_time

GRACE_S: Final = 5.0
"""What a call may take beyond its own timeout: machines are busy, and clients end calls late."""

T = TypeVar("T")


def within(timeout_s: float, call: Callable[[], T]) -> T:
    """Return what a call of the client returns, or raise what it raises.

    Args:
        timeout_s: the timeout, in seconds, that the call itself was given.
        call: a call that is safe in a thread of its own, as all of the client's are.

    Raises:
        TimeoutError: the call has not ended in that time and `GRACE_S` more. Its thread is left
            behind; it does not keep the process from ending.
    """
    try:
        return in_time(timeout_s + GRACE_S, call)
    except NoAnswerError:
        raise TimeoutError(
            f"the Kafka client has not answered within {timeout_s + GRACE_S:.0f} s"
        ) from None
