"""A consumer whose errors in callbacks come out whole, and which always ends."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import Consumer, Message, TopicPartition

from tape.process.interrupts import called_by_the_client
from tape.streaming.adapter import AdaptedConsumer
from tape.streaming.loop_watch import LoopWatch

CLOSE_S: Final = 20.0
"""Longest wait for the client's end; it leaves a group in well under a second."""


class SteadyConsumer(AdaptedConsumer):
    """Raises what fails in a callback of the client from the call that ran it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._failed: Exception | None = None
        self._watch = LoopWatch()

    def subscribe(self, *args: Any, **kwargs: Any) -> None:
        """Subscribe, and end the process from here on if a call of the client hangs."""
        self._watch.start()
        super().subscribe(*args, **kwargs)

    def _held_back(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Keep errors in a callback of the client, too, until the call that ran it is over.

        The client does not know of them: it would answer with a `SystemError`, or wait for ever
        for its own threads when it is closed.
        """

        def called(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            try:
                callback(consumer, partitions)
            except Exception as error:  # raised by `_raise_what_failed`
                self._failed = self._failed or error

        return called_by_the_client(called)

    def _raise_what_failed(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    def poll(self, timeout: float | None = None) -> Message | None:
        """Return the next message; raises what failed in a callback meanwhile."""
        self._watch.beat()
        message = super().poll(timeout)
        self._raise_what_failed()
        return message

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """Return the next messages; raises what failed in a callback meanwhile."""
        self._watch.beat()
        messages: list[Message] = super().consume(num_messages, timeout)
        self._raise_what_failed()
        return messages

    def close(self) -> None:
        """Leave the group; raises what failed in a callback meanwhile.

        The client waits for its own threads, for ever if the broker went away while one of them
        asked it for something. Nothing is left to be done then: the process ends.
        """
        self._watch.end()
        watchdog = threading.Timer(CLOSE_S, _end_of_a_client_that_hangs)
        watchdog.daemon = True
        watchdog.start()
        try:
            super().close()
        finally:
            watchdog.cancel()
        self._raise_what_failed()


def _end_of_a_client_that_hangs() -> None:
    print(
        f"error: the client did not end within {CLOSE_S:.0f} s of a broker's failure; nothing of "
        "the last transaction was committed, start the detector again",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)
