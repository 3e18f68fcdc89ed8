"""A state directory on a disk that is full, or fills up while the detector runs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tape.kafka.local.broker import LocalKafka
from tape.synthetic import make_day, write_day
from tests.apps import App, Pipeline
from tests.small_disk import fill, mounted

pytestmark = pytest.mark.broker

TRADES = 20_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", size_mb=40) as disk:
        yield disk


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path, small_disk: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    running.state = small_disk / "state"
    running.state.mkdir()
    write_day(make_day(seed=5, trades=TRADES), tmp_path / "data")
    yield running
    running.end()


def assert_ended_for_want_of_space(detector: App, state: Path) -> None:
    assert detector.wait(60) == 4, detector.log()
    assert "Traceback" not in detector.log()
    sentence = detector.log().splitlines()[-1]
    assert sentence.startswith("error: ")
    assert str(state) in sentence
    assert "space" in sentence


@pytest.mark.parametrize("leave_bytes", [0, 64 * 1024, 2**20])
def test_a_full_state_disk_is_named_at_start(
    pipeline: Pipeline, small_disk: Path, leave_bytes: int
) -> None:
    fill(small_disk, leave_bytes=leave_bytes)
    assert_ended_for_want_of_space(pipeline.detect(), pipeline.state)


def test_a_state_disk_that_fills_up_ends_the_detector_and_loses_nothing(
    pipeline: Pipeline, small_disk: Path
) -> None:
    sending = pipeline.produce(pipeline.folder / "data", REPLAY_SPEED="2400")
    detector = pipeline.detect(COMMIT_INTERVAL_S="0.1")
    pipeline.wait_until(lambda _, judged: judged > TRADES // 10)
    ballast = fill(small_disk, leave_bytes=0)
    assert_ended_for_want_of_space(detector, pipeline.state)
    assert TRADES // 10 < pipeline.judged()[1] < TRADES * 9 // 10

    ballast.unlink()
    assert sending.wait() == 0
    assert pipeline.detect(STOP_WHEN_IDLE_S="4").wait() == 0
    assert len(pipeline.stocks()) == TRADES
    fixed = pipeline.anomalies()

    pipeline.group, pipeline.output = f"{pipeline.group}-2", f"{pipeline.output}-2"
    pipeline.state = pipeline.folder / "elsewhere"
    assert pipeline.detect(STOP_WHEN_IDLE_S="4").wait() == 0
    assert fixed == pipeline.anomalies()
