"""A flood of symbols, then an honest one: what is said of it does not hang on restarts."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Message

from tape.judging.state_keys import clock_key
from tape.kafka.kept_states import kept_states
from tape.kafka.local.broker import LocalKafka
from tape.kafka.reader import read_topic
from tape.kafka.topics import changelog_name
from tests.apps import ROOT, Pipeline
from tests.kafka_client import produce
from tests.pipeline.test_conditions import big_trade, started

pytestmark = pytest.mark.broker

PLACES = 60
FLOOD = [big_trade(1, f"FLOOD{n}", size=10) for n in range(2_400)]
BIG = range(5_000, 6_000, 30)
"""Of 6,000 honest trades those that every profile of rules flags."""
HONEST = [big_trade(n + 1, "AAPL", size=50_000 if n in BIG else 10) for n in range(6_000)]
Pipelines = Callable[[], Pipeline]


@pytest.fixture
def pipelines(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipelines]:
    made: list[Pipeline] = []

    def one_more() -> Pipeline:
        number = len(made)
        folder = tmp_path / str(number)
        folder.mkdir()
        made.append(Pipeline(kafka.address, lambda name: topic_names(f"{name}{number}"), folder))
        return made[-1]

    yield one_more
    for pipeline in made:
        pipeline.end()


def reasons(message: Message) -> dict[str, bytes]:
    headers = dict(message.headers() or [])
    return {name: headers[name] for name in ("reason", "detail", "sha256")}


def written(pipeline: Pipeline) -> tuple[list[bytes], dict[str, bytes], list[object]]:
    """Anomalies in their order, the newest state of each episode, and all rejected records.

    Those of several partitions of the input come as these are read.
    """
    lanes = read_topic(pipeline.client, pipeline.rejected, settle_s=10)
    rejected = [(m.key(), m.value(), reasons(m)) for lane in lanes for m in lane]
    return pipeline.anomalies(), dict(pipeline.episode_states()), sorted(rejected, key=repr)


def test_after_a_flood_an_honest_symbol_is_judged_the_same_with_and_without_a_restart(
    pipelines: Pipelines,
) -> None:
    """F07: without a restart all of AAPL was rejected, with one it was judged."""
    limit = {"MAX_SYMBOLS": str(PLACES)}
    once = pipelines()
    detector = started(once, **limit)
    produce(once.address, once.input, [*FLOOD, *HONEST])
    once.wait_all_judged()
    assert detector.stop() == 0, detector.log()
    assert len(detector.events("symbols forgotten")) == 1
    (end,) = detector.events("detector stopped")
    assert end["symbols_forgotten"] > 0  # type: ignore[operator]

    twice = pipelines()
    detector = started(twice, **limit)
    produce(twice.address, twice.input, FLOOD)
    twice.wait_all_judged()
    assert detector.stop() == 0, detector.log()
    detector = started(twice, **limit)
    produce(twice.address, twice.input, HONEST)
    twice.wait_all_judged()
    assert detector.stop() == 0, detector.log()

    said = written(once)
    assert said == written(twice)
    flagged = [json.loads(value) for value in said[0]]
    assert [one["sequence"] - 1 for one in flagged if one["size"] == 50_000] == list(BIG)
    changelog = changelog_name(once.group, once.input)
    for pipeline in (once, twice):
        kept = kept_states(pipeline.client, changelog_name(pipeline.group, pipeline.input))
        assert "AAPL" in {one.symbol for one in kept}
        assert len(kept) <= PLACES, "who lost a place has left the changelog, too"

    words = [sys.executable, "-m", "tape", "state", "reset", "--all", "--yes"]
    env = {**os.environ, **once.env()}
    subprocess.run(words, check=True, capture_output=True, env=env, cwd=ROOT, timeout=90)
    newest = {
        (m.partition(), m.key()): m.value()
        for lane in read_topic(once.client, changelog, settle_s=10)
        for m in lane
    }
    assert any(key == clock_key("classic") for _, key in newest)
    assert not any(newest.values()), "a reset leaves neither states nor clocks"
