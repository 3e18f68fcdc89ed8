"""A ranking on a real broker: as in replay, after a restart, and learnt from the topic."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tape.kafka.local.broker import LocalKafka
from tape.synthetic import make_day, write_day
from tests.apps import Pipeline, command
from tests.pipeline.test_pipeline import by_symbol, replay
from tests.rankings import ranking, ranking_file, review, weight

pytestmark = pytest.mark.broker
TRADES = 20_000


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day") / "trades"
    write_day(make_day(seed=7, trades=TRADES), folder)
    return folder


def ranked(folder: Path, of_forest: float) -> str:
    """Write a ranking by which what the forest flags is worth much or little."""
    learnt = ranking(
        weight("forest", of_forest),
        suppress_below=4.0,
        suppress_kinds=frozenset({("Isolation Forest", side) for side in "ABN"}),
        suppress_up_to_priority=14.0,
    )
    return str(ranking_file(learnt, folder / f"ranking{of_forest}.json"))


def test_a_detector_with_a_ranking_equals_the_replay_byte_for_byte(
    pipeline: Pipeline, day: Path, tmp_path: Path
) -> None:
    settings = {"RANKING_FILE": ranked(tmp_path, -2.0)}
    expected, _ = replay(day, **settings)
    hidden = [value for value in expected if b'"suppressed":true' in value]
    assert 10 < len(hidden) < len(expected)
    detector = pipeline.detect(**settings)
    assert pipeline.produce(day).wait() == 0
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    assert by_symbol(pipeline.anomalies()) == by_symbol(expected)
    (end,) = detector.events("detector stopped")
    assert end["suppressed"] == len(hidden)
    watched = command(
        pipeline, "watch", "--suppressed", "--last", "9999", "--limit", str(len(hidden))
    )
    assert watched.returncode == 0, watched.stderr
    assert set(watched.stdout.encode().splitlines()) == set(hidden)

    reviews = tmp_path / "reviews.jsonl"
    lines = [review(json.loads(value)["anomaly_id"], "dismissed") for value in expected]
    reviews.write_text("\n".join(lines))
    learnt = command(pipeline, "learn", str(reviews), "-o", str(tmp_path / "learnt.json"))
    assert learnt.returncode == 2
    assert f"all {len(expected):,} answered alerts are dismissed" in learnt.stderr


def test_a_killed_detector_starts_again_with_another_ranking(
    pipeline: Pipeline, day: Path, tmp_path: Path
) -> None:
    """Its state knows of none, so it continues; each message is ranked by the file of its time."""
    files = [ranked(tmp_path, weight) for weight in (-2.0, 2.0)]
    first, second = (by_symbol(replay(day, RANKING_FILE=one)[0]) for one in files)
    detector = pipeline.detect(RANKING_FILE=files[0])
    producer = pipeline.produce(day, REPLAY_SPEED="3000")
    pipeline.wait_until(lambda _, done: done > TRADES // 3)
    detector.kill()
    assert pipeline.judged()[1] < TRADES  # it was in the middle
    detector = pipeline.detect(RANKING_FILE=files[1])
    assert producer.wait() == 0
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    found = by_symbol(pipeline.anomalies())
    changed = 0
    for symbol, values in found.items():
        before = next(
            (n for n, value in enumerate(values) if value != first[symbol][n]), len(values)
        )
        assert values == first[symbol][:before] + second[symbol][before:]
        changed += 0 < before < len(values)
    assert changed
    assert found.keys() == first.keys()
