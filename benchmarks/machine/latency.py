"""From a trade on the topic to its anomaly, committed and read: a histogram at a steady rate."""

import subprocess
import sys
import threading
import time
from array import array
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer, KafkaError, Message, Producer

from benchmarks.machine.apps import DETECTOR, environment
from benchmarks.machine.watched import cpu_and_memory
from tape.errors import BrokerError
from tape.kafka.clients import sending
from tape.kafka.topics import create_topics, pipeline_topics

RATE = 10_000
WARM_UP_S, SECONDS = 10, 40
SLICE_S = 0.01
HISTOGRAM_MS = list(range(0, 3_001, 50))


class _Sending(threading.Thread):
    """Sends trades at a steady rate, in slices of 10 ms, to a topic that is empty.

    Attributes:
        appended_ms: by partition and offset, when the broker had the trade.
    """

    def __init__(
        self, address: str, topic: str, keys: list[bytes], values: list[bytes], seconds: int
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self.appended_ms: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
        self._topic, self._keys, self._values = topic, keys, values
        self._config = {"bootstrap.servers": address, "linger.ms": 5, "on_delivery": self._noted}

    def _noted(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            raise BrokerError(f"a trade of the benchmark was not sent: {error.str()}")
        self.appended_ms[message.partition()].append(message.timestamp()[1])

    def run(self) -> None:
        """Send, until the time is over or there are no more trades."""
        producer = Producer(sending(self._config, {}))
        start_s, slice_size = time.monotonic(), int(RATE * SLICE_S)
        for first in range(0, (WARM_UP_S + self._seconds) * RATE, slice_size):
            due_s = start_s + first / RATE
            time.sleep(max(0.0, due_s - time.monotonic()))
            for row in range(first, min(first + slice_size, len(self._values))):
                producer.produce(self._topic, self._values[row], self._keys[row])
            producer.poll(0)
        producer.flush(30)


def _read_at(address: str, topic: str, sender: threading.Thread) -> list[tuple[float, int, int]]:
    """Return, for each anomaly, when a read_committed reader got it, and where its trade lies."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": f"latency-{uuid4()}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
    )
    consumer.subscribe([topic])
    quiet_s, found = 0.0, []
    while sender.is_alive() or quiet_s < 4:
        messages = consumer.consume(500, 0.02)
        now_s = time.time()
        quiet_s = 0.0 if messages else quiet_s + 0.02
        for message in messages:
            headers = dict(message.headers() or [])
            partition, offset = int(headers["source_partition"]), int(headers["source_offset"])
            found.append((now_s, partition, offset))
    consumer.close()
    return found


@dataclass(frozen=True, slots=True)
class Latency:
    """What a run at a steady rate has shown.

    Attributes:
        delays_ms: from the broker's time of a trade to when its anomaly was read, of each.
        cores: seconds of CPU of the detector per second, after the warm-up.
    """

    delays_ms: npt.NDArray[np.float64]
    cores: float


def measure(
    address: str,
    folder: Path,
    keys: list[bytes],
    values: list[bytes],
    *,
    interval_s: float = 1.0,
    seconds: int = SECONDS,
) -> Latency:
    """Send trades at a steady rate to a detector, and read its anomalies; both clocks are ours."""
    run = uuid4().hex[:8]
    names = (f"stocks-{run}", f"anomalies-{run}", f"rejected-{run}", f"episodes-{run}")
    create_topics({"bootstrap.servers": address}, pipeline_topics(*names, f"latency-{run}"))
    env = environment(address, names, f"latency-{run}", folder / f"state-{run}")
    detector = subprocess.Popen(
        [sys.executable, str(DETECTOR)],
        env={**env, "COMMIT_INTERVAL_S": str(interval_s)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(6)  # its start is not what is measured
        sender, first_s = _Sending(address, names[0], keys, values, seconds), time.time()
        sender.start()
        time.sleep(WARM_UP_S)
        cpu_s, began_s = cpu_and_memory(detector.pid)[0], time.monotonic()
        found = _read_at(address, names[1], sender)
        sender.join()
        cpu_s = cpu_and_memory(detector.pid)[0] - cpu_s
        took_s = time.monotonic() - began_s
    finally:
        detector.terminate()
        detector.wait(60)
    appended = [(at_s, sender.appended_ms[number][offset]) for at_s, number, offset in found]
    delays_ms = np.array(
        [1e3 * at_s - at_ms for at_s, at_ms in appended if at_ms / 1e3 - first_s > WARM_UP_S]
    )
    return Latency(delays_ms, cpu_s / took_s)


def latency_figures(
    address: str, folder: Path, keys: list[bytes], values: list[bytes]
) -> dict[str, object]:
    """Return the median and the 99th percentile in milliseconds, and counts per 50 ms.

    The delay is from the broker's time of the trade on `stocks`, which its acknowledgement tells,
    to when the anomaly is read. Both clocks are this machine's.
    """
    delays_ms = measure(address, folder, keys, values).delays_ms
    counts, _ = np.histogram(delays_ms, [*HISTOGRAM_MS, np.inf])
    return {
        "latency_trades_per_s": RATE,
        "latency_anomalies": len(delays_ms),
        "latency_p50_ms": float(np.percentile(delays_ms, 50)),
        "latency_p99_ms": float(np.percentile(delays_ms, 99)),
        "latency_histogram_50_ms": counts.tolist(),
    }
