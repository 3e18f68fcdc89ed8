"""State on the changelog: a profile its own, looked at and reset by `tape state`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tape.archives import find_archives, read_archive
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.kept_place import decode_seen
from tape.judging.state_keys import old_key, state_key, symbol_of
from tape.judging.trade_log.keys import place_of
from tape.kafka.kept_states import kept_states
from tape.kafka.local.broker import LocalKafka
from tape.kafka.reader import read_topic
from tape.kafka.topics import TopicSpec, changelog_name, create_topics
from tape.model.counts import Counts
from tape.model.fields import TIME_MAX_NS
from tape.synthetic import make_day, write_day
from tests.apps import ROOT, App, Pipeline
from tests.kafka_client import produce
from tests.pipeline.test_conditions import big_trade, grow, one_sentence, sizes, started
from tests.pipeline.test_pipeline import by_symbol, replay

pytestmark = pytest.mark.broker

TRADES = 4_000


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    found = []
    for seed, day in ((7, 3), (8, 5), (9, 7)):
        folder = tmp_path_factory.mktemp(f"day{day}")
        write_day(make_day(seed=seed, trades=TRADES, day=date(2025, 3, day)), folder)
        found.append(folder)
    return found


def state(pipeline: Pipeline, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tape", "state", *words]
    env = {**os.environ, **pipeline.env()}
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT, timeout=90)


def judge(pipeline: Pipeline, folder: Path, **env: str) -> App:
    detector = pipeline.detect(**env)
    assert pipeline.produce(folder).wait() == 0
    pipeline.wait_all_judged()
    assert detector.stop() == 0, detector.log()
    return detector


def whole_states(folder: Path) -> dict[str, bytes]:
    """State as it was kept before there was a log: of every symbol, behind all trades."""
    offline = Judge(Parameters(), 50_000, Counts())
    for archive in find_archives(folder).archives:
        for batch in read_archive(archive, latest_ns=TIME_MAX_NS):
            offline.judge(batch.keys, batch.values)
    return dict(offline.changed())


def of_day(values: list[bytes], day: str) -> list[bytes]:
    return [value for value in values if f'"ts_event":"{day}'.encode() in value]


@pytest.mark.full
def test_another_profile_begins_again_says_so_once_and_the_old_one_continues_after_it(
    pipeline: Pipeline, days: list[Path], tmp_path: Path
) -> None:
    first, second, third = days
    judge(pipeline, first)
    changelog = changelog_name(pipeline.group, pipeline.input)
    before = kept_states(pipeline.client, changelog, values_of="NVDA")
    calibrated = {"PROFILE": "calibrated", "ALERTS_PER_10K": "100"}
    detector = judge(pipeline, second, **calibrated)
    said = detector.events("profile starts over")
    assert [(line["profile"], line["state_is_of"]) for line in said] == [("calibrated", "classic")]
    after = kept_states(pipeline.client, changelog, values_of="NVDA")
    assert [one for one in after if one.profile == "classic"] == before, "left as it was"
    assert of_day(pipeline.anomalies(), "2025-03-05")
    wanted = replay(second, **calibrated)[0]
    assert by_symbol(of_day(pipeline.anomalies(), "2025-03-05")) == by_symbol(wanted)

    judge(pipeline, third)
    both = tmp_path / "both"
    both.mkdir()
    for folder in (first, third):
        for file in folder.iterdir():
            (both / file.name).write_bytes(file.read_bytes())
    wanted = of_day(replay(both)[0], "2025-03-07")
    assert wanted
    assert by_symbol(of_day(pipeline.anomalies(), "2025-03-07")) == by_symbol(wanted)

    listed = json.loads(state(pipeline, "list").stdout)["profiles"]
    assert [one["profile"] for one in listed] == ["calibrated", "classic"]
    assert {one["symbols"] for one in listed} == {len(by_symbol(replay(first)[0])) or 4}


def test_state_under_an_old_key_is_taken_up_and_moves_to_its_own(
    pipeline: Pipeline, days: list[Path], tmp_path: Path
) -> None:
    """The key that a symbol had before each profile had its own."""
    first, second, _ = days
    judge(pipeline, first)
    changelog = changelog_name(pipeline.group, pipeline.input)
    kept = [one for one in read_topic(pipeline.client, changelog, settle_s=10) if one]
    written = {(m.key(), m.partition()) for lane in kept for m in lane}
    newest = {key: partition for key, partition in written if symbol_of(key)}
    producer = Producer(pipeline.client)
    headers = [("__column_family__", b"default")]
    for key, partition in written:
        if key in newest or place_of(key) is not None:
            producer.produce(changelog, None, key, partition, headers=headers)
    for symbol, blob in whole_states(first).items():
        _, _, before_places = decode_seen(blob)
        partition = newest[state_key("classic", symbol)]
        producer.produce(changelog, before_places, old_key(symbol), partition, headers=headers)
    assert producer.flush(10) == 0
    listed = json.loads(state(pipeline, "list").stdout)["profiles"]
    assert [(one["profile"], one["symbols"]) for one in listed] == [("classic", len(newest))]

    judge(pipeline, second)
    both = tmp_path / "both"
    both.mkdir()
    for folder in (first, second):
        for file in folder.iterdir():
            (both / file.name).write_bytes(file.read_bytes())
    wanted = of_day(replay(both)[0], "2025-03-05")
    assert by_symbol(of_day(pipeline.anomalies(), "2025-03-05")) == by_symbol(wanted)
    keys = {one.key for one in kept_states(pipeline.client, changelog)}
    assert keys == set(newest), "the old keys are gone"


def test_after_a_reset_the_verdicts_are_those_of_a_fresh_start(
    pipeline: Pipeline, days: list[Path]
) -> None:
    first, second, third = days
    judge(pipeline, first)
    reset = state(pipeline, "reset", "--all", "--yes")
    assert reset.returncode == 0, reset.stderr
    assert json.loads(reset.stdout)["reset"] > 0
    assert json.loads(state(pipeline, "list").stdout)["profiles"] == []
    judge(pipeline, second)
    alone = replay(second)[0]
    assert by_symbol(of_day(pipeline.anomalies(), "2025-03-05")) == by_symbol(alone)

    one = state(pipeline, "reset", "NVDA", "--profile", "classic", "--yes")
    assert json.loads(one.stdout)["reset"] == 1
    judge(pipeline, third)
    found = by_symbol(of_day(pipeline.anomalies(), "2025-03-07"))
    by_itself = by_symbol(replay(third)[0])
    assert found["NVDA"] == by_itself["NVDA"]
    assert found != by_itself, "the others went on with what they had learnt"


def test_a_reset_is_refused_while_a_detector_runs_and_by_a_wrong_word(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(1)])
    pipeline.wait_all_judged()
    refused = state(pipeline, "reset", "--all", "--yes")
    assert refused.returncode == 4
    assert refused.stderr.count("\n") == 1
    assert "are running (test)" in refused.stderr
    assert detector.process.poll() is None
    assert detector.stop() == 0
    for words in (["reset", "--yes"], ["reset", "--all", "NVDA", "--yes"]):
        wrong = state(pipeline, *words)
        assert (wrong.returncode, wrong.stderr.count("\n")) == (4, 1), wrong.stderr
    assert state(pipeline, "reset", "--profile", "clasic", "--yes").returncode == 4
    other = state(pipeline, "reset", "AAPL", "--yes")
    assert (json.loads(other.stdout)["reset"], other.returncode) == (0, 2)
    assert "state is kept of NVDA (classic)" in other.stderr


def test_what_is_kept_of_a_symbol_can_be_read(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(n) for n in (1, 2, 3)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    done = state(pipeline, "show", "NVDA")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["states"]
    assert found["profile"] == "classic"
    assert (found["trades"], found["last_price_usd"]) == (3, 113.86)
    assert found["open_episode_flags"] == 3
    assert found["open_episode_since"].startswith("2025-05-05T08:00:00.675053891")
    missing = state(pipeline, "show", "AAPL")
    assert (missing.returncode, missing.stderr.count("\n")) == (4, 1)
    assert "choose from NVDA" in missing.stderr


def test_other_parameters_of_the_same_profile_are_refused_with_the_way_on(
    pipeline: Pipeline,
) -> None:
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(1)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    other = pipeline.detect(TREES="50")
    produce(pipeline.address, pipeline.input, [big_trade(2)])
    one_sentence(other, 4, "other parameters", "tape state reset")
    assert state(pipeline, "reset", "--profile", "classic", "--yes").returncode == 0
    again = started(pipeline, TREES="50")
    pipeline.wait_all_judged()
    assert again.stop() == 0
    assert len(sizes(pipeline)) == 2


def test_after_a_topic_grew_a_reset_lets_the_detector_go_on(pipeline: Pipeline) -> None:
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(n) for n in (1, 2)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    grow(pipeline, 8)
    done = state(pipeline, "reset", "--all", "--yes")
    assert done.returncode == 0, done.stderr
    again = started(pipeline)
    symbols = ("NVDA", "AAPL", "MSFT", "TSLA", "AMD", "INTC", "META")
    produce(pipeline.address, pipeline.input, [big_trade(5, symbol) for symbol in symbols])
    pipeline.wait_all_judged()
    assert again.stop() == 0
    assert len(sizes(pipeline)) == 2 + len(symbols)
    assert len(read_topic(pipeline.client, changelog_name(pipeline.group, pipeline.input))) == 8


def test_after_a_topic_grew_new_topics_and_a_new_group_judge_everything_in_order(
    pipeline: Pipeline, days: list[Path], tmp_path: Path, topic_names: Callable[[str], str]
) -> None:
    """The other way on: the same folder and the same names of instances."""
    judge(pipeline, days[0])
    grow(pipeline, 8)
    again = Pipeline(pipeline.address, lambda name: topic_names(name) + "-2", tmp_path)
    create_topics(again.client, [TopicSpec(again.input, 8)])
    try:
        judge(again, days[0])
        assert by_symbol(again.anomalies()) == by_symbol(replay(days[0])[0])
    finally:
        again.end()


def test_copies_that_nobody_used_for_long_are_made_again_from_the_changelog(
    pipeline: Pipeline,
) -> None:
    """A copy older than the changelog's tombstones might never hear of a reset."""
    detector = started(pipeline)
    produce(pipeline.address, pipeline.input, [big_trade(1)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    copies = list(pipeline.state.glob(f"*/{pipeline.group}/default/{pipeline.input}/*"))
    assert len(copies) == 4
    long_ago = time.time() - 13 * 3_600
    for copy in copies:
        for file in copy.iterdir():
            os.utime(file, (long_ago, long_ago))
    again = started(pipeline)
    assert again.events("old copies of the state removed")[0]["count"] == 4
    produce(pipeline.address, pipeline.input, [big_trade(2)])
    pipeline.wait_all_judged()
    assert again.stop() == 0
    (found,) = json.loads(state(pipeline, "show", "NVDA").stdout)["states"]
    assert found["trades"] + found["logged_trades"] == 2
