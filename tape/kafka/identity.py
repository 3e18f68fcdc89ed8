"""Which topic a name stands for now: one that is deleted and made again is another."""

from contextlib import closing
from typing import Final

from confluent_kafka import KafkaException, TopicCollection, TopicPartition

from tape.kafka import clients
from tape.kafka.connect import told_plainly

TIMEOUT_S: Final = 10.0
NO_ID: Final = "AAAAAAAAAAAAAAAAAAAAAA"
"""The id of all zeroes, which brokers answer that know no ids."""


def topic_id(client_config: dict[str, str], topic: str) -> str:
    """Return a topic's id, or an empty text if the broker has none or does not show it.

    The newer admin call: asked while brokers were killed and started again (800 times over eight
    outages) it ended with an error or an answer each time, unlike those for consumer groups.
    """
    admin = clients.admin(client_config)
    (answer,) = admin.describe_topics(
        TopicCollection([topic]), request_timeout=TIMEOUT_S - 1
    ).values()
    try:
        found = str(answer.result(TIMEOUT_S).topic_id)
    except (KafkaException, TimeoutError):
        return ""
    return "" if found == NO_ID else found


def topic_ends(client_config: dict[str, str], topic: str) -> dict[str, int]:
    """Return the offset that comes next on each partition, open transactions included.

    Raises `BrokerError` if the broker does not answer.
    """
    consumer = clients.consumer(client_config, group="tape-producer", isolation="read_uncommitted")
    with closing(consumer), told_plainly(f"the topic {topic}"):
        found = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return {
            str(number): consumer.get_watermark_offsets(
                TopicPartition(topic, number), timeout=TIMEOUT_S
            )[1]
            for number in sorted(found.partitions)
        }
