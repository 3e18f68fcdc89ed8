"""The state of a group's detectors as its changelog holds it: looked at, and reset.

The changelog is the state; what lies in a detector's directory is a copy that is brought up to
date from it at each start. So a reset writes tombstones here, and every copy follows.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Final
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, KafkaException, Message, Producer
from confluent_kafka import TopicPartition as Part
from confluent_kafka.admin import NewPartitions

from tape.errors import BrokerAwayError, BrokerError, StateError
from tape.judging.state_keys import Header, header_of, symbol_of
from tape.judging.trade_log.keys import log_key, place_of, unmarked
from tape.judging.trade_log.record import decode_record
from tape.kafka import clients
from tape.kafka.connect import told_plainly
from tape.kafka.errors import refuse_if_forbidden
from tape.kafka.group import GroupWatcher, partitions_of
from tape.kafka.topics import ASKED_S, changelog_name, partition_counts
from tape.process.clock import CLOCK
from tape.settings.detector import DetectorSettings

TIMEOUT_S: Final = 15.0
LEAVING_S: Final = 12.0
"""A detector that was stopped is a member until its session ends, 10 s later."""

COLUMN_FAMILY: Final = [("__column_family__", b"default")]
"""Header by which Quix Streams knows where in its store a record of the changelog belongs."""


@dataclass(frozen=True, slots=True)
class KeptState:
    """What the changelog holds of a symbol under a profile.

    Attributes:
        profile: the one that its key or, under an old key, its header names; "?" if neither does.
        size: bytes of the state.
        at_ms: when it was written.
        header: None if it is damaged.
        value: the state itself, if it was asked for.
        logged_trades: trades in the log since then, if it was asked for.
    """

    profile: str
    symbol: str
    partition: int
    key: bytes
    size: int
    at_ms: int
    header: Header | None
    value: bytes | None
    logged_trades: int = 0


def kept_states(
    client_config: dict[str, str],
    changelog: str,
    *,
    partitions: Iterable[int] | None = None,
    values_of: str | None = None,
) -> list[KeptState]:
    """Return the state of each symbol and profile, committed and newest, in their order.

    Args:
        client_config: the connection, in librdkafka's names.
        changelog: the topic.
        partitions: only these.
        values_of: the symbol whose states are wanted in full.

    Raises `BrokerError` if the topic cannot be read.
    """
    newest: dict[tuple[int, bytes], KeptState] = {}
    log: dict[tuple[int, bytes], bytes | None] = {}
    for message in _messages(client_config, changelog, partitions):
        key, value = message.key() or b"", message.value()
        newest.pop((message.partition(), key), None)
        found = symbol_of(key)
        if value is not None and found is not None:
            newest[message.partition(), key] = _kept(message, key, value, found, values_of)
        elif values_of is not None and place_of(key) is not None:
            log[message.partition(), key] = value
    states = [_with_log(one, log) if one.value is not None else one for one in newest.values()]
    return sorted(states, key=lambda one: (one.profile, one.symbol, one.partition))


def _with_log(state: KeptState, log: Mapping[tuple[int, bytes], bytes | None]) -> KeptState:
    """Return a state with the trades of its symbol that its detector's log has since then."""
    begin, trades = log_key(state.profile, 0)[:-2], 0
    with suppress(StateError):  # a damaged one is refused by the detector, and shown as it is
        number, _ = unmarked(state.value or b"")
        for (partition, key), blob in log.items():
            if blob is not None and partition == state.partition and key.startswith(begin):
                record = decode_record(blob)
                if record.number > number and state.symbol in record.names:
                    own = record.names.index(state.symbol)
                    trades += int((record.trades.symbol == own).sum())
    return replace(state, logged_trades=trades)


def other_keys(client_config: dict[str, str], changelog: str) -> list[tuple[int, bytes]]:
    """Return partition and key of what the changelog holds beside states of symbols."""
    found: dict[tuple[int, bytes], bool] = {}
    for message in _messages(client_config, changelog, None):
        found[message.partition(), message.key() or b""] = message.value() is not None
    return sorted(one for one, is_kept in found.items() if is_kept and symbol_of(one[1]) is None)


def _kept(
    message: Message,
    key: bytes,
    value: bytes,
    found: tuple[str | None, str],
    values_of: str | None,
) -> KeptState:
    profile, symbol = found
    header = header_of(value)
    return KeptState(
        profile=profile or (header.profile if header else "?"),
        symbol=symbol,
        partition=message.partition(),
        key=key,
        size=len(value),
        at_ms=message.timestamp()[1],
        header=header,
        value=value if symbol == values_of else None,
    )


def _messages(
    client_config: dict[str, str], topic: str, partitions: Iterable[int] | None
) -> Iterator[Message]:
    consumer = clients.consumer(client_config, group=f"tape-state-{uuid4()}")
    with closing(consumer), told_plainly(f"the topic {topic}"):
        there = partitions_of(consumer, topic)
        wanted = there if partitions is None else sorted(set(partitions) & set(there))
        ends = {p: consumer.get_watermark_offsets(Part(topic, p), TIMEOUT_S)[1] for p in wanted}
        open_ones = {number for number, end in ends.items() if end > 0}
        consumer.assign([Part(topic, number, OFFSET_BEGINNING) for number in sorted(open_ones)])
        quiet_until_s = CLOCK.now_s() + TIMEOUT_S
        while open_ones:
            messages = consumer.consume(1_000, 0.2)
            for message in messages:
                if message.error() is not None:
                    raise KafkaException(message.error())
                yield message
            if messages:
                quiet_until_s = CLOCK.now_s() + TIMEOUT_S
            elif CLOCK.now_s() > quiet_until_s:
                raise BrokerAwayError(
                    f"the topic {topic} did not come in full within {TIMEOUT_S:.0f} s",
                    "see whether the broker is well",
                )
            for part in consumer.position([Part(topic, number) for number in sorted(open_ones)]):
                if part.offset >= ends[part.partition]:
                    open_ones.discard(part.partition)


def refuse_if_running(settings: DetectorSettings, *, wait_s: float = LEAVING_S) -> None:
    """Raise `StateError` if detectors of the group run; one just stopped is waited for."""
    client, group = settings.client_config(), settings.consumer_group
    until_s = CLOCK.now_s() + wait_s
    with closing(GroupWatcher(client, group, settings.input)) as watcher:
        while members := watcher.members():
            if CLOCK.now_s() > until_s:
                names = ", ".join(sorted(member.instance or member.member_id for member in members))
                raise StateError(
                    f"detectors of the group {group} are running ({names})",
                    "stop them first, for what they hold in memory would be written again",
                )
            CLOCK.sleep(0.3)


def reset(settings: DetectorSettings, states: list[KeptState], *, all_of_it: bool) -> None:
    """Delete these states, all of them or, on an error, none.

    With `all_of_it` also the partitions' clocks, and the changelog gets all the room it needs.

    Raises `StateError` if a detector runs, `BrokerError` if the broker refuses.
    """
    client = settings.client_config()
    changelog = changelog_name(settings.consumer_group, settings.input)
    refuse_if_running(settings)
    gone = [(state.partition, state.key) for state in states]
    if all_of_it:
        gone += other_keys(client, changelog)
    name = f"{settings.consumer_group}-state-reset"
    producer = clients.producer(client, {"transactional.id": name, "compression.type": "zstd"})
    try:
        producer.init_transactions(TIMEOUT_S)
        producer.begin_transaction()
        for partition, key in gone:
            _produce(producer, changelog, partition, key)
        refuse_if_running(settings, wait_s=0.0)  # one that started meanwhile has read it already
        producer.commit_transaction(TIMEOUT_S)
    except KafkaException as error:
        refuse_if_forbidden(error, settings.broker_address)
        raise BrokerError(
            f"the state could not be reset ({error.args[0].str()}), nothing was changed",
            "see whether the broker is well and try again",
        ) from error
    if all_of_it:
        make_room(settings)


def _produce(producer: Producer, topic: str, partition: int, key: bytes) -> None:
    while True:
        try:
            producer.produce(topic, None, key=key, partition=partition, headers=COLUMN_FAMILY)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def make_room(settings: DetectorSettings) -> None:
    """Give a changelog that holds no state as many partitions as `input` has, if it has fewer."""
    changelog = changelog_name(settings.consumer_group, settings.input)
    stocks, kept = partition_counts(settings.client_config(), [settings.input, changelog])
    if 0 < kept < stocks and not kept_states(settings.client_config(), changelog):
        admin = clients.admin(settings.client_config())
        with told_plainly(f"the partitions of {changelog}"):
            futures = admin.create_partitions(
                [NewPartitions(changelog, stocks)], request_timeout=ASKED_S
            )
            futures[changelog].result(TIMEOUT_S)
