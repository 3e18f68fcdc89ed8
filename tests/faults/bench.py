"""The fault bench: real apps under a supervisor, a steady tape, faults, and proof of each."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
from confluent_kafka import KafkaException

from tape.archives import find_archives, read_archive
from tape.detection.parameters import Parameters
from tape.errors import BrokerError
from tape.judging.judge import Judge
from tape.kafka.reader import ProgressReader, read_topic
from tape.model.counts import Counts
from tape.model.fields import TIME_MAX_NS
from tape.ops.demo.app_process import Supervised
from tape.streaming.detector_app import TRANSACTION_TIMEOUT_MS
from tape.synthetic import make_day, write_day
from tests.apps import ROOT
from tests.faults.checker import Difference, compare

TRADES_PER_S = 2_000
CALIBRATED = Parameters(profile="calibrated", alerts_per_10k=100.0)
"""The other profile, with enough alerts for a lost one to be seen."""
DAYS = (date(2025, 3, 3), date(2025, 3, 4))


def write_steady_tape(folder: Path, seconds: int) -> int:
    """Write two days that together last so long at replay speed 1; return their trades."""
    trades = TRADES_PER_S * seconds // 2
    for seed, day in enumerate(DAYS, start=1):
        made = make_day(seed=seed, trades=trades, day=day)
        steady = made.ts_event_ns[0] + np.arange(trades) * (1_000_000_000 // TRADES_PER_S)
        write_day(replace(made, ts_event_ns=steady), folder)
    return 2 * trades


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a run must leave on its topics."""

    anomalies: list[bytes]
    episodes: list[bytes]


def expected_of(folder: Path, parameters: Parameters) -> Expectation:
    """What a folder gives by the same detector without broker, apps or faults."""
    judge = Judge(parameters, 50_000, Counts())
    judged = [
        judge.judge(batch.keys, batch.values)
        for archive in find_archives(folder).archives
        for batch in read_archive(archive, latest_ns=TIME_MAX_NS)
    ]
    return Expectation(
        [one.value for found in judged for one in found.flagged],
        [step.value for found in judged for step in found.episodes],
    )


@dataclass(slots=True)
class Bench:
    """Producer and detectors of one run, and what happened to them.

    Attributes:
        happened: how often each fault took place, each proven when it is counted.
        recovery_s: from an app's restart to the next committed progress, in seconds.
        others: apps beside producer and detectors, tended and ended like them.
        last_words: what has to be so, beside the verdicts, before the apps are stopped at the end.
    """

    address: str
    folder: Path
    data: Path
    trades: int
    names: Callable[[str], str]
    seed: int
    env: dict[str, str] = field(default_factory=dict)
    parameters: Parameters = field(default_factory=Parameters)
    shared_state: bool = False
    detector_main: Path = ROOT / "anomaly_detector/main.py"
    producer_main: Path = ROOT / "producer/main.py"
    happened: dict[str, int] = field(default_factory=dict)
    recovery_s: list[float] = field(default_factory=list)
    detectors: list[Supervised] = field(default_factory=list)
    instances: dict[int, str] = field(default_factory=dict)
    others: list[Supervised] = field(default_factory=list)
    last_words: list[Callable[[], bool]] = field(default_factory=list)
    producer: Supervised | None = None
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        print(f"fault bench: seed {self.seed}, logs in {self.folder}")
        self.dice = random.Random(self.seed)
        names = ("stocks", "anomalies", "rejected", "episodes")
        self.topics = {name: self.names(name) for name in names}
        self.group = self.names("group")
        self.client = {"bootstrap.servers": self.address}

    topics: dict[str, str] = field(init=False)
    group: str = field(init=False)
    client: dict[str, str] = field(init=False)

    def app_env(self, instance: str) -> dict[str, str]:
        return {
            "Quix__Broker__Address": self.address,
            "Quix__Consumer_Group": self.group,
            "Quix__Deployment__State__Path": str(self.state_of(instance)),
            "INSTANCE": instance,
            "input": self.topics["stocks"],
            "output": self.topics["anomalies"],
            "rejected": self.topics["rejected"],
            "EPISODES_TOPIC": self.topics["episodes"],
            "BARS": "off",
            "DATA_DIR": str(self.data),
            "REPLAY_SPEED": "1",
            "LOG_FORMAT": "json",
            "PYTHONFAULTHANDLER": "1",  # a crash must say where
            "PROFILE": self.parameters.profile,
            "ALERTS_PER_10K": str(self.parameters.alerts_per_10k),
            **self.env,
        }

    def state_of(self, instance: str) -> Path:
        """The state directory of an instance: its own, or one that all of them share."""
        return self.folder / ("state" if self.shared_state else f"state-{instance}")

    def start(self, detectors: int = 1) -> None:
        self.producer = self._supervised(self.producer_main, "producer")
        for _ in range(detectors):
            self.add_detector()

    def add_detector(self) -> Supervised:
        instance = f"detector-{len(self.instances)}"
        detector = self._supervised(self.detector_main, instance)
        self.instances[id(detector)] = instance
        self.detectors.append(detector)
        return detector

    def _supervised(self, main: Path, instance: str) -> Supervised:
        log_file = self.folder / f"{instance}.log"
        return Supervised(main, self.app_env(instance), log_file, restarts_max=1_000)

    def tend(self) -> None:
        """Let the supervisors start again what has ended."""
        for app in self.apps():
            app.exit_code()

    def running(self) -> list[str]:
        """The instances of the detectors."""
        return [self.instances[id(detector)] for detector in self.detectors]

    def apps(self) -> Iterable[Supervised]:
        return [*([self.producer] if self.producer else []), *self.detectors, *self.others]

    def progress(self) -> tuple[int, int]:
        """Offsets, transactions' marks among them: (end of stocks, committed by the detectors).

        (0, 0) if the broker is away.
        """
        try:
            reader = ProgressReader(self.client, self.topics["stocks"], self.group)
            try:
                now = reader.read()
            finally:
                reader.close()
        except (KafkaException, BrokerError, KeyError):
            return 0, 0
        return now.written, now.committed

    def committed(self) -> int:
        return self.progress()[1]

    def wait(self, done: Callable[[], bool], what: str, timeout_s: float = 150) -> float:
        """Tend the apps until something is so; returns how long that took."""
        start_s = time.monotonic()
        while not done():
            self.tend()
            if time.monotonic() - start_s > timeout_s:
                raise AssertionError(f"waited {timeout_s} s for {what}; {self.logs()}")
            time.sleep(0.1)
        return time.monotonic() - start_s

    def wait_for_work(self) -> None:
        """Wait until the work is in its middle."""
        self.wait(lambda: self.committed() > 0.1 * self.trades, "a tenth of the work")

    def in_the_middle(self, fault: str) -> int:
        """Prove that a fault falls into the work, count it, and return what is committed.

        A random moment passes first, so that faults fall anywhere between two commits.
        """
        time.sleep(self.dice.uniform(0, 1.2))
        committed = self.committed()
        share = committed / self.trades
        assert 0.1 <= share <= 0.9, f"{fault} came at {share:.0%} of the work"
        self.happened[fault] = self.happened.get(fault, 0) + 1
        return committed

    def wait_for_more(self, than: int, timeout_s: float = 150) -> None:
        """Wait for committed progress, and note how long it took."""
        took_s = self.wait(lambda: self.committed() > than, "progress after a fault", timeout_s)
        self.recovery_s.append(took_s)
        print(f"work went on {took_s:.1f} s after the fault, at {self.progress()}")

    def finish(self, timeout_s: float = 240, *, code: int = 0) -> None:
        """Wait until everything is sent and judged, then stop the detectors.

        `code` is what the producer ends with.
        """
        assert self.producer is not None
        producer = self.producer
        self.wait(lambda: producer.exit_code() == code, "the producer's end", timeout_s)

        def all_judged() -> bool:
            written, committed = self.progress()
            return 0 < written <= committed

        self.wait(all_judged, "the last verdict", timeout_s)
        for said in self.last_words:
            self.wait(said, "what reads the verdicts", timeout_s)
        for app in self.apps():
            app.stop()

    def seen(self, topic: str = "anomalies", *, committed_only: bool = True) -> list[bytes]:
        isolation = "read_committed" if committed_only else "read_uncommitted"
        lanes = read_topic(self.client, self.topics[topic], isolation=isolation, settle_s=10)
        return [message.value() for lane in lanes for message in lane]

    def difference(self) -> Difference:
        """Compare what the topics hold with what the tape gives without any fault.

        What seems lost is looked for again: a killed detector that is not started again hides
        what comes after its open transaction until that times out. What is lost stays lost.
        """
        expected = expected_of(self.data, self.parameters)
        wanted = expected.anomalies + expected.episodes
        deadline_s = time.monotonic() + TRANSACTION_TIMEOUT_MS / 1_000 + 10
        while True:
            found = compare(wanted, self.seen() + self.seen("episodes"))
            if not found.lost or time.monotonic() > deadline_s:
                return found
            time.sleep(1)

    def repeated(self) -> int:
        """How many rows a reader of `stocks` sees more often than the tape has them."""
        expected = Counter(
            value
            for archive in find_archives(self.data).archives
            for batch in read_archive(archive, latest_ns=TIME_MAX_NS)
            for value in batch.values
        )
        seen = Counter(self.seen("stocks"))
        assert not expected - seen, "trades are missing on stocks"
        return (seen - expected).total()

    def aborted(self) -> int:
        """How many anomalies were written in transactions that were never committed."""
        return len(self.seen(committed_only=False)) - len(self.seen())

    def logs(self) -> str:
        texts = [
            path.read_text(errors="replace")[-1_500:] for path in sorted(self.folder.glob("*.log"))
        ]
        return f"seed {self.seed}, at {self.progress()}:\n" + "\n".join(texts)

    def end(self) -> None:
        for app in self.apps():
            if app.alive():
                app.signal(signal.SIGKILL)
            app.stop()


def is_dead(pid: int) -> bool:
    """Whether a process is gone or waits to be reaped."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] in "ZX"
