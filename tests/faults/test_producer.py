"""The producer killed at random moments: each row is on `stocks` or `rejected`, and once.

The seed is printed; FAULTS_SEED repeats it.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import zstandard

from tape.archives import find_archives, read_archive
from tape.kafka.local.broker import LocalKafka
from tape.model.fields import TIME_MAX_NS
from tape.streaming.positions import Book, positions_topic, read_positions
from tape.synthetic import make_day, write_day
from tests.apps import ROOT, App, Pipeline
from tests.faults.bench import is_dead
from tests.kafka_client import read_all

pytestmark = pytest.mark.broker

SEED = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))
ROWS, BAD_EVERY = 40_000, 200
PACED = {"REPLAY_SPEED": "2400", "REJECTED_RUN_MAX": "0"}
"""The 16 hours of each day in 24 s: a batch takes longer than a transaction."""

AT_WORK = ("sending", "resuming file", "resuming batch")


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of which one row in 200 is bad."""
    folder = tmp_path_factory.mktemp("days")
    for seed, day in ((1, date(2025, 3, 3)), (2, date(2025, 3, 4))):
        made = tmp_path_factory.mktemp("made")
        write_day(make_day(seed=seed, trades=ROWS, symbols=("NVDA", "AAPL"), day=day), made)
        for archive in find_archives(made).archives:
            lines = text_of(archive.path).splitlines()
            for number in range(BAD_EVERY, len(lines), BAD_EVERY):
                lines[number] = f"nonsense {seed} {number}"
            name = archive.path.name.removesuffix(".zst")
            (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def text_of(path: Path) -> str:
    with zstandard.open(path, "rt") as file:
        read: str = file.read()
        return read


def expected_of(folder: Path) -> tuple[Counter[bytes], Counter[bytes]]:
    """The messages of a folder, and its bad rows."""
    values: Counter[bytes] = Counter()
    bad: Counter[bytes] = Counter()
    for archive in find_archives(folder).archives:
        for batch in read_archive(archive, latest_ns=TIME_MAX_NS):
            values.update(batch.values)
            bad.update(row.source.encode() for row in batch.rejected)
    return values, bad


def sources(pipeline: Pipeline, isolation: str = "read_committed") -> Counter[bytes]:
    found = read_all(pipeline.address, pipeline.rejected, isolation)
    return Counter(dict(message.headers())["source"] for message in found)


def stocks(pipeline: Pipeline, isolation: str = "read_committed") -> Counter[bytes]:
    return Counter(m.value() for m in read_all(pipeline.address, pipeline.input, isolation))


def book(pipeline: Pipeline) -> Book:
    return read_positions(pipeline.client, positions_topic(pipeline.input))


def sent(pipeline: Pipeline) -> int:
    return sum(position.rows for position in book(pipeline).files.values())


def child_of(app: App) -> int | None:
    """The process of the app's source, once there is one that sends."""
    for pid in Path(f"/proc/{app.process.pid}/task/{app.process.pid}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return int(pid)
    return None


def kill(app: App, dice: random.Random) -> None:
    """SIGKILL to the app and its source, to the app alone, or to its source alone."""
    child = child_of(app)
    how = dice.choice(["both", "app", "source"]) if child else "both"
    if how == "both":
        app.kill()
        return
    os.kill(app.process.pid if how == "app" else child, signal.SIGKILL)  # type: ignore[arg-type]
    assert app.wait(60) != 0
    deadline_s = time.monotonic() + 10
    while child is not None and not is_dead(child):
        assert time.monotonic() < deadline_s, "the source outlived its app"
        time.sleep(0.01)


def killed_many_times(
    pipeline: Pipeline, start: Callable[[], App], kills: int, dice: random.Random
) -> None:
    """Kill the producer in the middle of its work, at moments of a second and a half."""
    done = 0
    while done < kills:
        app = start()
        before = sent(pipeline)
        deadline_s = time.monotonic() + 150
        while not any(map(app.events, AT_WORK)):
            assert app.process.poll() is None, app.log()
            assert time.monotonic() < deadline_s, app.log()
            time.sleep(0.05)
        app.log_file.unlink()  # the next start's events are its own
        time.sleep(dice.uniform(0, 4))
        if app.process.poll() is not None:
            break
        kill(app, dice)
        done += 1
        print(f"kill {done} at {before:,} to {sent(pipeline):,} of {2 * ROWS:,} rows")
    assert done >= kills // 2, "too few kills fell into the work"


@pytest.mark.full
def test_a_producer_killed_at_random_sends_each_row_once(pipeline: Pipeline, days: Path) -> None:
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    killed_many_times(pipeline, lambda: pipeline.produce(days, **PACED), 8, dice)
    assert pipeline.produce(days, REJECTED_RUN_MAX="0").wait() == 2
    values, bad = expected_of(days)
    assert stocks(pipeline) == values
    assert sources(pipeline) == bad
    assert not book(pipeline).ahead
    positions = book(pipeline).files.values()
    assert all(one.balances and one.state == "sent" for one in positions)
    assert sum(one.trades for one in positions) == values.total()

    aborted = stocks(pipeline, "read_uncommitted") - values
    assert aborted, "no kill fell into an open transaction"


@pytest.mark.full
def test_the_control_without_transactions_repeats_rows(pipeline: Pipeline, days: Path) -> None:
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    env = {"PYTHONPATH": str(ROOT), "DATA_DIR": str(days), **PACED}
    control = "tests/faults/at_least_once_producer.py"
    killed_many_times(pipeline, lambda: pipeline.start(control, **env), 5, dice)
    pipeline.produce(days, REJECTED_RUN_MAX="0").wait()
    values, _ = expected_of(days)
    found = stocks(pipeline)
    assert found.keys() == values.keys()
    assert (found - values).total() > 0, "a checker that cannot fail proves nothing"
