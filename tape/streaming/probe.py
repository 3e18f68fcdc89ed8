"""One test trade through topics of its own, judged by the real detector, and read back."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import uuid4

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Message

from tape.errors import BrokerError
from tape.kafka import clients
from tape.kafka.connect import told_plainly
from tape.kafka.reader import read_topic
from tape.kafka.topics import ASKED_S, TopicSpec, create_topics
from tape.model.anomaly import anomaly_id, decode_anomaly
from tape.model.fields import NANOS
from tape.model.rejected import Rejected
from tape.model.rules import HIGH_VOLUME
from tape.model.trade import Trade, encode
from tape.process.clock import CLOCK, WALL_CLOCK
from tape.settings.detector import DetectorSettings
from tape.streaming.application import bytes_topic
from tape.streaming.detector_app import detector_application, judging
from tape.streaming.running import run_detector

SYMBOL: Final = "TAPE-DOCTOR"
"""Marks the test trade; no exchange has such a symbol."""

WAIT_S: Final = 20.0
TIMEOUT_S: Final = 15.0
KEPT_MS: Final = 600_000
"""A trial that is killed leaves topics behind, with nothing in them after ten minutes."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a test trade.

    Attributes:
        came_back: whether it was read back, committed and flagged as it has to be.
        took_s: from sending it to reading it back; detector start-up included.
        clock_ahead_s: how far this machine's clock is ahead of the broker's, None if not known.
        clock_unsure_s: how wrong `clock_ahead_s` may be: half of the way there and back.
        left: topics that could not be removed again.
    """

    came_back: bool
    took_s: float
    clock_ahead_s: float | None
    clock_unsure_s: float
    left: tuple[str, ...]


def try_one_trade(settings: DetectorSettings) -> Trial:
    """Send one trade and wait for its anomaly; raises `BrokerError` or what a detector raises.

    The connection is that of `settings`; topics, consumer group, state and rules are the trial's.
    """
    name = f"tape-doctor-{uuid4().hex[:8]}"
    own = _own_settings(settings, name)
    client = own.client_config()
    left: list[str] = []
    with TemporaryDirectory(prefix="tape-doctor-") as folder, _topics(client, own, left):
        own = own.model_copy(update={"state_dir": Path(folder)})
        start_s = CLOCK.now_s()
        trade = _trade(round(WALL_CLOCK.now_s() * NANOS))
        ahead_s, unsure_s = _send(client, own.input, trade)
        _detect(own)
        came_back = any(
            _is_its_anomaly(message.value(), trade)
            for lane in read_topic(client, own.output)
            for message in lane
        )
        took_s = CLOCK.now_s() - start_s
    return Trial(came_back, took_s, ahead_s, unsure_s, tuple(left))


def _own_settings(settings: DetectorSettings, name: str) -> DetectorSettings:
    return settings.model_copy(
        update={
            "input": f"{name}-in",
            "output": f"{name}-out",
            "rejected": f"{name}-out",
            "episodes": f"{name}-out",
            "consumer_group": name,
            "instance": "trial",
            "profile": "classic",
            "volume_threshold": 1,
            "thresholds_file": None,
            "metrics_port": 0,
            "commit_interval_s": 0.2,
            "stop_when_idle_s": WAIT_S,
        }
    )


@contextmanager
def _topics(client: dict[str, str], own: DetectorSettings, left: list[str]) -> Iterator[None]:
    """Make the trial's topics, and remove them however it ends; what stays is put into `left`."""
    kept = {"retention.ms": str(KEPT_MS), "message.timestamp.type": "LogAppendTime"}
    specs = [
        TopicSpec(own.input, 1, kept),
        TopicSpec(own.output, 1, kept),
        TopicSpec(f"changelog__{own.consumer_group}--{own.input}--default", 1, kept),
    ]
    try:
        create_topics(client, specs)
        yield
    finally:
        left += _removed(client, [spec.name for spec in specs], own.consumer_group)


def _removed(client: dict[str, str], names: list[str], group: str) -> list[str]:
    """Remove topics and group; returns the topics that are still there."""
    admin = clients.admin(client)
    left = []
    try:
        there = admin.list_topics(timeout=TIMEOUT_S).topics
        present = [name for name in names if name in there]
        for name, future in (
            admin.delete_topics(present, request_timeout=ASKED_S) if present else {}
        ).items():
            try:
                future.result(TIMEOUT_S)
            except (KafkaException, TimeoutError):
                left.append(name)
        for future in admin.delete_consumer_groups([group], request_timeout=ASKED_S).values():
            with suppress(KafkaException, TimeoutError):  # an empty group goes by itself in time
                future.result(TIMEOUT_S)
    except KafkaException:  # the broker went away: it cannot be asked
        return names
    return left


def _send(client: dict[str, str], topic: str, trade: Trade) -> tuple[float | None, float]:
    """Send the test trade; returns how far our clock is ahead, and half of the way."""
    told_ms: list[int] = []
    errors: list[KafkaError] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            errors.append(error)
        elif message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME:
            told_ms.append(message.timestamp()[1])

    producer = clients.producer(client, {"linger.ms": 0}, on_delivery=delivered)
    with told_plainly(f"the topic {topic}"):
        producer.list_topics(topic, timeout=TIMEOUT_S)  # connected: the way there is short now
    before_s = WALL_CLOCK.now_s()
    producer.produce(topic, encode(trade), SYMBOL.encode())
    unsent = producer.flush(TIMEOUT_S)
    half_s = (WALL_CLOCK.now_s() - before_s) / 2
    if unsent or errors:
        why = errors[0].str() if errors else f"no answer within {TIMEOUT_S:.0f} s"
        raise BrokerError(
            f"the broker did not take the test trade ({why})",
            "see whether it is well and the user has the rights that docs/operations.md lists",
        )
    return (before_s + half_s - told_ms[0] / 1_000 if told_ms else None), half_s


def _trade(now_ns: int) -> Trade:
    return Trade(
        ts_recv_ns=now_ns,
        ts_event_ns=now_ns,
        publisher_id=0,
        side="N",
        price_nanos=NANOS,
        size=2,
        sequence=1,
        symbol=SYMBOL,
    )


def _is_its_anomaly(value: bytes, trade: Trade) -> bool:
    found = decode_anomaly(value)
    if isinstance(found, Rejected):  # the trade itself, rejected, or its episode
        return False
    known = anomaly_id(
        trade.symbol,
        trade.publisher_id,
        trade.ts_event_ns,
        trade.sequence,
        price_nanos=trade.price_nanos,
        size=trade.size,
        side=trade.side,
    )
    return found.anomaly_id == known and found.rules == (HIGH_VOLUME.name,)


def _detect(own: DetectorSettings) -> None:
    """Run the detector in this process until it has judged one batch."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    app = detector_application(own)
    try:
        batches = app.dataframe(bytes_topic(app, own.input))
        judge = judging(app, own, batches)
        batches.update(judge)
        run_detector(app, own, judge.counts, batches=1)
        # The library's own handler stops the run, and puts this one in its place.
        interrupted = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted:
        raise KeyboardInterrupt
