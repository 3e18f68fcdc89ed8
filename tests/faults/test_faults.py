"""The short form of the fault bench: each fault, proven, and nothing lost or doubled.

`make soak FAULTS=300` is the long form. The seed of a run is printed; FAULTS_SEED repeats it.
"""

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tape.kafka.local.broker import LocalKafka
from tests.faults import downstream, faults
from tests.faults.bench import CALIBRATED, Bench, write_steady_tape
from tests.faults.checker import identity
from tests.faults.proxy import kafka_behind_a_cable

pytestmark = pytest.mark.broker

SEED = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))
HERE = Path(__file__).parent
MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(topic_names: Callable[[str], str], tmp_path: Path) -> Iterator[MakeBench]:
    made: list[Bench] = []

    def make(address: str, seconds: int, **more: object) -> Bench:
        data = tmp_path / "data"
        trades = write_steady_tape(data, seconds)
        bench = Bench(address, tmp_path, data, trades, topic_names, SEED, **more)  # type: ignore[arg-type]
        made.append(bench)
        return bench

    yield make
    for bench in made:
        bench.end()


def test_detectors_killed_and_stopped_lose_and_double_nothing(
    kafka: LocalKafka, make_bench: MakeBench
) -> None:
    bench = make_bench(kafka.address, 100)  # five faults of 7 to 15 s each, before the last tenth
    bench.start()
    bench.wait_for_work()
    for _ in range(3):
        faults.kill(bench)
    faults.kill_and_forget(bench)
    faults.terminate(bench)
    bench.finish()
    assert not (difference := bench.difference()), difference.counts()
    assert bench.aborted() > 0, "no kill fell into an open transaction"


def test_a_producer_killed_and_stopped_loses_nothing_and_repeats_nothing(
    kafka: LocalKafka, make_bench: MakeBench
) -> None:
    bench = make_bench(kafka.address, 30)
    bench.start()
    bench.wait_for_work()
    for _ in range(2):
        faults.kill_producer(bench)
    faults.terminate_producer(bench)
    bench.wait(lambda: bench.progress()[0] >= 0.49 * bench.trades, "the end of the first file")
    faults.kill_producer(bench)
    bench.finish()
    assert bench.repeated() == 0
    assert not (difference := bench.difference()), difference.counts()


@pytest.mark.full
def test_producer_sink_and_alerter_killed_and_stopped_lose_nothing_and_repeat_nothing(
    kafka: LocalKafka, make_bench: MakeBench
) -> None:
    bench = make_bench(kafka.address, 34)
    bench.start()
    with downstream.beside(bench) as down:
        bench.wait_for_work()
        faults.kill_producer(bench)
        downstream.kill_sink(down)
        faults.kill_producer(bench)
        faults.terminate_producer(bench)
        bench.wait(lambda: bench.progress()[0] >= 0.49 * bench.trades, "the end of the first file")
        downstream.kill_alerter(down)
        faults.kill_producer(bench)
        bench.finish()
        assert bench.repeated() == 0
        assert not (difference := bench.difference()), difference.counts()
        assert not any((found := down.differences()).values()), found
        downstream.spoil(down)
        wrong = {name for name, count in down.differences().items() if count}
        assert wrong == downstream.SPOILT, "a checker that cannot fail proves nothing"


def test_a_detector_that_slept_too_long_is_fenced(kafka: LocalKafka, make_bench: MakeBench) -> None:
    bench = make_bench(kafka.address, 40, parameters=CALIBRATED)
    bench.start()
    bench.wait_for_work()
    faults.pause(bench)
    bench.finish()
    assert not (difference := bench.difference()), difference.counts()


def test_one_detector_three_and_one_again_with_kills_in_between(
    kafka: LocalKafka, make_bench: MakeBench
) -> None:
    bench = make_bench(kafka.address, 60, parameters=CALIBRATED)
    bench.start()
    bench.wait_for_work()
    bench.add_detector()
    bench.add_detector()
    for index in (0, 1, 2):
        faults.kill(bench, index, name="detector SIGKILL, one of three")
    while len(bench.detectors) > 1:
        before = bench.in_the_middle("detector taken away")
        code = bench.detectors.pop().stop()
        # one that is still importing has nothing yet to catch the signal with
        assert code in (0, -signal.SIGTERM), f"it ended with {code}; {bench.logs()}"
        bench.wait_for_more(before)
    faults.kill(bench)
    bench.finish()
    assert not (difference := bench.difference()), difference.counts()


def test_a_broker_killed_stopped_and_paused_loses_nothing(
    own_kafka: LocalKafka, make_bench: MakeBench
) -> None:
    own_kafka.start()
    bench = make_bench(own_kafka.address, 75, parameters=CALIBRATED)
    bench.start()
    bench.wait_for_work()
    faults.kill_broker(bench, own_kafka)
    faults.stop_broker(bench, own_kafka)
    faults.pause_broker(bench, own_kafka)
    bench.finish()
    assert not (difference := bench.difference()), difference.counts()


def test_a_cut_connection_loses_and_doubles_nothing(tmp_path: Path, make_bench: MakeBench) -> None:
    with kafka_behind_a_cable(tmp_path / "kafka") as (kafka, proxy):
        bench = make_bench(kafka.address, 30, env={"Quix__Broker__Address": proxy.address})
        bench.start()
        bench.wait_for_work()
        for seconds in (0.5, 5, 12):  # the last one is longer than a session
            faults.cut_connection(bench, proxy, seconds)
        bench.finish()
        assert not (difference := bench.difference()), difference.counts()
        bench.end()


def test_the_control_without_transactions_shows_doubles(
    kafka: LocalKafka, make_bench: MakeBench
) -> None:
    bench = make_bench(kafka.address, 30, detector_main=HERE / "at_least_once.py")
    bench.start()
    bench.wait_for_work()
    for _ in range(3):
        faults.kill(bench, name="control SIGKILL")
    bench.finish()
    difference = bench.difference()
    assert difference.doubled, "a checker that cannot fail proves nothing"
    assert not difference.lost


@pytest.mark.full
def test_the_control_without_deduplication_shows_the_producers_repeats(
    kafka: LocalKafka, make_bench: MakeBench
) -> None:
    bench = make_bench(
        kafka.address,
        30,
        detector_main=HERE / "without_dedup.py",
        producer_main=HERE / "at_least_once_producer.py",
        env={"VOLUME_THRESHOLD": "50"},  # every second trade flagged: a repeat cannot hide
    )
    bench.start()
    bench.wait_for_work()
    for _ in range(3):
        faults.kill_producer(bench)
    bench.finish()
    assert bench.repeated() > 0, "no trade was sent twice"
    seen = [identity(value)[0] for value in bench.seen()]
    assert len(seen) > len(set(seen)), "a checker that cannot fail proves nothing"
