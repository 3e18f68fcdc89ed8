"""The records on `rejected`: what they were, why, and how they get back to `stocks`."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaError, Message

from tape.errors import ArchiveError, BrokerLostError
from tape.kafka import clients
from tape.kafka.errors import LARGE as TOO_LARGE
from tape.kafka.headers import headers_of
from tape.kafka.reader import read_topic
from tape.kafka.specs import BATCH_BYTES, TopicSpec
from tape.kafka.topics import too_small_topics
from tape.model.rejected import Rejected
from tape.model.trade import decode
from tape.process.regular_file import LARGE, read_file
from tape.process.terminal_text import printable

FLUSH_S = 60.0
ROOM_S = 0.1
"""How long to wait at a time for room in a full queue."""

SIZE_DIGITS_MAX = 18
"""A longer number in a header is none of ours."""
DETECTOR = "anomaly_detector"


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record on `rejected`, as its headers describe it.

    Whoever may write to the topic chooses the headers: none of them is taken for granted, and
    what they hold is safe to print.

    Attributes:
        value: the original bytes, at most 64 KiB of them.
        size: how many bytes the original had.
        key_is_whole: whether `key` is all of the original key.
        app: who rejected it; what the producer rejects is a row of a file, not a message.
    """

    key: bytes | None
    value: bytes
    reason: str
    detail: str
    source: str
    app: str
    size: int
    sha256: str
    key_is_whole: bool = True

    @property
    def is_whole(self) -> bool:
        """Return whether all of the original is here, bit for bit."""
        return self.key_is_whole and hashlib.sha256(self.value).hexdigest() == self.sha256

    @property
    def can_be_retried(self) -> bool:
        """Return whether the record was a message on `stocks` and is whole."""
        return self.app == DETECTOR and self.is_whole


def rejected_records(client_config: dict[str, str], topic: str) -> list[RejectedRecord]:
    """Return what is on `rejected` now, committed records only, oldest first."""
    messages = [message for lane in read_topic(client_config, topic) for message in lane]
    messages.sort(key=lambda message: message.timestamp()[1])
    return [described(m.key(), m.value(), headers_of(m)) for m in messages]


def described(
    key: bytes | None, value: bytes | None, raw_headers: Iterable[tuple[str, bytes | None]]
) -> RejectedRecord:
    """Return a record with what its headers say of it; the last of a name counts."""
    headers = {
        name: printable((content or b"").decode(errors="replace")) for name, content in raw_headers
    }
    value = value or b""
    size = headers.get("size", "")
    is_number = size.isascii() and size.isdecimal() and len(size) <= SIZE_DIGITS_MAX
    return RejectedRecord(
        key=key,
        value=value,
        reason=headers.get("reason", "unknown"),
        detail=headers.get("detail", ""),
        source=headers.get("source", ""),
        app=headers.get("app", ""),
        size=int(size) if is_number else len(value),
        sha256=headers.get("sha256", ""),
        key_is_whole="key_size" not in headers,
    )


def fixed_records(path: Path) -> list[tuple[bytes, bytes]]:
    """Return key and value of each line of a file of fixed messages.

    Raises `ArchiveError` that names the first line which is still no trade.
    """
    fixed = []
    try:
        lines = read_file(path, LARGE).splitlines()
    except OSError as error:
        raise ArchiveError(
            f"cannot read {path} ({error.strerror})", "name a .jsonl file of fixed messages"
        ) from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        trade = decode(line)
        if isinstance(trade, Rejected):
            raise ArchiveError(
                f"{path}, line {number} is still no trade ({trade.reason}: {trade.detail}), and "
                "nothing was sent",
                "nothing was sent",
            )
        fixed.append((trade.symbol.encode(), line))
    return fixed


def send_back(
    client_config: dict[str, str], topic: str, records: Iterable[tuple[bytes | None, bytes]]
) -> int:
    """Send records to `stocks` and return how many were acknowledged: all, or an error."""
    errors: list[KafkaError] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            errors.append(error)

    own = {"enable.idempotence": True}
    producer = clients.producer(client_config, own, on_delivery=delivered)
    count = 0
    for key, value in records:
        while not errors:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:  # more than the client holds: wait for acknowledgements
                producer.poll(ROOM_S)
        if errors:
            break
        producer.poll(0)
        count += 1
    unsent = producer.flush(FLUSH_S)
    if any(error.code() == TOO_LARGE for error in errors):
        spec = TopicSpec(topic, 0, any_number=True, largest_bytes=BATCH_BYTES)
        raise too_small_topics(client_config, [spec])
    if unsent or errors:
        why = errors[0].str() if errors else f"no answer within {FLUSH_S:.0f} s"
        raise BrokerLostError(f"not all records reached {topic} ({why})", "send them again")
    return count
