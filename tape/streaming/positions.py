"""How far the producer is: a record per file on a compacted topic, in the trades' transactions.

The topic is `INPUT-positions`, with one partition. Its records are JSON, by these keys:

    file:SHA256     what was sent of a file, by its content: `Position`
    ahead:SHA256    messages sent beyond these positions, in the middle of a batch: `Ahead`
    topic           which topic the trades went to: `TopicMark`
    instance:NAME   the run that is this INSTANCE now: `Run`
    breaker:NAME    what its circuit breaker has counted (`tape.streaming.breaker`)

A record without a value says that its file was forgotten.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from uuid import uuid4

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from tape.errors import BrokerAwayError, StateError
from tape.kafka import clients
from tape.kafka.clients import Isolation
from tape.kafka.connect import told_plainly
from tape.process.clock import CLOCK

FILE: Final = "file:"
INSTANCE: Final = "instance:"
AHEAD: Final = "ahead:"
TOPIC: Final = "topic"
BREAKER: Final = "breaker:"
"""How keys of the topic begin, by what the record holds."""

POLL_S: Final = 0.2
TIMEOUT_S: Final = 15.0
OPEN_WAIT_S: Final = 60.0
"""Longest wait for a transaction of another run to end; the broker ends it after 30 s."""

ABSENT: Final = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART})
HIDDEN: Final = ABSENT | {KafkaError.TOPIC_AUTHORIZATION_FAILED}
"""What a broker also answers of a topic that is not there, to a user without rights to it."""

NO_MATTER: Final = (KafkaError._PARTITION_EOF, KafkaError.GROUP_AUTHORIZATION_FAILED)
"""The client asks for a group's coordinator by itself; no group is needed to read."""

FileState = Literal["sending", "sent", "damaged"]


Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Position(msgspec.Struct, frozen=True):
    """What was sent of a file: rows == trades + skipped + rejected rows + uncounted.

    Attributes:
        rows: data lines that lie behind.
        trades: rows that were sent to the input topic.
        skipped: rows that are not trades, or of a symbol that was not wanted.
        rejected: rows that could not be read, by reason.
        faults: what was wrong with the file as a whole, by reason; such a fault is no row.
        first_rejected: file, line and reason of the first of `rejected` and `faults`.
        uncounted: rows that an earlier version of the producer sent, which kept no counts.
        state: `sending` may continue, `sent` is finished, `damaged` is finished before its end.
        symbols: what SYMBOLS was; empty for all.
        at: when, ISO 8601 in UTC.
    """

    rows: Count = 0
    trades: Count = 0
    skipped: Count = 0
    rejected: dict[str, int] = msgspec.field(default_factory=dict)
    faults: dict[str, int] = msgspec.field(default_factory=dict)
    first_rejected: str = ""
    uncounted: Count = 0
    state: FileState = "sending"
    file: str = ""
    symbols: list[str] = msgspec.field(default_factory=list)
    instance: str = ""
    at: str = ""

    @property
    def balances(self) -> bool:
        """Return whether every row is accounted for."""
        known = self.trades + self.skipped + sum(self.rejected.values()) + self.uncounted
        return self.rows == known

    @property
    def is_done(self) -> bool:
        """Return whether nothing of the file is left to send."""
        return self.state != "sending"


class Ahead(msgspec.Struct, frozen=True):
    """Messages that were sent beyond the files' positions: the first this many behind them.

    `rows` says where each of the files was from which these messages come, `symbols` which of
    their trades were sent: read again so, the same messages come first.
    """

    messages: Count
    rows: Annotated[dict[str, int], msgspec.Meta(min_length=1)]
    symbols: list[str] = msgspec.field(default_factory=list)

    @property
    def key(self) -> str:
        """Return the key of its record."""
        return AHEAD + min(self.rows)


class TopicMark(msgspec.Struct, frozen=True):
    """Which topic the trades went to: its id if the broker has one, and its ends by partition."""

    topic_id: str
    ends: dict[str, int]


class Run(msgspec.Struct, frozen=True):
    """The run of the producer that is an INSTANCE."""

    run: str = msgspec.field(default_factory=lambda: uuid4().hex)
    at: str = ""


@dataclass(slots=True)
class Book:
    """What the topic of positions says."""

    files: dict[str, Position] = field(default_factory=dict)
    ahead: dict[str, Ahead] = field(default_factory=dict)
    mark: TopicMark | None = None
    runs: dict[str, Run] = field(default_factory=dict)
    breakers: dict[str, bytes] = field(default_factory=dict)

    def note(self, key: str, value: bytes | None) -> None:
        """Take a record in, the newest of its key last; unknown keys are a newer version's."""
        if key.startswith(FILE):
            name = key.removeprefix(FILE)
            self.files.pop(name, None)
            if value is not None:
                self.files[name] = msgspec.json.decode(value, type=Position)
        elif key.startswith(INSTANCE) and value is not None:
            self.runs[key.removeprefix(INSTANCE)] = msgspec.json.decode(value, type=Run)
        elif key.startswith(BREAKER) and value is not None:
            self.breakers[key.removeprefix(BREAKER)] = value
        elif key.startswith(AHEAD):
            self.ahead.pop(key, None)
            if value is not None:
                self.ahead[key] = msgspec.json.decode(value, type=Ahead)
        elif key == TOPIC:
            self.mark = None if value is None else msgspec.json.decode(value, type=TopicMark)


def now_text() -> str:
    """Return the time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def positions_topic(input_topic: str) -> str:
    """Return the name of the topic that holds the positions of what is sent to `input_topic`."""
    return f"{input_topic}-positions"


def totals(files: Mapping[str, Position]) -> tuple[int, Counter[str]]:
    """Return how many trades were sent of these files, and what was rejected, by reason."""
    rejected: Counter[str] = Counter()
    for position in files.values():
        rejected.update(position.rejected)
        rejected.update(position.faults)
    return sum(position.trades for position in files.values()), rejected


def read_positions(client_config: dict[str, str], topic: str) -> Book:
    """Return what is committed on the topic of positions; empty if there is no such topic.

    A transaction that is open on it is waited for: its run may still commit it.
    Raises `BrokerError` if the broker does not answer, `StateError` for what is no position.
    """
    book = Book()
    for key, value in committed_records(client_config, topic):
        try:
            book.note((key or b"").decode(), value)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StateError(
                f"the topic {topic} holds a record that is no position of this version ({error})",
                "use the version that wrote it, or delete the topic, which sends every file again",
            ) from None
    return book


def committed_records(
    client_config: dict[str, str], topic: str, *, missing: Container[int] = ABSENT
) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Yield key and value of every committed record up to the end of now.

    Answers of the broker that are in `missing` mean that there is no such topic.
    """
    with (
        closing(_consumer(client_config, "read_uncommitted")) as looker,
        closing(_consumer(client_config, "read_committed")) as reader,
        told_plainly(f"the topic {topic}"),
    ):
        part = TopicPartition(topic, 0, OFFSET_BEGINNING)
        found = looker.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if not found.partitions:
            if found.error is not None and found.error.code() not in missing:
                raise KafkaException(found.error)
            return
        _, end = looker.get_watermark_offsets(part, timeout=TIMEOUT_S)
        reader.assign([part])
        deadline_s = CLOCK.now_s() + OPEN_WAIT_S
        while not _is_read(reader, part, end):
            for message in reader.consume(1_000, POLL_S):
                if message.error() is None:
                    yield message.key(), message.value()
                elif message.error().code() not in NO_MATTER:
                    raise KafkaException(message.error())
            if CLOCK.now_s() > deadline_s:
                raise BrokerAwayError(
                    f"a transaction has been open on {topic} for {OPEN_WAIT_S:.0f} s",
                    "see who writes to it (`tape doctor`), and start again",
                )


class PositionsFollower:
    """Follows what is committed on the topic of positions, without waiting for any of it."""

    def __init__(self, client_config: dict[str, str], topic: str) -> None:
        self._book = Book()
        self._consumer = _consumer(client_config, "read_committed")
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])

    def trades(self) -> int:
        """Return how many trades were sent, as far as the broker has said."""
        for message in self._consumer.consume(1_000, 0.0):
            if message.error() is None:
                self._book.note((message.key() or b"").decode(), message.value())
        return totals(self._book.files)[0]

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def _is_read(reader: Consumer, part: TopicPartition, end: int) -> bool:
    """Return whether a reader has come to an end: its position passes transactions' markers."""
    if end == 0:
        return True
    offset: int = reader.position([part])[0].offset
    return offset >= end


def _consumer(client_config: dict[str, str], isolation: Isolation) -> Consumer:
    own = {"enable.partition.eof": True}
    return clients.consumer(client_config, group="tape-producer", isolation=isolation, own=own)
