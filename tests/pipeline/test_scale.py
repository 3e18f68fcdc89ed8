"""Several detectors on one state directory, as `--scale anomaly_detector=3` starts them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tape.kafka.local.broker import LocalKafka
from tape.synthetic import make_day, write_day
from tests.apps import App, Pipeline
from tests.pipeline.test_pipeline import by_symbol, replay

pytestmark = pytest.mark.broker

SYMBOLS = ["NVDA", "AAPL", "MSFT", "TSLA", "AMD", "INTC", "META", "AMZN"]


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def test_three_detectors_share_the_work_and_a_state_directory(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """One by one they come in the middle of the work, and one is killed."""
    data = tmp_path / "data"
    write_day(make_day(5, SYMBOLS, 12_000), data)

    def at_work(name: str) -> App:
        (tmp_path / name).mkdir(exist_ok=True)
        app = App("anomaly_detector", pipeline.env(INSTANCE=name), tmp_path / name / "log")
        pipeline.started.append(app)
        return app

    first = at_work("c1a2b3")
    producer = pipeline.produce(data, REPLAY_SPEED="2000")
    pipeline.wait_until(lambda _, done: done > 500)
    others = [at_work("d4e5f6"), at_work("0a1b2c")]
    pipeline.wait_until(lambda _, done: done > 4_000)
    first.kill()
    first = at_work("c1a2b3")
    assert producer.wait() == 0
    pipeline.wait_all_judged()
    folders = {folder.name for folder in pipeline.state.iterdir()}
    assert folders == {"c1a2b3", "d4e5f6", "0a1b2c"}
    counts = []
    for app in (first, *others):
        assert app.stop() == 0, app.log()
        counts += [line["trades"] for line in app.events("detector stopped")]
        assert "Traceback" not in app.log_file.read_text()
    assert sum(count > 0 for count in counts) >= 2, "the work was shared"
    time.sleep(0.5)
    assert by_symbol(pipeline.anomalies()) == by_symbol(replay(data)[0])
