"""The trades around a flagged one, from `stocks`."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from tape.errors import BrokerError
from tape.kafka import clients
from tape.kafka.connect import told_plainly
from tape.model.rejected import Rejected
from tape.model.trade import Trade, decode
from tape.process.clock import CLOCK

REACH: Final = 2_000
"""Messages before and behind the trade that are searched for its symbol."""

WAIT_S: Final = 5.0
"""Longest wait for the broker; a person looks at the screen meanwhile."""


@dataclass(frozen=True, slots=True)
class Around:
    """Trades of one symbol in the order of the partition; `at` is the position of the flagged."""

    trades: list[Trade]
    at: int


def trades_around(
    client_config: dict[str, str], topic: str, source: tuple[int, int], *, each: int
) -> Around:
    """Return a trade and those of the same symbol before it and behind it.

    Args:
        client_config: the connection in librdkafka's names.
        topic: on which it lies.
        source: its partition and offset.
        each: most trades to each side.

    Raises:
        BrokerError: the trade is not kept any more, or the broker does not answer.
    """
    partition, offset = source
    consumer = clients.consumer(
        client_config, group="tape-watch", own={**clients.PROMPT, "enable.partition.eof": True}
    )
    with closing(consumer), told_plainly(f"the topic {topic}"):
        part = TopicPartition(topic, partition)
        low, high = consumer.get_watermark_offsets(part, timeout=WAIT_S)
        if not low <= offset < high:
            raise BrokerError(
                f"the trade has expired from {topic} (retention)",
                "`tape topics alter` keeps later ones longer",
            )
        start, end = max(low, offset - REACH), min(high, offset + REACH + 1)
        consumer.assign([TopicPartition(topic, partition, start)])
        read = {message.offset(): message for message in _until(consumer, end)}
    flagged = _trade(read[offset]) if offset in read else None
    if flagged is None:
        raise BrokerError(
            f"the trade cannot be read from {topic}",
            "see whether `input` names the topic that was judged",
        )
    trades = [
        (number, trade)
        for number, message in sorted(read.items())
        if (trade := _trade(message)) is not None and trade.symbol == flagged.symbol
    ]
    at = next(place for place, (number, _) in enumerate(trades) if number == offset)
    first = max(0, at - each)
    return Around([trade for _, trade in trades[first : at + each + 1]], at - first)


def _until(consumer: Consumer, end: int) -> Iterator[Message]:
    deadline_s = CLOCK.now_s() + WAIT_S
    while CLOCK.now_s() < deadline_s:
        for message in consumer.consume(500, 0.2):
            if message.error() is not None:
                if message.error().name() == "_PARTITION_EOF":
                    return
                raise KafkaException(message.error())
            if message.offset() < end:
                yield message
            if message.offset() >= end - 1:
                return


def _trade(message: Message) -> Trade | None:
    found = decode(message.value())
    return None if isinstance(found, Rejected) else found
