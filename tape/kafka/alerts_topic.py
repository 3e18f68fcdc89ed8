"""Topic `alerts` for commands: what it holds now, and one more record on it."""

from typing import Final

from confluent_kafka import KafkaError, Message

from tape.alerting.kept import Record, decode_record, encode_record, key_of
from tape.errors import BrokerLostError
from tape.kafka import clients
from tape.kafka.reader import read_topic
from tape.kafka.topics import partition_counts
from tape.model.rejected import Rejected

FLUSH_S: Final = 30.0


def alert_records(client_config: dict[str, str], topic: str) -> tuple[list[Record], int]:
    """Return the newest record under each key, and how many cannot be read.

    There are none where the topic is not there. Raises `BrokerError` if it cannot be read.
    """
    if partition_counts(client_config, [topic]) == [0]:
        return [], 0
    newest: dict[bytes, bytes] = {}
    for lane in read_topic(client_config, topic):
        for message in lane:
            key, value = message.key() or b"", message.value()
            newest.pop(key, None)
            if value is not None:
                newest[key] = value
    found = [decode_record(value) for value in newest.values()]
    records = [one for one in found if not isinstance(one, Rejected)]
    return records, len(found) - len(records)


def put_record(client_config: dict[str, str], topic: str, record: Record) -> None:
    """Put a record on the topic, and return when the broker has it.

    Raises `BrokerLostError` if it does not take it.
    """
    errors: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            errors.append(error)

    producer = clients.producer(client_config, {"enable.idempotence": True}, on_delivery=delivered)
    producer.produce(topic, encode_record(record), key_of(record))
    left = producer.flush(FLUSH_S)
    if left or errors:
        why = errors[0].str() if errors else f"no answer within {FLUSH_S:.0f} s"
        raise BrokerLostError(f"nothing was written to {topic} ({why})", "call this again")
