"""Following topics as they grow: committed records only, and on again after every interruption."""

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Self

from confluent_kafka import (
    OFFSET_BEGINNING,
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
from tape.process.clock import CLOCK

log = logging.getLogger(__name__)

MOST: Final = 1_000
"""Records that are taken at once."""
POLL_S: Final = 0.2
GATHER_S: Final = 5.0
"""How long what was there before is waited for."""
FURTHER: Final = 8
"""How many times as far is gone back each time when too few records came."""
START_S: Final = 5.0
"""How long a broker that has just started is asked again."""

Select = Callable[[list[Record], int], tuple[list[Record], bool]]
"""Returns of records, oldest first, those from the N-th newest on that is wanted; and whether there
were that many."""


class Follower:
    """Reads topics from near their ends on. No consumer group: it takes nothing from anybody.

    Attributes:
        trouble: why nothing comes at the moment; empty if the broker answers.
        gave_up: whether fewer of the newest records were found than are wanted: time was up.
    """

    def __init__(
        self,
        client_config: dict[str, str],
        newest: dict[str, int],
        select: Mapping[str, Select] = MappingProxyType({}),
    ) -> None:
        """Follow the topics of `newest`, which says how many of their newest records come first.

        `select` says for a topic which of its records are wanted; of others, all are.
        Raises `BrokerError` if a topic does not exist or the broker does not answer.
        """
        self.trouble = ""
        self.gave_up = False
        self._select = select
        self._known: dict[str, set[int]] = {}
        self._newest = newest
        self._first_new: dict[tuple[str, int], int] = {}
        self._ended: set[tuple[str, int]] = set()
        self._whole: set[str] = set()
        self._early: list[Record] = []
        self._consumer = clients.consumer(
            client_config,
            group="tape-watch",
            own={"enable.partition.eof": True},
            on_error=self._note,
        )
        try:
            self._consumer.assign(self._starts())
        except BrokerError:
            self._consumer.close()
            raise
        self._partitions_due_s = CLOCK.now_s() + PARTITIONS_EVERY_S

    def before(self) -> list[Record]:
        """Return the newest records that were there when the following began, oldest first.

        To be called once, before `records()`; gives up after `GATHER_S`.
        """
        until_s, reach = CLOCK.now_s() + GATHER_S, dict.fromkeys(self._newest, 1)
        while True:
            old, few = self._selected(self._gathered(until_s))
            if few <= self._whole:
                break
            self._early, self._ended = [], set()
            if CLOCK.now_s() > until_s:
                self.gave_up = True
                self._consumer.assign(self._new_ones())
                break
            for topic in few - self._whole:
                # marks of transactions have offsets too: there may be many of them
                reach[topic] *= FURTHER
            self._consumer.assign(self._starts(reach))
        return [record for found in old.values() for record in found]

    def _new_ones(self) -> list[TopicPartition]:
        """Return where what is new begins."""
        return [
            TopicPartition(topic, number, first)
            for (topic, number), first in self._first_new.items()
        ]

    def _selected(
        self, gathered: dict[str, list[Record]]
    ) -> tuple[dict[str, list[Record]], set[str]]:
        """Return the newest records that are wanted, and the topics that had too few of them."""
        chosen, few = {}, set()
        for topic, found in gathered.items():
            found.sort(key=lambda record: record.at_ms)
            select = self._select.get(topic, _newest)
            chosen[topic], is_enough = select(found, self._newest[topic])
            if not is_enough:
                few.add(topic)
        return chosen, few

    def _gathered(self, until_s: float) -> dict[str, list[Record]]:
        """Return what was there before, read from where the consumer is now."""
        old: dict[str, list[Record]] = {topic: [] for topic in self._newest}
        while CLOCK.now_s() < until_s and not self._first_new.keys() <= self._ended:
            for message in self._messages(POLL_S):
                record = record_of(message)
                first_new = self._first_new.get((message.topic(), message.partition()), 0)
                is_old = message.offset() < first_new
                (old[record.topic] if is_old else self._early).append(record)
        return old

    def records(self, timeout_s: float = POLL_S) -> list[Record]:
        """Return what has come, oldest first within a partition; empty after `timeout_s`."""
        early, self._early = self._early, []
        return early or [record_of(message) for message in self._messages(timeout_s)]

    def _messages(self, timeout_s: float) -> list[Message]:
        messages = self._consumer.consume(MOST, timeout_s)
        self._look_for_partitions()
        good = []
        for message in messages:
            error = message.error()
            if error is None:
                good.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._ended.add((message.topic(), message.partition()))
            else:
                self._note(error)
        if good:
            self.trouble = ""
        return good

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _note(self, error: KafkaError) -> None:
        if error.code() in GONE:
            self.trouble = "the broker does not answer"
        else:
            self.trouble = error.str()

    def _starts(self, reach: Mapping[str, int] = MappingProxyType({})) -> list[TopicPartition]:
        """Return where to begin; a broker that has just started is asked again for a while.

        `reach` is how many offsets of a topic are gone back for a record that is wanted.
        """
        until_s = CLOCK.now_s() + START_S
        while True:
            try:
                return [
                    start
                    for topic, count in self._newest.items()
                    for start in self._ends(topic, count * reach.get(topic, 1))
                ]
            except KafkaException as error:
                if CLOCK.now_s() > until_s:
                    raise BrokerError(
                        f"cannot follow {', '.join(self._newest)} ({error.args[0].str()})",
                        "see `tape doctor`",
                    ) from None
            CLOCK.sleep(POLL_S)

    def _ends(self, topic: str, count: int) -> list[TopicPartition]:
        """Return where to begin, so that about `count` of the newest records come."""
        found = partitions_there(self._consumer, [topic]).get(topic)
        if found is None:
            raise BrokerError(
                f"the topic {topic} is not there",
                "make it with `tape topics create`, or correct input, output or rejected",
            )
        self._known[topic] = set(found)
        starts, whole = [], True
        for number in found:
            part = TopicPartition(topic, number)
            low, high = self._consumer.get_watermark_offsets(part, timeout=ANSWER_S)
            self._first_new[topic, number] = high
            starts.append(TopicPartition(topic, number, max(low, high - count)))
            whole &= high - count <= low
        if whole:
            self._whole.add(topic)
        return starts

    def _look_for_partitions(self) -> None:
        """Take up partitions that a topic got since; what they hold is new in whole."""
        if CLOCK.now_s() < self._partitions_due_s:
            return
        self._partitions_due_s = CLOCK.now_s() + PARTITIONS_EVERY_S
        try:
            found = partitions_there(self._consumer, self._known)
        except KafkaException:  # gone for the moment; `trouble` says so
            self.trouble = "the broker does not answer"
            return
        self.trouble = ""
        for topic, known in self._known.items():
            if topic not in found:
                self.trouble = f"the topic {topic} is not there"
            new = set(found.get(topic, ())) - known
            if new:
                starts = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in new]
                self._consumer.incremental_assign(starts)
                known |= new


def _newest(records: list[Record], count: int) -> tuple[list[Record], bool]:
    return records[max(0, len(records) - count) :], len(records) >= count
