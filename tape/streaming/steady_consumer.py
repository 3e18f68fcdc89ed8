"""A consumer whose errors in callbacks come out whole, and which always ends."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, Message, TopicPartition

from tape.errors import BrokerLostError
from tape.kafka.bounded import within
from tape.process.interrupts import called_by_the_client
from tape.streaming.adapter import AdaptedConsumer
from tape.streaming.loop_watch import LoopWatch

T = TypeVar("T")

ASKED_S: Final = 30.0
"""Longest wait for an answer where the caller names none."""

SHORT_S: Final = 0.1
SHORT_POLLS: Final = 10
"""The first polls without a message wait this long, the next as long as they were asked to.

The library polls only while it takes up state, for a second each, and looks only after a poll
without a message whether it is done. It gives up after 60 looks in a row at a partition whose
place is not known: ten short ones leave 51 s of its 60 s.
"""

CLOSE_S: Final = 20.0
"""Longest wait for the client's end; it leaves a group in well under a second."""


class SteadyConsumer(AdaptedConsumer):
    """Raises what fails in a callback of the client from the call that ran it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._failed: Exception | None = None
        self._empty_polls = 0
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
        """Return the next message; raises what failed in a callback meanwhile.

        May return None before the time is over.
        """
        self._watch.beat()
        if timeout is not None and self._empty_polls < SHORT_POLLS:
            timeout = min(timeout, SHORT_S)
        message = super().poll(timeout)
        self._empty_polls = self._empty_polls + 1 if message is None else 0
        self._raise_what_failed()
        return message

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """Return the next messages; raises what failed in a callback meanwhile."""
        self._watch.beat()
        messages: list[Message] = super().consume(num_messages, timeout)
        self._raise_what_failed()
        return messages

    def committed(
        self, partitions: list[TopicPartition], timeout: float | None = None
    ) -> list[TopicPartition]:
        """Return partitions with the group's commits; raises `BrokerLostError` if that hangs."""
        asked_s = ASKED_S if timeout is None else timeout
        found: list[TopicPartition] = self._in_time(
            asked_s, lambda: super(SteadyConsumer, self).committed(partitions, asked_s)
        )
        return found

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float | None = None, cached: bool = False
    ) -> tuple[int, int]:
        """Return oldest offset and the next to come; raises `BrokerLostError` if that hangs."""
        ask = super().get_watermark_offsets
        asked_s = ASKED_S if timeout is None else timeout
        bounds: tuple[int, int] = (
            ask(partition, cached=True)
            if cached  # answered from memory, a million times per day
            else self._in_time(asked_s, lambda: ask(partition, asked_s))
        )
        return bounds

    def _in_time(self, timeout_s: float, call: Callable[[], T]) -> T:
        try:
            return within(timeout_s, call)
        except TimeoutError as hung:
            raise BrokerLostError(str(hung), "start the app again") from None

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
