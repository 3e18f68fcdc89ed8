"""A game day: three detectors, one state folder, a thousand symbols, poison, random faults.

What is on `anomalies`, `episodes`, `rejected` and `stocks` at its end must be what the tape and the
poison give without any fault: nothing lost, nothing twice, byte for byte.
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient

from tape.archives import find_archives, read_archive
from tape.kafka.group import GroupWatcher
from tape.kafka.local.broker import LocalKafka
from tape.kafka.reader import read_topic
from tape.kafka.topics import partition_counts
from tape.model.fields import TIME_MAX_NS
from tape.ops.demo.app_process import Supervised
from tests.faults import faults
from tests.faults.bench import TRADES_PER_S, Bench
from tests.faults.game_tape import BUSY, BUSY_SHARE, POISON_SHARE, SYMBOLS, Rejected

PARTITIONS = 4
"""Of `stocks`, as the pipeline makes it."""
POISON_EVERY_S = 0.5
SESSION_S = 10
"""After this long without a word from it, the broker takes a detector out of its group."""

WEIGHTS = {
    "detector SIGKILL": 27,
    "detector SIGTERM": 21,
    "detector SIGSTOP, one of three": 8,
    "detector added": 8,
    "detector taken away": 4,
    "state directory deleted": 4,
    "producer SIGKILL": 8,
    "broker stopped": 4,
    "broker SIGKILL": 4,
}


@dataclass(slots=True)
class GameDay(Bench):
    """The bench, with poison on `stocks` as long as the producer sends.

    Attributes:
        poison: what the broker has taken of it, by place.
    """

    poison: list[Rejected] = field(default_factory=list)
    _poisoner: Producer | None = None
    _poisoned_at: int = 0
    _poison_due_s: float = 0.0
    _refused: list[str] = field(default_factory=list)

    def tend(self) -> None:
        """Tend the apps, and send poison for what has come to `stocks` since the last time."""
        super(GameDay, self).tend()
        if self._poisoner is not None and time.monotonic() > self._poison_due_s:
            self._poison_due_s = time.monotonic() + POISON_EVERY_S
            written = self.progress()[0]
            # After a long fault not all that is due at once: that would be too large a share.
            due = POISON_SHARE * min(written - self._poisoned_at, 2 * TRADES_PER_S)
            if due >= 1:
                self._poisoned_at = written
                self._send_poison(round(due))

    def begin_poison(self) -> None:
        self._poisoner = Producer(
            {**self.client, "enable.idempotence": True, "partitioner": "murmur2", "log_level": 0}
        )

    def end_poison(self) -> None:
        assert self._poisoner is not None
        assert self._poisoner.flush(60) == 0
        assert not self._refused, self._refused
        self._poisoner = None

    def _send_poison(self, count: int) -> None:
        assert self._poisoner is not None
        for _ in range(count):
            is_busy = self.dice.random() < BUSY_SHARE
            key = BUSY if is_busy else self.dice.choice(SYMBOLS)
            value = b"poison %x" % self.dice.getrandbits(64)
            self._poisoner.produce(self.topics["stocks"], value, key, on_delivery=self._taken)
        self._poisoner.poll(0)

    def _taken(self, error: object, message: Message) -> None:
        if error is not None:
            self._refused.append(str(error))
            return
        place = f"{message.topic()}[{message.partition()}]@{message.offset()}"
        self.poison.append((place, message.value()))

    def any_detector(self) -> int:
        return self.dice.randrange(len(self.detectors))

    def rejected(self) -> Counter[Rejected]:
        """What a read_committed reader of `rejected` sees."""
        lanes = read_topic(self.client, self.topics["rejected"], settle_s=10)
        return Counter(
            (dict(m.headers())["source"].decode(), m.value()) for lane in lanes for m in lane
        )


def strike(fault: str, day: GameDay, kafka: LocalKafka) -> None:
    """Let one fault happen, and return when the work continues."""
    strikes: dict[str, Callable[[], None]] = {
        "detector SIGKILL": lambda: faults.kill(day, day.any_detector()),
        "detector SIGTERM": lambda: faults.terminate(day, day.any_detector()),
        "detector SIGSTOP, one of three": lambda: sleep_through(day, day.any_detector()),
        "detector added": lambda: add(day),
        "detector taken away": lambda: take_away(day),
        "state directory deleted": lambda: faults.kill_and_forget(day, day.any_detector()),
        "producer SIGKILL": lambda: faults.kill_producer(day),
        "broker stopped": lambda: faults.stop_broker(day, kafka),
        "broker SIGKILL": lambda: faults.kill_broker(day, kafka),
    }
    strikes[fault]()


def sleep_through(day: GameDay, index: int, seconds: float = 15.0) -> None:
    """Hold one of several detectors still beyond its session; the others take its work over."""
    detector = day.detectors[index]
    day.wait(lambda: all_at_work(day), "all detectors with partitions")
    committed = day.in_the_middle("detector SIGSTOP, one of three")
    paused, name = detector.pid, day.instances[id(detector)]
    stopped_s = time.monotonic()
    detector.signal(signal.SIGSTOP)
    day.wait(lambda: name not in members(day), "the end of its session")
    day.wait_for_more(committed)
    day.wait(lambda: time.monotonic() - stopped_s > seconds, "the end of its sleep")
    detector.signal(signal.SIGCONT)
    day.wait(lambda: detector.pid != paused, "the fenced detector's end and restart")
    assert detector.last_code not in (0, None), "a fenced detector must not end well"
    day.wait_for_more(day.committed())


def members(day: GameDay) -> dict[str, int]:
    """The instances that the broker has in the group, and how many partitions each has."""
    with closing(GroupWatcher(day.client, day.group, day.topics["stocks"])) as watcher:
        return {member.instance: member.partitions for member in watcher.members()}


def all_at_work(day: GameDay) -> bool:
    """Whether every detector belongs to the group and has partitions: only such can be fenced.

    A process that is younger than a session may be listed for the one that it replaced.
    """
    there = members(day)
    young = any(age_s(detector.pid) < SESSION_S + 2 for detector in day.detectors)
    return not young and all(there.get(name, 0) > 0 for name in day.running())


def age_s(pid: int) -> float:
    """How long a process has been there, in seconds."""
    return time.time() - Path(f"/proc/{pid}").stat().st_ctime


def add(day: GameDay) -> None:
    """Start one more detector, and wait until it belongs to the group and the work continues."""
    day.in_the_middle("detector added")
    if len(day.detectors) >= PARTITIONS:  # one more had no work, and could not be fenced
        assert day.detectors.pop(day.any_detector()).stop() == 0
    name = day.instances[id(day.add_detector())]
    day.wait(lambda: name in members(day), f"{name} in the group")
    day.wait_for_more(day.committed())


def take_away(day: GameDay) -> None:
    """End a detector for good; one is added first where only three are left."""
    if len(day.detectors) <= 3:
        add(day)
    day.wait(lambda: all_at_work(day), "all detectors with partitions")
    committed = day.in_the_middle("detector taken away")
    code = day.detectors.pop(day.any_detector()).stop()
    assert code == 0, f"it ended with {code}; {day.logs()}"
    day.wait_for_more(committed)


def hurry(day: GameDay) -> None:
    """Stop the producer, and let it send what is left as fast as it can."""
    assert day.producer is not None
    day.producer.stop()
    env = {**day.app_env("producer"), "REPLAY_SPEED": "0"}
    log_file = day.folder / "producer.log"
    day.producer = Supervised(day.producer_main, env, log_file, restarts_max=1_000)


def play(day: GameDay, kafka: LocalKafka, wanted: Sequence[str]) -> None:
    """Let the faults happen, one after the other, until the work is nearly done; then end it."""
    day.start(detectors=3)
    day.wait_for_work()
    day.begin_poison()
    for fault in wanted:
        if day.progress()[0] > 0.84 * day.trades:
            break
        strike(fault, day, kafka)
        print(f"game day: {fault}", flush=True)
    day.end_poison()
    hurry(day)
    day.finish(600, code=2)  # rows were rejected


def drawn(dice: random.Random, count: int) -> list[str]:
    """This many faults at random, each kind once before any comes again."""
    kinds = list(WEIGHTS)
    dice.shuffle(kinds)
    rest = max(0, count - len(kinds))
    return [*kinds, *dice.choices(list(WEIGHTS), list(WEIGHTS.values()), k=rest)][:count]


def differences(day: GameDay, bad_rows: Sequence[Rejected]) -> dict[str, int]:
    """How what is on the topics differs from what tape and poison give; all are to be 0."""
    stocks = Counter(
        value
        for archive in find_archives(day.data).archives
        for batch in read_archive(archive, latest_ns=TIME_MAX_NS)
        for value in batch.values
    )
    stocks.update(value for _, value in day.poison)
    rejected = Counter([*bad_rows, *day.poison])
    seen_stocks, seen_rejected = Counter(day.seen("stocks")), day.rejected()
    return {
        **day.difference().counts(),
        "stocks lost": (stocks - seen_stocks).total(),
        "stocks doubled": (seen_stocks - stocks).total(),
        "rejected lost": (rejected - seen_rejected).total(),
        "rejected doubled": (seen_rejected - rejected).total(),
    }


def lose_a_topic(day: GameDay) -> None:
    """Delete `rejected` under a detector: one sentence, exit code 1, and it is made again."""
    topic, detector = day.topics["rejected"], day.detectors[0]
    log_file = day.folder / f"{day.instances[id(detector)]}.log"
    detector.start_again()
    day.wait(lambda: day.instances[id(detector)] in members(day), "a detector")
    before, said_before = detector.restarts, log_file.stat().st_size
    admin = AdminClient(day.client)  # named: what it was asked ends with it
    admin.delete_topics([topic])[topic].result(10)
    day.wait(lambda: partition_counts(day.client, [topic]) == [0], "the end of the topic")
    day.poison.clear()
    day.begin_poison()
    day._send_poison(1)
    day.end_poison()
    day.wait(lambda: detector.restarts > before, "the end of the detector")
    assert detector.last_code == 1
    said = log_file.read_bytes()[said_before:].decode().splitlines()
    sentences = [line for line in said if line.startswith("error: ")]
    assert [f"on the broker {topic} has been deleted" in line for line in sentences] == [True], said

    def judged() -> bool:
        written, committed = day.progress()
        return 0 < written <= committed

    day.wait(judged, "the verdict on what came while it was away")
    assert day.rejected() == Counter(day.poison)
    day.happened["topic deleted"] = 1
    assert detector.stop() == 0
