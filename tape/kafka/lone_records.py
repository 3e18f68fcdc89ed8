"""Single records, each acknowledged before the next: what people decide, and not what streams."""

from typing import Final

from confluent_kafka import KafkaError, Message

from tape.errors import BrokerLostError
from tape.kafka import clients

TAKEN_S: Final = 10.0
"""How long the broker may take for a record; a person waits."""


class LoneRecords:
    """Writes records to topics, one at a time."""

    def __init__(self, client_config: dict[str, str]) -> None:
        self._took: list[tuple[int, int]] = []
        self._refused: list[KafkaError] = []
        self._producer = clients.producer(
            client_config,
            {"enable.idempotence": True, "linger.ms": 0, "message.timeout.ms": 8_000},
            on_delivery=self._delivered,
        )

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused.append(error)
        else:
            self._took.append((message.partition(), message.offset()))

    def put(self, topic: str, key: bytes, value: bytes) -> tuple[int, int]:
        """Write a record, and return its partition and offset when the broker has it.

        Raises `BrokerLostError` if it does not take it.
        """
        self._took, self._refused = [], []
        self._producer.produce(topic, value, key)
        left = self._producer.flush(TAKEN_S)
        if left or self._refused or not self._took:
            why = self._refused[0].str() if self._refused else "no answer"
            raise BrokerLostError(f"nothing was written to {topic} ({why})", "try again")
        return self._took[0]
