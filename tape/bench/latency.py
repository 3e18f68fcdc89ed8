"""From a trade on the topic to its anomaly, committed and read: a histogram at a steady rate."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

import numpy as np
from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, Producer

from tape.bench.apps import DETECTOR, environment
from tape.broker.topics import create_topics, pipeline_topics

RATE = 10_000
WARM_UP_S, SECONDS = 10, 40
SLICE_S = 0.01
HISTOGRAM_MS = list(range(0, 3_001, 50))


def _send(address: str, topic: str, keys: list[bytes], values: list[bytes]) -> None:
    """Send trades at a steady rate, in slices of 10 ms; Kafka stamps each with its time."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 5, "partitioner": "murmur2"})
    start_s, slice_size = time.monotonic(), int(RATE * SLICE_S)
    for first in range(0, (WARM_UP_S + SECONDS) * RATE, slice_size):
        due_s = start_s + first / RATE
        time.sleep(max(0.0, due_s - time.monotonic()))
        for row in range(first, min(first + slice_size, len(values))):
            producer.produce(topic, values[row], keys[row])
        producer.poll(0)
    producer.flush(30)


def _delays_s(address: str, topic: str, sending: threading.Thread) -> list[float]:
    """Return, for each anomaly as a read_committed reader gets it, now minus its trade's time."""
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
    first_s, quiet_s, delays = time.time(), 0.0, []
    while sending.is_alive() or quiet_s < 4:
        messages = consumer.consume(500, 0.02)
        now_s = time.time()
        quiet_s = 0.0 if messages else quiet_s + 0.02
        for message in messages:
            kind, stamp_ms = message.timestamp()
            if kind == TIMESTAMP_CREATE_TIME and stamp_ms / 1e3 - first_s > WARM_UP_S:
                delays.append(now_s - stamp_ms / 1e3)
    consumer.close()
    return delays


def latency_figures(
    address: str, folder: Path, keys: list[bytes], values: list[bytes]
) -> dict[str, object]:
    """Return the median and the 99th percentile in milliseconds, and counts per 50 ms.

    An anomaly carries its trade's Kafka timestamp, so its age when it is read is the delay.
    """
    run = uuid4().hex[:8]
    names = (f"stocks-{run}", f"anomalies-{run}", f"rejected-{run}", f"episodes-{run}")
    create_topics({"bootstrap.servers": address}, pipeline_topics(*names, f"latency-{run}"))
    env = environment(address, names, f"latency-{run}", folder / f"state-{run}")
    detector = subprocess.Popen(  # noqa: S603 - our own app
        [sys.executable, str(DETECTOR)],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(6)  # its start is not what is measured
        sending = threading.Thread(target=_send, args=(address, names[0], keys, values))
        sending.start()
        delays_ms = 1e3 * np.array(_delays_s(address, names[1], sending))
        sending.join()
    finally:
        detector.terminate()
        detector.wait(30)
    counts, _ = np.histogram(delays_ms, [*HISTOGRAM_MS, np.inf])
    return {
        "latency_trades_per_s": RATE,
        "latency_anomalies": len(delays_ms),
        "latency_p50_ms": float(np.percentile(delays_ms, 50)),
        "latency_p99_ms": float(np.percentile(delays_ms, 99)),
        "latency_histogram_50_ms": counts.tolist(),
    }
