"""The broker's disk full in the middle of the work: it ends, and after repair nothing is missing.

The same for the detector's state directory is in `tests/pipeline/test_full_disk.py`.
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import disk_usage

import pytest

from tape.kafka.local.broker import LocalKafka, free_port
from tests.faults.bench import Bench, is_dead, write_steady_tape
from tests.small_disk import fill, mounted

pytestmark = pytest.mark.broker

SEED = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))
LASTING_CODES = (2, 3, 4)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", size_mb=200) as disk:
        yield disk


@pytest.fixture
def broker(small_disk: Path) -> Iterator[LocalKafka]:
    """A broker whose topics are on the small disk; not yet started."""
    kafka = LocalKafka(small_disk / "kafka", free_port())
    yield kafka
    kafka.stop()


@pytest.mark.full
def test_a_broker_whose_disk_fills_up_ends_and_after_repair_nothing_is_missing(
    broker: LocalKafka, small_disk: Path, topic_names: Callable[[str], str], tmp_path: Path
) -> None:
    broker.start()
    data, logs = tmp_path / "data", tmp_path / "apps"
    logs.mkdir()
    trades = write_steady_tape(data, 40)
    bench = Bench(broker.address, logs, data, trades, topic_names, SEED)
    try:
        bench.start()
        bench.wait_for_work()
        committed, pid = bench.in_the_middle("broker's disk full"), broker.pid
        ballast = fill(small_disk)
        assert disk_usage(small_disk).free == 0
        bench.wait(lambda: is_dead(pid), "the end of a broker that cannot write")

        ballast.unlink()
        broker.stop()  # reaps it
        broker.start()
        bench.wait_for_more(committed, timeout_s=150)
        bench.finish()
        assert bench.producer is not None
        assert bench.producer.last_code not in LASTING_CODES, bench.logs()
        assert not (difference := bench.difference()), difference.counts()
        assert not any("Traceback" in log.read_text() for log in logs.glob("detector-*.log"))
    finally:
        bench.end()
