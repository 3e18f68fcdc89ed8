"""Producer and detector as processes, beside bare confluent-kafka on the same broker."""

import resource
import tempfile
import time
from pathlib import Path
from statistics import median
from uuid import uuid4

from confluent_kafka import Consumer, Producer

from benchmarks.machine.apps import (
    DETECTOR,
    PRODUCER,
    STOCK_LOOP,
    Cost,
    check_books,
    environment,
    run_app,
)
from benchmarks.machine.latency import latency_figures
from benchmarks.machine.rust import rust_figures
from tape.kafka.local.broker import LocalKafka, free_port
from tape.kafka.topics import create_topics, pipeline_topics

STOCK_TRADES = 60_000
SMALL_TRADES = 1_000
"""Of the day over which an app runs for what it costs before its first message."""


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def bare_produce(address: str, topic: str, keys: list[bytes], values: list[bytes]) -> Cost:
    """Send messages by confluent-kafka as it is, and return what they cost."""
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
        while True:  # the first wait may end before there is room
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.5)
    producer.flush(60)
    return Cost(_own_cpu_s() - cpu_s, time.monotonic() - wall_s)


def bare_consume(address: str, topic: str, count: int) -> Cost:
    """Take messages by confluent-kafka as it is, a thousand a call, and return what they cost."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": f"bare-{uuid4()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
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
) -> dict[str, object]:
    """Return the apps' rates, their CPU a message beside the bare client's, and their latency.

    What an app costs before its first message is taken off: it is run over `small` too.
    """
    count = len(values)
    with tempfile.TemporaryDirectory() as folder, LocalKafka(Path(folder), free_port()) as kafka:
        rows = []
        walls: dict[str, list[float]] = {"producer": [], "detector": []}
        for _ in range(repeats):
            row, ours = _round(kafka.address, folder, data, small, keys, values)
            rows.append(row)
            for app, cost in ours.items():
                walls[app].append(cost.wall_s)
        stock = _stock_loop(kafka.address, Path(folder), keys, values)
        rust = _rust(kafka.address, Path(folder), keys, values)
        latency = latency_figures(kafka.address, Path(folder), keys, values)
    figures = {name: median(row[name] for row in rows) for name in rows[0]}
    return {
        "messages": count,
        **figures,
        **{f"{app}_wall_trades_per_s": _wall_rate(count, walls[app]) for app in walls},
        "peer_quix_message_by_message_trades_per_s": stock,
        **rust,
        **latency,
    }


def _stock_loop(address: str, folder: Path, keys: list[bytes], values: list[bytes]) -> float:
    """Return trades a second of CPU time of the library's own loop with the same detector."""
    costs = []
    for count in (1_000, STOCK_TRADES):
        names = _names(f"loop-{count}")
        group = f"loop-{count}"
        create_topics({"bootstrap.servers": address}, pipeline_topics(*names, group))
        bare_produce(address, names[0], keys[:count], values[:count])
        costs.append(run_app(STOCK_LOOP, environment(address, names, group, folder / group)))
    return (STOCK_TRADES - 1_000) / (costs[1] - costs[0]).cpu_s


def _rust(
    address: str, folder: Path, keys: list[bytes], values: list[bytes]
) -> dict[str, float | None]:
    """Return what a reader in Rust takes of the same messages."""
    names = _names("rust")
    create_topics({"bootstrap.servers": address}, pipeline_topics(*names))
    bare_produce(address, names[0], keys, values)
    return rust_figures(address, names[0], len(values), folder)


def _names(run: str) -> tuple[str, str, str, str]:
    """Return the topics of one run, in the order of `pipeline_topics`."""
    return f"stocks-{run}", f"anomalies-{run}", f"rejected-{run}", f"episodes-{run}"


def _round(
    address: str, folder: str, data: Path, small: Path, keys: list[bytes], values: list[bytes]
) -> tuple[dict[str, float], dict[str, Cost]]:
    """Return the figures of one round, and what the apps cost beyond their start."""
    count = len(values)
    run = uuid4().hex[:8]
    costs: dict[tuple[str, str], Cost] = {}
    for label, source in (("small", small), ("all", data)):
        names = _names(f"{label}-{run}")
        group = f"bench-{label}-{run}"
        create_topics({"bootstrap.servers": address}, pipeline_topics(*names, group))
        env = environment(address, names, group, Path(folder, f"state-{label}-{run}"))
        env["DATA_DIR"] = str(source)
        costs["producer", label] = run_app(PRODUCER, env)
        log = Path(folder, f"detector-{label}-{run}.log")
        costs["detector", label] = run_app(DETECTOR, env, log)
        check_books(log, count if label == "all" else SMALL_TRADES)
    names = _names(f"bare-{run}")
    create_topics({"bootstrap.servers": address}, pipeline_topics(*names))
    produce = bare_produce(address, names[0], keys, values)
    consume = bare_consume(address, names[0], count)
    ours = {app: costs[app, "all"] - costs[app, "small"] for app in ("producer", "detector")}
    figures = {
        "producer_cpu_ratio": produce.cpu_s / ours["producer"].cpu_s,
        "detector_cpu_ratio": consume.cpu_s / ours["detector"].cpu_s,
        "produce_wall_per_s": count / produce.wall_s,
        "consume_wall_per_s": count / consume.wall_s,
        "producer_cpu_us": 1e6 * ours["producer"].cpu_s / count,
        "detector_cpu_us": 1e6 * ours["detector"].cpu_s / count,
        "produce_cpu_us": 1e6 * produce.cpu_s / count,
        "consume_cpu_us": 1e6 * consume.cpu_s / count,
    }
    return figures, ours


def _wall_rate(count: int, walls_s: list[float]) -> float | None:
    """Return messages a second of clock time, None where the start's own seconds hide it.

    A start waits for the broker, for one second or for five; a million trades take two or three.
    """
    wall_s = median(walls_s)
    return count / wall_s if wall_s > 0.5 else None
