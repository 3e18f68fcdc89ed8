"""A state directory on a disk that is full, or fills up while the detector runs."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import disk_usage

import pytest

from tape.synthetic import make_day, write_day
from tests.apps import App, Pipeline

pytestmark = pytest.mark.broker

DISK_MB = 40
TRADES = 20_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 40 MB; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no small disk could be mounted here (needs root): full disk not tested")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def pipeline(kafka, topic_names, tmp_path: Path, small_disk: Path) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    running.state = small_disk / "state"
    running.state.mkdir()
    write_day(make_day(seed=5, trades=TRADES), tmp_path / "data")
    yield running
    running.end()


def fill(disk: Path, *, leave_bytes: int) -> Path:
    """Fill a disk up but for so many bytes, and return the file that did it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while (room := disk_usage(disk).free - leave_bytes) > 0:
            file.write(b"\0" * room)
    return ballast


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
    assert pipeline.judged() == (TRADES, TRADES)
    mended = pipeline.anomalies()

    pipeline.group, pipeline.output = f"{pipeline.group}-2", f"{pipeline.output}-2"
    pipeline.state = pipeline.folder / "elsewhere"
    assert pipeline.detect(STOP_WHEN_IDLE_S="4").wait() == 0
    assert mended == pipeline.anomalies()
