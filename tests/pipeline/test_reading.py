"""Reading a topic to its end, on real brokers: marks at the end, and a broker that goes away."""

from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tape.errors import BrokerError
from tape.kafka import clients
from tape.kafka import reader as reading
from tape.kafka.local.broker import LocalKafka
from tape.kafka.reader import count_topic, read_topic

pytestmark = pytest.mark.broker

SMALL = {"queued.min.messages": "1", "queued.max.messages.kbytes": "16"}
"""The client holds little, so that a broker which goes away takes most of a topic with it."""


def make_topic(client: dict[str, str], topic: str, partitions: int = 1) -> None:
    admin = AdminClient(client)  # named: what it was asked ends with it
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(10)


def in_transactions(
    client: dict[str, str], topic: str, *transactions: tuple[list[bytes], bool]
) -> None:
    """Send values in transactions, each of which is committed or aborted."""
    producer = Producer({**client, "transactional.id": f"{topic}-test"})
    producer.init_transactions(30)
    for values, is_committed in transactions:
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value)
        assert producer.flush(30) == 0
        if is_committed:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)


@pytest.mark.parametrize(
    ("transactions", "committed", "written"),
    [
        ([], [], []),
        ([([b"a", b"b"], True)], [b"a", b"b"], [b"a", b"b"]),
        ([([b"a"], True), ([b"gone"], False)], [b"a"], [b"a", b"gone"]),
        ([([b"gone"], False), ([b"more"], False)], [], [b"gone", b"more"]),
        ([([b"gone"], False), ([b"a"], True)], [b"a"], [b"gone", b"a"]),
    ],
)
def test_the_marks_of_transactions_at_the_end_are_not_waited_for(
    kafka: LocalKafka,
    topic_names: Any,
    monkeypatch: pytest.MonkeyPatch,
    transactions: list[tuple[list[bytes], bool]],
    committed: list[bytes],
    written: list[bytes],
) -> None:
    monkeypatch.setattr(reading, "SILENT_S", 5.0)  # who waits for a message there gets an error
    client, topic = {"bootstrap.servers": kafka.address}, topic_names("marks")
    make_topic(client, topic)
    if transactions:
        in_transactions(client, topic, *transactions)
    (lane,) = read_topic(client, topic, settle_s=10)
    assert [message.value() for message in lane] == committed
    assert count_topic(client, topic) == len(committed)
    (lane,) = read_topic(client, topic, isolation="read_uncommitted")
    assert [message.value() for message in lane] == written


@pytest.mark.parametrize("read", [read_topic, count_topic])
def test_a_broker_that_goes_away_in_the_middle_ends_the_reading_with_a_sentence(
    read: Any, own_kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_kafka.start()
    client, count = {"bootstrap.servers": own_kafka.address}, 40_000
    make_topic(client, "long")
    producer = Producer(client)
    for number in range(count):
        producer.produce("long", b"%0200d" % number)
        producer.poll(0)
    assert producer.flush(30) == 0
    came = 0

    class Cut(Consumer):  # type: ignore[misc]
        """The client, and a broker that is killed once the first messages have come."""

        def consume(self, *args: Any) -> list[Message]:
            nonlocal came
            found: list[Message] = super().consume(*args)
            if found and not came:
                own_kafka.kill()
            came += len(found)
            return found

    monkeypatch.setattr(reading, "SILENT_S", 3.0)
    monkeypatch.setattr(clients, "Consumer", Cut)
    with pytest.raises(BrokerError, match="cannot read long: the broker sent nothing for 3 s"):
        read({**client, **SMALL}, "long")
    assert 0 < came < count, "it was in the middle"
