"""A compacted topic as memory of an app: read whole, followed on, and written with certainty."""

from typing import Final

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from tape.errors import BrokerLostError
from tape.kafka import clients
from tape.process.clock import CLOCK, Clock

READ_S: Final = 120.0
"""Longest that reading to the end may take at start."""

WRITE_S: Final = 30.0
ASKED_S: Final = 15.0
MOST: Final = 1_000
"""Messages taken at once; a topic of alerts has some thousands, of a few hundred bytes each."""
AGAIN: Final = "start it again"


class KeptTopic:
    """Hands out each record once, from the first on; may be written from several threads.

    Attributes:
        topic: its name.
    """

    def __init__(self, client_config: dict[str, str], topic: str, clock: Clock = CLOCK) -> None:
        """Join no group: every reader of the topic has all of it.

        Raises `BrokerLostError` if the topic does not answer.
        """
        self.topic, self._clock = topic, clock
        self._next: dict[int, int] = {}
        self._refused: list[KafkaError] = []
        self._consumer = clients.consumer(
            client_config, group=f"{topic}-memory", own={"enable.partition.eof": True}
        )
        self._producer = clients.producer(
            client_config,
            {
                "enable.idempotence": True,
                "compression.type": "zstd",
                "linger.ms": 0,
                "message.timeout.ms": round(WRITE_S * 1_000),
            },
            on_delivery=self._delivered,
        )
        try:
            found = self._consumer.list_topics(topic, timeout=ASKED_S).topics[topic]
        except KafkaException as error:
            raise BrokerLostError(f"cannot read {topic}: {error.args[0].str()}", AGAIN) from None
        self._partitions = sorted(found.partitions)
        starts = [TopicPartition(topic, part, OFFSET_BEGINNING) for part in self._partitions]
        self._consumer.assign(starts)

    def catch_up(self) -> list[tuple[bytes | None, bytes | None]]:
        """Return keys and values of what has not been handed out, to the end as it is now.

        Raises `BrokerLostError` if that end is not reached within `READ_S`.
        """
        records: list[tuple[bytes | None, bytes | None]] = []
        until_s = self._clock.now_s() + READ_S
        ends = self._ends()
        while any(self._next.get(part, 0) < end for part, end in ends.items()):
            records += self._taken(0.2)
            if self._clock.now_s() > until_s:
                raise BrokerLostError(
                    f"{self.topic} was not read to its end within {READ_S:.0f} s", AGAIN
                )
        return records

    def news(self) -> list[tuple[bytes | None, bytes | None]]:
        """Return what has come since, without waiting."""
        return self._taken(0.0)

    def write(self, key: bytes, value: bytes) -> None:
        """Put a record on the topic, and return when the broker has it.

        Raises `BrokerLostError` if it has not within `WRITE_S`.
        """
        self.put(key, value)
        self.settle()

    def put(self, key: bytes, value: bytes) -> None:
        """Put a record on the topic; `settle` says whether the broker has it."""
        try:
            self._producer.produce(self.topic, key=key, value=value)
        except BufferError:
            self.settle()
            self.put(key, value)
        except KafkaException as error:
            raise self._lost(error.args[0].str()) from None

    def settle(self) -> None:
        """Return when the broker has all that was put.

        Raises `BrokerLostError` if it does not take it within `WRITE_S`.
        """
        left = self._producer.flush(WRITE_S + 5)
        if self._refused or left:
            raise self._lost(self._refused[0].str() if self._refused else "no answer")

    def _lost(self, why: str) -> BrokerLostError:
        return BrokerLostError(f"cannot write to {self.topic} ({why})", AGAIN)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._refused.append(error)

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def _ends(self) -> dict[int, int]:
        ends = {}
        for part in self._partitions:
            try:
                low, high = self._consumer.get_watermark_offsets(
                    TopicPartition(self.topic, part), timeout=ASKED_S
                )
            except KafkaException as error:
                why = error.args[0].str()
                raise BrokerLostError(f"cannot read {self.topic}: {why}", AGAIN) from None
            ends[part] = high if high > low else 0
        return ends

    def _taken(self, wait_s: float) -> list[tuple[bytes | None, bytes | None]]:
        records = []
        for message in self._consumer.consume(MOST, wait_s):
            error = message.error()
            if error is None:
                records.append((message.key(), message.value()))
                self._next[message.partition()] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._next[message.partition()] = message.offset()
            elif not error.retriable():
                raise BrokerLostError(f"cannot read {self.topic}: {error.str()}", AGAIN)
        return records
