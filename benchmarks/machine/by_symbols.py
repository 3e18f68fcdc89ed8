"""The detector by the number of its symbols: what a trade, a commit, a restart and a wait cost.

`python -m benchmarks.machine.by_symbols [--symbols 4,10000] [--trades N] [--no-restart]` prints
the figures as JSON. Four symbols alone hide what each symbol costs in each commit.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated
from uuid import uuid4

import numpy as np
import typer
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.machine.apps import Topics, environment
from benchmarks.machine.latency import RATE, WARM_UP_S, measure
from benchmarks.machine.machine import machine
from benchmarks.machine.pipeline import bare_consume, bare_produce
from benchmarks.machine.walks import messages, walks
from benchmarks.machine.watched import Watched, watched
from tape.errors import TapeError
from tape.kafka import clients
from tape.kafka.local.broker import LocalKafka, free_port
from tape.kafka.topics import changelog_name, create_topics, pipeline_topics

SYMBOLS = (4, 100, 1_000, 10_000)
TRADES = 2_000_000
"""Of each run: at 10,000 symbols 200 each, all of them in every commit."""

INTERVAL_S = 1.0
LATENCY_SYMBOLS = (4, 10_000)
LATENCY_INTERVALS_S = (1.0, 0.1)
LATENCY_S = 20
FLAGGED_ONE_IN = 100
"""Where flags are waited for: a symbol without a forest has no others."""

RESTART_SYMBOLS = 10_000
RESTART_TRADES = 300_000
"""Judged before the detector is killed; `NEW_TRADES` come behind them."""

NEW_TRADES = 10_000
LOOK_EVERY_S = 0.1
LIMIT_S = 600.0
KEPT = {"log.cleaner.min.compaction.lag.ms": "86400000"}
"""Of the broker: nothing is compacted, so that the changelog can be counted at the end."""


@contextmanager
def broker() -> Iterator[tuple[str, Path]]:
    """Run a broker that keeps the changelog whole; yields its address, and a folder for states."""
    with (
        tempfile.TemporaryDirectory() as name,
        LocalKafka(Path(name, "kafka"), free_port(), extra=KEPT) as kafka,
    ):
        yield kafka.address, Path(name)


class _Run:
    """Topics, group and state of one run."""

    def __init__(self, address: str, folder: Path) -> None:
        run = uuid4().hex[:8]
        self.address, self.group = address, f"bench-{run}"
        self.topics: Topics = (
            f"stocks-{run}",
            f"anomalies-{run}",
            f"rejected-{run}",
            f"episodes-{run}",
        )
        self.state, self.log = folder / f"state-{run}", folder / f"{run}.log"
        create_topics({"bootstrap.servers": address}, pipeline_topics(*self.topics, self.group))

    @contextmanager
    def detector(self) -> Iterator[Watched]:
        """Run its detector; where it fails its last words are in the error."""
        env = environment(self.address, self.topics, self.group, self.state)
        with watched({**env, "COMMIT_INTERVAL_S": str(INTERVAL_S)}, self.log) as found:
            try:
                yield found
            except TapeError as error:
                raise TapeError(f"{error}; it said: {self.log.read_text()[-500:]}") from None

    def changelog_bytes(self) -> int:
        """Return the bytes of keys and values that its detector has written of its state."""
        return _bytes_of(self.address, changelog_name(self.group, self.topics[0]))

    def clear(self) -> None:
        """Give back the room of the state."""
        shutil.rmtree(self.state, ignore_errors=True)


def _bytes_of(address: str, topic: str) -> int:
    """Return the bytes of all records of a topic, also of transactions that came to nothing."""
    reader = _reader(address, topic, isolation="read_uncommitted")
    left, found = len(reader.assignment()), 0
    while left:
        for message in reader.consume(1_000, 5.0):
            if message.error() is not None:  # the end of a partition
                left -= 1
            else:
                found += len(message.key() or b"") + len(message.value() or b"")
    reader.close()
    return found


def _reader(address: str, topic: str, isolation: clients.Isolation) -> Consumer:
    """Return a reader of a topic from its beginning, which says where a partition ends."""
    own = {"enable.partition.eof": True}
    reader = clients.consumer({"bootstrap.servers": address}, isolation=isolation, own=own)
    partitions = reader.list_topics(topic, 30).topics[topic].partitions
    reader.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    return reader


def _pipeline(address: str, folder: Path, symbols: int, trades: int) -> dict[str, float]:
    """Return what the detector and bare `consume()` take of the same backlog."""
    keys, values = messages(walks(trades, symbols), symbols)
    run = _Run(address, folder)
    bare_produce(address, run.topics[0], keys, values)
    with run.detector() as detector:
        detector.until(trades, every_s=LOOK_EVERY_S, limit_s=LIMIT_S)
        detector.until_committed(every_s=LOOK_EVERY_S, limit_s=LIMIT_S)
        found = detector.figures()
    written = run.changelog_bytes()
    bare = bare_consume(address, run.topics[0], trades)
    run.clear()
    return {
        "pipeline_cpu_us": found["cpu_us"],
        "pipeline_trades_per_s": found["trades_per_s"],
        "commit_s": found["commit_s"],
        "commit_max_s": found["commit_max_s"],
        "changelog_bytes_per_trade": written / trades,
        "rss_mb": found["anon_mb"],
        "bare_consume_cpu_us": 1e6 * bare.cpu_s / trades,
    }


def pipeline_by_symbols(
    address: str,
    folder: Path,
    symbols: Sequence[int] = SYMBOLS,
    trades: int = TRADES,
    repeats: int = 3,
) -> dict[str, float]:
    """Return the medians of some runs, each key with the number of symbols behind it."""
    found: dict[str, float] = {}
    for count in symbols:
        runs = [_pipeline(address, folder, count, trades) for _ in range(repeats)]
        found |= {f"{key}_{count}_symbols": median(run[key] for run in runs) for key in runs[0]}
    return found


def latency_by_symbols(
    address: str,
    folder: Path,
    symbols: Sequence[int] = LATENCY_SYMBOLS,
    intervals_s: Sequence[float] = LATENCY_INTERVALS_S,
    seconds: int = LATENCY_S,
) -> dict[str, float | None]:
    """Return percentiles and cores at a steady rate; None where no anomaly came in time."""
    found: dict[str, float | None] = {}
    for count in symbols:
        rows = walks((seconds + WARM_UP_S) * RATE, count, flagged_one_in=FLAGGED_ONE_IN)
        keys, values = messages(rows, count)
        for interval_s in intervals_s:
            one = measure(address, folder, keys, values, interval_s=interval_s, seconds=seconds)
            for percent in (50, 99):
                name = f"latency_p{percent}_ms_{count}_symbols_{interval_s:g}s"
                found[name] = (
                    float(np.percentile(one.delays_ms, percent)) if len(one.delays_ms) else None
                )
            found[f"latency_cores_{count}_symbols_{interval_s:g}s"] = one.cores
    return found


def restart_figures(
    address: str, folder: Path, symbols: int = RESTART_SYMBOLS, trades: int = RESTART_TRADES
) -> dict[str, float]:
    """Return seconds from the start behind kill -9 to the first judged trade, and to its reader.

    The first is of the detector's own count; the second of a read_committed reader, so with the
    commit.
    """
    rows = walks(trades + NEW_TRADES, symbols, flagged_one_in=FLAGGED_ONE_IN)
    keys, values = messages(rows, symbols)
    run = _Run(address, folder)
    bare_produce(address, run.topics[0], keys[:trades], values[:trades])
    with run.detector() as before:
        before.until(trades, every_s=LOOK_EVERY_S, limit_s=LIMIT_S)
        before.until_committed(every_s=LOOK_EVERY_S, limit_s=LIMIT_S)
        before.process.kill()
        before.process.wait()
    reader = _reader(address, run.topics[1], "read_committed")
    _read_to_the_end(reader)
    bare_produce(address, run.topics[0], keys[trades:], values[trades:])
    with run.detector() as after:
        first = after.until(1, every_s=LOOK_EVERY_S / 5, limit_s=LIMIT_S)
        while not _anomalies(reader, 0.05):
            if time.monotonic() - after.started_s > LIMIT_S:
                raise TapeError("no anomaly came behind the restart", "read its log")
        seen_s = time.monotonic() - after.started_s
        anon_mb = max(one.anon_bytes for one in after.samples) / 2**20
    reader.close()
    run.clear()
    return {
        f"restart_s_{symbols}_symbols": first.at_s,
        f"restart_seen_s_{symbols}_symbols": seen_s,
        f"restart_rss_mb_{symbols}_symbols": anon_mb,
    }


def _anomalies(reader: Consumer, timeout_s: float) -> int:
    return sum(message.error() is None for message in reader.consume(1_000, timeout_s))


def _read_to_the_end(reader: Consumer) -> None:
    """Take all that is there now."""
    quiet = 0
    while quiet < 3:
        quiet = 0 if _anomalies(reader, 0.5) else quiet + 1


def symbols_figures(
    symbols: Sequence[int] = SYMBOLS,
    trades: int = TRADES,
    repeats: int = 3,
    *,
    latency: Sequence[int] = LATENCY_SYMBOLS,
    restart: tuple[int, int] | None = (RESTART_SYMBOLS, RESTART_TRADES),
) -> dict[str, object]:
    """Return the figures of the pipeline, of the delay, and of a restart, all on one broker."""
    with broker() as (address, folder):
        found: dict[str, object] = dict(
            pipeline_by_symbols(address, folder, symbols, trades, repeats)
        )
        found |= latency_by_symbols(address, folder, latency)
        if restart is not None:
            found |= restart_figures(address, folder, *restart)
    return found


def main(
    symbols: Annotated[str, typer.Option(help="Comma-separated.")] = ",".join(map(str, SYMBOLS)),
    trades: Annotated[int, typer.Option(min=10_000)] = TRADES,
    repeats: Annotated[int, typer.Option(min=1)] = 1,
    latency: Annotated[bool, typer.Option(help="Measure the delay of anomalies too.")] = True,
    restart: Annotated[bool, typer.Option(help="Measure a restart after kill -9 too.")] = True,
) -> None:
    """Print the figures of this machine."""
    counts = tuple(int(word) for word in symbols.split(","))
    ends = tuple(sorted({counts[0], counts[-1]}))
    found = symbols_figures(
        counts,
        trades,
        repeats,
        latency=ends if latency else (),
        restart=(counts[-1], min(RESTART_TRADES, trades)) if restart else None,
    )
    found = {"machine": machine(), **found}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    typer.run(main)
