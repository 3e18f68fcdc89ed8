"""A trained model in the pipeline on a real broker: what replay says, also after kill -9."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tape.detection.parameters import Parameters
from tape.kafka.local.broker import LocalKafka
from tape.model.fields import NANOS
from tape.synthetic import make_day, write_day
from tests.apps import Pipeline, doctor_says
from tests.faults import faults
from tests.faults.bench import DAYS, TRADES_PER_S, Bench
from tests.small_model import small_model

pytestmark = pytest.mark.broker


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


@pytest.mark.parametrize(
    "profile",
    [pytest.param("supervised", marks=pytest.mark.full), "classic,calibrated,supervised"],
)
def test_killed_it_loses_and_doubles_nothing(
    profile: str, kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> None:
    model = str(small_model()[0])
    data, trades = tmp_path / "data", 0
    for seed, day in enumerate(DAYS, start=1):
        made = make_day(seed=seed, trades=20 * TRADES_PER_S, day=day)
        n = np.arange(len(made.ts_event_ns))
        steady = made.ts_event_ns[0] + n * (NANOS // TRADES_PER_S)
        write_day(replace(made, ts_event_ns=steady), data)
        trades += len(n)
    parameters = Parameters(profile=profile, alerts_per_10k=100.0, model=model)
    env = {"MODEL": model}
    bench = Bench(
        kafka.address, tmp_path, data, trades, topic_names, 7, env=env, parameters=parameters
    )
    try:
        bench.start()
        bench.wait_for_work()
        faults.kill(bench)
        faults.kill_and_forget(bench)
        bench.finish()
        assert not (difference := bench.difference()), difference.counts()
        by_model = sum(b'"Supervised Model"' in value for value in bench.seen())
        assert by_model > 20
    finally:
        bench.end()


def test_without_a_model_it_is_refused_at_the_start(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for env, said in (
        ({}, "MODEL is not set"),
        ({"MODEL": str(tmp_path / "none")}, "there is no such folder"),
    ):
        app = pipeline.detect(PROFILE="classic,supervised", **env)
        assert app.wait() == 4
        assert said in app.log()
        assert "Traceback" not in app.log()
    monkeypatch.setenv("PROFILE", "supervised")
    monkeypatch.setenv("MODEL", str(tmp_path / "none"))
    settings = doctor_says(pipeline, "settings")
    assert settings["verdict"] == "problem"
    assert "no such folder" in str(settings["text"])
