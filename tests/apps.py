"""The real apps as real processes, and what a reader of their topics sees."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

from tape.errors import BrokerError
from tape.kafka.reader import ProgressReader, count_topic, in_tape_order, read_topic

ROOT = Path(__file__).resolve().parents[1]


class App:
    """One app's process; its log is shown when it does not do what is waited for."""

    def __init__(self, name: str, env: dict[str, str], log_file: Path) -> None:
        self.log_file = log_file
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("Quix__", "KAFKA_"))}
        with log_file.open("ab") as file:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    str(ROOT / name if name.endswith(".py") else ROOT / name / "main.py"),
                ],
                env={**clean, "LOG_FORMAT": "json", **env},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL to the app and its children, and proof that it is dead."""
        os.killpg(self.process.pid, signal.SIGKILL)
        assert self.process.wait(10) == -signal.SIGKILL

    def stop(self, timeout_s: float = 60) -> int:
        """SIGTERM, as a container is stopped."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 120) -> int:
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"still running after {timeout_s} s:\n{self.log()}") from None

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")[-6_000:]

    def events(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event, as their fields."""
        lines = [json.loads(x) for x in self.log_file.read_text().splitlines() if x[:1] == "{"]
        return [line for line in lines if line["event"] == event]


def wait_until(done: Callable[[], bool], what: str, *apps: App, timeout_s: float = 120) -> None:
    """Wait for a fact; the logs are shown if it does not come."""
    until_s = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < until_s, f"{what}:\n" + "\n".join(app.log() for app in apps)
        time.sleep(0.1)


def assert_books(end: dict[str, object], sent: int) -> None:
    """The counts of a detector's last line are those of this many records on its topic."""
    rejected = sum(end["rejected"].values())  # type: ignore[attr-defined]
    judged, duplicates = end["trades"], end["duplicate"]
    assert sent == end["records"] == judged + duplicates + rejected, (sent, end)  # type: ignore[operator]


class Pipeline:
    """Topics, state directory and apps of one test on the session's broker."""

    def __init__(self, address: str, names: Callable[[str], str], folder: Path) -> None:
        self.address, self.folder = address, folder
        self.client = {"bootstrap.servers": address}
        self.input, self.output, self.rejected = names("stocks"), names("anomalies"), names("rej")
        self.episodes, self.bars = names("episodes"), names("bars")
        self.group = names("group")
        self.state = folder / "state"
        self.started: list[App] = []

    def env(self, **more: str) -> dict[str, str]:
        return {
            "Quix__Broker__Address": self.address,
            "Quix__Consumer_Group": self.group,
            "Quix__Deployment__State__Path": str(self.state),
            "INSTANCE": "test",
            "input": self.input,
            "output": self.output,
            "rejected": self.rejected,
            "EPISODES_TOPIC": self.episodes,
            "COMMIT_INTERVAL_S": "0.3",
            "TAPE_FORMAT": "json",  # of the commands, which tests read
            "BARS": "off",
            "BARS_TOPIC": self.bars,
            **more,
        }

    def start(self, name: str, **env: str) -> App:
        app = App(name, self.env(**env), self.folder / f"{Path(name).stem}.log")
        self.started.append(app)
        return app

    def produce(self, data: Path, **env: str) -> App:
        return self.start("producer", DATA_DIR=str(data), **env)

    def detect(self, **env: str) -> App:
        return self.start("anomaly_detector", **env)

    def judged(self) -> tuple[int, int]:
        """Offsets, transactions' marks among them: (end of stocks, committed by the detector).

        (0, 0) while the topic is being made.
        """
        try:
            reader = ProgressReader(self.client, self.input, self.group)
            try:
                progress = reader.read()
            finally:
                reader.close()
        except (KafkaException, BrokerError, KeyError):
            return 0, 0
        return progress.written, progress.committed

    def wait_until(self, done: Callable[[int, int], bool], timeout_s: float = 120) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not done(*self.judged()):
            if time.monotonic() > deadline_s:
                logs = "\n".join(app.log() for app in self.started)
                raise AssertionError(f"waited {timeout_s} s at {self.judged()}:\n{logs}")
            time.sleep(0.1)

    def wait_all_judged(self, timeout_s: float = 120) -> None:
        self.wait_until(lambda written, done: 0 < written <= done, timeout_s)

    def stocks(self) -> list[bytes]:
        """What a reader of `stocks` sees."""
        lanes = read_topic(self.client, self.input, settle_s=10)
        return [message.value() for lane in lanes for message in lane]

    def anomalies(self) -> list[bytes]:
        return in_tape_order(read_topic(self.client, self.output, settle_s=10))

    def episode_states(self) -> list[tuple[str, bytes]]:
        """Key and value of every state of every episode; in order within a key."""
        lanes = read_topic(self.client, self.episodes)
        return [(message.key().decode(), message.value()) for lane in lanes for message in lane]

    def last_bars(self) -> dict[tuple[str, str], bytes]:
        """The last record of each symbol and second."""
        lanes = read_topic(self.client, self.bars, settle_s=10)
        return {
            (message.key().decode(), json.loads(message.value())["bar_start"]): message.value()
            for lane in lanes
            for message in lane
        }

    def end(self) -> None:
        try:
            self.check_books()
        finally:
            for app in self.started:
                if app.process.poll() is None:
                    os.killpg(app.process.pid, signal.SIGKILL)
                    app.process.wait(10)

    def check_books(self) -> None:
        """What is on `stocks` was judged, was a duplicate or rejected: of every run in the tests.

        Only where one detector did it all: counts end with their process.
        """
        detectors = [app for app in self.started if app.log_file.stem == "anomaly_detector"]
        others = [app for app in self.started if app not in detectors]
        if len(detectors) != 1 or any(app.process.poll() is None for app in others):
            return
        (detector,) = detectors
        written, committed = self.judged()
        if not 0 < written <= committed:  # nothing was sent, or the test stopped in the middle
            return
        detector.stop()
        ends = detector.events("detector stopped")
        begun = detector.events("detector started")
        if len(ends) == len(begun) == 1:  # not killed, not refused, not begun again by itself
            assert_books(ends[0], count_topic(self.client, self.input))


def command(pipeline: Pipeline, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the settings of a pipeline."""
    return subprocess.run(
        [sys.executable, "-m", "tape", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **pipeline.env()},
    )


def doctor_says(pipeline: Pipeline, check: str) -> dict[str, object]:
    """Return what `tape doctor` finds in one of its checks."""
    report = json.loads(command(pipeline, "doctor", "--json", "--look-s", "0.5").stdout)
    (found,) = [one for one in report["checks"] if one["check"] == check]
    return dict(found)
