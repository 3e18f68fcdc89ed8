"""The example's detector in the pipeline on a real broker: same answer, also after kill -9."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tape.detection.parameters import Parameters
from tape.kafka.local.broker import LocalKafka
from tape.model.fields import NANOS
from tape.synthetic import make_day, write_day
from tests.apps import Pipeline, command, doctor_says
from tests.faults import faults
from tests.faults.bench import DAYS, TRADES_PER_S, Bench
from tests.sub_penny_days import (
    EXAMPLE,
    PROFILE,
    flagged_by_hand,
    told,
    with_sub_pennies,
    write_sub_penny_day,
)

pytestmark = pytest.mark.broker
OWN = {"PROFILE": f"classic,{PROFILE}", "PYTHONPATH": str(EXAMPLE)}


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def by_hand(values: list[bytes]) -> Counter[tuple[str, str, str, int]]:
    """Return the anomalies of the example's rule as they are known by hand."""
    found = [json.loads(value, parse_float=str) for value in values]
    return Counter(told(one) for one in found if "Sub-Penny Print" in one["anomalies"])


def test_it_judges_on_the_broker_keeps_its_state_and_is_seen_everywhere(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    path = write_sub_penny_day(data, trades=8_000)
    detector = pipeline.detect(**OWN)
    assert pipeline.produce(data).wait() == 0
    pipeline.wait_all_judged()
    expected = Counter(flagged_by_hand(path))
    assert by_hand(pipeline.anomalies()) == expected
    assert expected.total() > 5
    assert detector.stop() == 0
    (end,) = detector.events("detector stopped")
    assert end["flagged"]["Sub-Penny Print"] == expected.total()  # type: ignore[index]

    for name, value in OWN.items():
        monkeypatch.setenv(name, value)
    listed = json.loads(command(pipeline, "state", "list", "--json").stdout)["profiles"]
    assert [one["profile"] for one in listed] == ["classic", "sub_penny"]
    shown = json.loads(command(pipeline, "state", "show", "NVDA", "--json").stdout)["states"]
    trades = {one["profile"]: one["trades"] + one["logged_trades"] for one in shown}
    assert trades["sub_penny"] > 100
    watched = command(pipeline, "watch", "--jsonl", "--last", "10000", "--limit", "3")
    assert watched.returncode == 0, watched.stderr
    rule = command(
        pipeline, "watch", "--jsonl", "--last", "10000", "--limit", "2", "--rule", "subpenny"
    )
    assert rule.returncode == 0, rule.stderr
    assert rule.stdout.count("Sub-Penny Print") >= 2
    settings = doctor_says(pipeline, "settings")
    assert settings["verdict"] == "ok", settings
    only = ("state", "reset", "--profile", PROFILE, "--yes")
    assert command(pipeline, *only).returncode == 0
    left = json.loads(command(pipeline, "state", "list", "--json").stdout)["profiles"]
    assert [one["profile"] for one in left] == ["classic"]


def test_a_detector_of_ones_own_that_fails_loses_no_trade(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """It fails in the middle, is put right, and continues: each trade is judged once."""
    data = tmp_path / "data"
    path = write_sub_penny_day(data, trades=8_000)
    text = (EXAMPLE / "sub_penny.py").read_text()
    failing = text.replace(
        "return Verdicts.of(",
        "if (trades.size > 1_250).any():\n            raise RuntimeError('too large')\n"
        "        return Verdicts.of(",
    )
    assert failing != text
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "sub_penny.py").write_text(failing)
    broken = pipeline.detect(PROFILE=OWN["PROFILE"], PYTHONPATH=str(rules), BATCH_SIZE="200")
    assert pipeline.produce(data).wait() == 0
    assert broken.wait() == 4
    assert "Traceback" not in broken.log()
    assert "detect() failed with RuntimeError: too large (sub_penny.py, line " in broken.log()
    detector = pipeline.detect(**OWN)
    pipeline.wait_all_judged()
    assert by_hand(pipeline.anomalies()) == Counter(flagged_by_hand(path))
    assert detector.stop() == 0


def test_a_profile_that_cannot_be_is_refused_at_the_start(pipeline: Pipeline) -> None:
    for profile, said in (
        ("classic,no_such_module:KIND", "cannot be imported"),
        (f"{PROFILE},{PROFILE}", "twice"),
    ):
        app = pipeline.detect(PROFILE=profile, PYTHONPATH=str(EXAMPLE))
        assert app.wait() == 4
        assert said in app.log()
        assert "Traceback" not in app.log()


def test_killed_with_others_and_alone_it_loses_and_doubles_nothing(
    kafka: LocalKafka,
    topic_names: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    data = tmp_path / "data"
    expected, trades = Counter[tuple[str, str, str, int]](), 0
    for seed, day in enumerate(DAYS, start=1):
        made = with_sub_pennies(make_day(seed=seed, trades=20 * TRADES_PER_S, day=day))
        n = np.arange(len(made.ts_event_ns))
        steady = made.ts_event_ns[0] + n * (NANOS // TRADES_PER_S)
        expected += Counter(flagged_by_hand(write_day(replace(made, ts_event_ns=steady), data)))
        trades += len(n)
    parameters = Parameters(profile=f"{PROFILE},classic,calibrated", alerts_per_10k=100.0)
    env = {"PYTHONPATH": str(EXAMPLE)}
    bench = Bench(
        kafka.address, tmp_path, data, trades, topic_names, 7, env=env, parameters=parameters
    )
    try:
        bench.start()
        bench.wait_for_work()
        for _ in range(2):
            faults.kill(bench)
        faults.kill_and_forget(bench)
        bench.finish()
        assert not (difference := bench.difference()), difference.counts()
        assert by_hand(bench.seen()) == expected
        assert expected.total() > 50
        assert bench.aborted() > 0, "no kill fell into an open transaction"
    finally:
        bench.end()
