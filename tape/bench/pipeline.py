"""Producer and detector as processes, beside bare confluent-kafka on the same broker."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

from confluent_kafka import Consumer, Producer

from tape.broker.kafka import LocalKafka, free_port
from tape.broker.topics import create_topics, pipeline_topics
from tape.demo.pipeline import ROOT

IDLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of CPU of all threads, and of the clock, that a number of messages took."""

    cpu_s: float
    wall_s: float


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _app(name: str, env: dict[str, str]) -> Cost:
    cpu_s, wall_s = _children_cpu_s(), time.monotonic()
    subprocess.run(  # noqa: S603 - our own app
        [sys.executable, str(ROOT / name / "main.py")],
        env={**os.environ, **env},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Cost(_children_cpu_s() - cpu_s, time.monotonic() - wall_s)


def _bare_produce(address: str, topic: str, keys: list[bytes], values: list[bytes]) -> Cost:
    producer = Producer(
        {
            "bootstrap.servers": address,
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "compression.type": "zstd",
            "enable.idempotence": True,
            "partitioner": "murmur2",
            "queue.buffering.max.messages": 200_000,
        }
    )
    cpu_s, wall_s = _own_cpu_s(), time.monotonic()
    for key, value in zip(keys, values, strict=True):
        try:
            producer.produce(topic, value, key)
        except BufferError:
            producer.poll(0.5)
            producer.produce(topic, value, key)
    producer.flush(60)
    return Cost(_own_cpu_s() - cpu_s, time.monotonic() - wall_s)


def _bare_consume(address: str, topic: str, count: int) -> Cost:
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": f"bare-{uuid4()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "queued.min.messages": 200_000,
            "fetch.message.max.bytes": 4 * 1024 * 1024,
        }
    )
    consumer.subscribe([topic])
    seen = len(consumer.consume(1_000, 30))  # joining the group is not what is measured
    cpu_s, wall_s = _own_cpu_s(), time.monotonic()
    while seen < count:
        seen += len(consumer.consume(1_000, 1.0))
    cost = Cost(_own_cpu_s() - cpu_s, time.monotonic() - wall_s)
    consumer.close()
    return cost


def pipeline_figures(
    data: Path, small: Path, keys: list[bytes], values: list[bytes], repeats: int = 3
) -> dict[str, float]:
    """Return the apps' rates and their CPU a message beside the bare client's.

    What an app costs before its first message is taken off: it is run over `small` too.
    """
    count = len(values)
    with tempfile.TemporaryDirectory() as folder, LocalKafka(Path(folder), free_port()) as kafka:
        rows = [_round(kafka.address, folder, data, small, keys, values) for _ in range(repeats)]
    figures = {name: median(row[name] for row in rows) for name in rows[0]}
    return {"messages": count, **figures}


def _round(
    address: str, folder: str, data: Path, small: Path, keys: list[bytes], values: list[bytes]
) -> dict[str, float]:
    count = len(values)
    run = uuid4().hex[:8]
    costs: dict[tuple[str, str], Cost] = {}
    for label, source in (("small", small), ("all", data)):
        names = (f"stocks-{label}-{run}", f"anomalies-{label}-{run}", f"rejected-{label}-{run}")
        group = f"bench-{label}-{run}"
        create_topics({"bootstrap.servers": address}, pipeline_topics(*names, group))
        env = {
            "Quix__Broker__Address": address,
            "Quix__Consumer_Group": group,
            "Quix__Deployment__State__Path": f"{folder}/state-{label}-{run}",
            "INSTANCE": "bench",
            "input": names[0],
            "output": names[1],
            "rejected": names[2],
            "DATA_DIR": str(source),
            "STOP_WHEN_IDLE_S": str(IDLE_S),
        }
        costs["producer", label] = _app("producer", env)
        costs["detector", label] = _app("anomaly_detector", env)
    bare = f"bare-{run}"
    create_topics({"bootstrap.servers": address}, pipeline_topics(bare, f"{bare}-a", f"{bare}-r"))
    produce = _bare_produce(address, bare, keys, values)
    consume = _bare_consume(address, bare, count)
    ours = {
        name: Cost(
            costs[name, "all"].cpu_s - costs[name, "small"].cpu_s,
            costs[name, "all"].wall_s - costs[name, "small"].wall_s,
        )
        for name in ("producer", "detector")
    }
    return {
        "producer_cpu_ratio": produce.cpu_s / ours["producer"].cpu_s,
        "detector_cpu_ratio": consume.cpu_s / ours["detector"].cpu_s,
        "producer_wall_trades_per_s": count / max(ours["producer"].wall_s, 1e-3),
        "detector_wall_trades_per_s": count / max(ours["detector"].wall_s, 1e-3),
        "produce_wall_per_s": count / produce.wall_s,
        "consume_wall_per_s": count / consume.wall_s,
        "producer_cpu_us": 1e6 * ours["producer"].cpu_s / count,
        "detector_cpu_us": 1e6 * ours["detector"].cpu_s / count,
        "produce_cpu_us": 1e6 * produce.cpu_s / count,
        "consume_cpu_us": 1e6 * consume.cpu_s / count,
    }
