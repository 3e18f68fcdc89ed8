"""Topics as they grow, for a program that shows them: new ones too, and on again after a loss."""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from tape.errors import BrokerError
from tape.kafka import clients
from tape.kafka.growing import (
    ANSWER_S,
    GONE,
    PARTITIONS_EVERY_S,
    Record,
    partitions_there,
    record_of,
)
from tape.process.clock import CLOCK, WALL_CLOCK

log = logging.getLogger(__name__)

AT_ONCE: Final = 2_000
"""Records that are taken at once: some milliseconds of work."""
POLL_S: Final = 0.1
"""Longest wait for records; what it adds to the age of a lone one."""
TOPICS_EVERY_S: Final = 2.0
"""How often it is asked for topics that are missing."""
RETRY_S: Final = 1.0
"""Pause before a client that failed is made again."""
RECONNECT_MS: Final = 2_000
"""Longest pause of the client between two tries to reach the broker; by itself it waits 10 s."""
QUEUE_KB: Final = 16_384
"""What the client fetches ahead of a partition, which bounds the memory of a backlog."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Where reading of a topic begins: `back` offsets before its end, or a time ago.

    With neither it begins at the beginning.
    """

    back: int | None = None
    back_ms: int | None = None


class LiveTopics:
    """Reads topics on a thread of its own; without a group, so it takes nothing from anybody."""

    def __init__(
        self,
        client_config: Mapping[str, str],
        begins: Mapping[str, Begin],
        take: Callable[[Sequence[Record]], None],
        connected: Callable[[bool], None],
        missing: Callable[[list[str]], None],
    ) -> None:
        """Follow the topics of `begins`.

        Args:
            client_config: the connection in librdkafka's names.
            begins: topics, each with where it begins.
            take: is given what has come, in the order of each partition.
            connected: is told whether the broker answers, each time that something says so.
            missing: is told which topics are not there.
        """
        self._client, self._begins = dict(client_config), begins
        self._take, self._connected, self._missing = take, connected, missing
        self._over = threading.Event()
        self._read_to: dict[tuple[str, int], int] = {}
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="live-topics", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End; waits a moment for the thread, which is a daemon."""
        self._over.set()
        self._thread.join(2.0)

    def wait_for(self, topic: str, partition: int, offset: int, timeout_s: float) -> bool:
        """Return whether a record was taken by then."""
        with self._moved:
            return self._moved.wait_for(
                lambda: self._read_to.get((topic, partition), -1) >= offset, timeout_s
            )

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with closing(self._consumer()) as consumer:
                    self._follow(consumer)
            except (KafkaException, BrokerError) as error:
                self._connected(False)
                log.warning("reading stopped", extra={"reason": str(error)[:200]})
                self._over.wait(RETRY_S)

    def _consumer(self) -> Consumer:
        own = {
            "reconnect.backoff.max.ms": RECONNECT_MS,
            "statistics.interval.ms": 1_000,
            "stats_cb": self._note_statistics,
            "queued.max.messages.kbytes": QUEUE_KB,
        }
        return clients.consumer(self._client, group="tape-page", own=own, on_error=self._note_error)

    def _follow(self, consumer: Consumer) -> None:
        known: set[tuple[str, int]] = set()
        due_s = 0.0
        while not self._over.is_set():
            if CLOCK.now_s() >= due_s:
                new = self._new(consumer, known)
                if new:
                    consumer.incremental_assign(new)
                    known |= {(one.topic, one.partition) for one in new}
                whole = {name for name, _ in known} == set(self._begins)
                due_s = CLOCK.now_s() + (PARTITIONS_EVERY_S if whole else TOPICS_EVERY_S)
            if known:
                self._hand_on(consumer.consume(AT_ONCE, POLL_S))
            else:
                consumer.poll(POLL_S)

    def _new(self, consumer: Consumer, known: set[tuple[str, int]]) -> list[TopicPartition]:
        """Return where to begin with partitions that are new."""
        try:
            found = partitions_there(consumer, self._begins)
        except KafkaException:
            return []
        self._connected(True)
        self._missing([name for name in self._begins if name not in found])
        return [
            self._start(consumer, TopicPartition(name, number))
            for name, parts in found.items()
            for number in parts
            if (name, number) not in known
        ]

    def _start(self, consumer: Consumer, part: TopicPartition) -> TopicPartition:
        begin = self._begins[part.topic]
        read_to = self._read_to.get((part.topic, part.partition))
        low, high = consumer.get_watermark_offsets(part, timeout=ANSWER_S)
        if read_to is not None and low <= read_to < high:  # on again after a loss
            part.offset = read_to + 1
        elif begin.back_ms is not None:
            since_ms = int(WALL_CLOCK.now_s() * 1_000) - begin.back_ms
            asked = TopicPartition(part.topic, part.partition, since_ms)
            (at,) = consumer.offsets_for_times([asked], timeout=ANSWER_S)
            part.offset = at.offset if at.offset >= 0 else high
        else:
            part.offset = OFFSET_BEGINNING if begin.back is None else max(low, high - begin.back)
        return part

    def _hand_on(self, messages: Iterable[Message]) -> None:
        taken = []
        for message in messages:
            error = message.error()
            if error is None:
                taken.append(record_of(message))
            elif error.code() not in GONE:  # no right to read, offsets that are gone, ...
                raise KafkaException(error)
        if not taken:
            return
        self._connected(True)
        self._take(taken)
        with self._moved:
            for one in taken:
                self._read_to[one.topic, one.partition] = one.offset
            self._moved.notify_all()

    def _note_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._connected(False)
            log.warning("the broker is away", extra={"reason": error.str()})

    def _note_statistics(self, text: str) -> None:
        brokers = json.loads(text)["brokers"].values()
        if any(one["nodeid"] >= 0 and one["state"] == "UP" for one in brokers):
            self._connected(True)
