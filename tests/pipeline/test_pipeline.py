"""The two apps as processes on a real Apache Kafka, against the literal oracle and the replay."""

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TypeVar

import pytest
import zstandard

from tape.kafka.local.broker import LocalKafka
from tape.kafka.reader import read_topic
from tape.model.trade import Trade, decode
from tape.synthetic import make_day, write_day
from tests import episode_oracle
from tests.apps import ROOT, Pipeline
from tests.episode_oracle import in_oracle_words
from tests.episode_states import missing_or_wrong
from tests.kafka_client import produce
from tests.oracle import judged

pytestmark = pytest.mark.broker

REAL = ROOT.parent / "shared/data/databento/xnas-itch-20250505.trades.csv.zst"
TRADES = 16_000
T = TypeVar("T")
SLOWED = "1200"
"""Replay speed: the 16 hours of a day in 48 s, long enough to kill something in the middle."""


@pytest.fixture(scope="module")
def synthetic_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic")
    write_day(make_day(seed=7, trades=TRADES), folder)
    return folder


@pytest.fixture(scope="module")
def real_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not REAL.exists():
        pytest.skip(f"no real trades here ({REAL.name}); the synthetic day is tested")
    folder = tmp_path_factory.mktemp("real")
    with zstandard.open(REAL, "rb") as file:
        rows = list(itertools.islice(io.BufferedReader(file), TRADES + 1))
    (folder / "xnas-itch-20250505.trades.csv").write_bytes(b"".join(rows))
    return folder


@pytest.fixture(scope="module")
def replayed(synthetic_day: Path) -> tuple[list[bytes], list[bytes]]:
    return replay(synthetic_day)


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def replay(data: Path, **settings: str) -> tuple[list[bytes], list[bytes]]:
    """The anomalies and the states of episodes that the replay of a folder gives, and bars."""
    output, episodes = data.parent / f"{data.name}.jsonl", data.parent / f"{data.name}-e.jsonl"
    options = ["--output", str(output), "--episodes", str(episodes), "--bars", str(bars_of(data))]
    command = [sys.executable, "-m", "tape", "replay", str(data), *options]
    env = {**os.environ, **settings}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stderr
    return output.read_bytes().splitlines(), episodes.read_bytes().splitlines()


def bars_of(data: Path) -> Path:
    """Where the replay of a folder leaves its bars."""
    return data.parent / f"{data.name}-b.jsonl"


def by_symbol(values: list[bytes]) -> dict[str, list[bytes]]:
    lanes: dict[str, list[bytes]] = {}
    for value in values:
        lanes.setdefault(json.loads(value)["symbol"], []).append(value)
    return lanes


def by_key(states: list[tuple[str, T]]) -> dict[str, list[T]]:
    """The states of each episode, in order."""
    lanes: dict[str, list[T]] = {}
    for key, state in states:
        lanes.setdefault(key, []).append(state)
    return lanes


def stocks_of(pipeline: Pipeline) -> list[Trade]:
    trades = [
        decode(m.value()) for lane in read_topic(pipeline.client, pipeline.input) for m in lane
    ]
    assert all(isinstance(trade, Trade) for trade in trades)
    return trades  # type: ignore[return-value]


@pytest.mark.parametrize("day", ["synthetic_day", pytest.param("real_day", marks=pytest.mark.full)])
def test_the_topic_holds_what_the_oracle_says(
    day: str, pipeline: Pipeline, request: pytest.FixtureRequest
) -> None:
    data = request.getfixturevalue(day)
    detector = pipeline.detect()
    assert pipeline.produce(data).wait() == 0
    pipeline.wait_all_judged()
    assert detector.stop() == 0

    trades = stocks_of(pipeline)
    assert len(trades) == TRADES
    tape = [
        (t.symbol, t.publisher_id, t.ts_event_ns, t.price_nanos, t.size, ord(t.side), t.sequence)
        for t in trades
    ]
    answers = judged(tape)
    expected: Counter[tuple[str, int, frozenset[str]]] = Counter()
    for trade, (_, rules) in zip(trades, answers, strict=True):
        if rules:
            expected[(trade.symbol, trade.sequence, frozenset(rules))] += 1
    found = Counter(
        (a["symbol"], a["sequence"], frozenset(a["anomalies"]))
        for a in map(json.loads, pipeline.anomalies())
    )
    assert found == expected
    assert found

    ids, states = episode_oracle.told(tape, answers)
    for state in states:
        del state["at"]
    seen = [(key, in_oracle_words(value)) for key, value in pipeline.episode_states()]
    every = by_key([(state["episode_id"], state) for state in states])
    assert missing_or_wrong(by_key(seen), every) == []
    assert Counter(json.loads(value)["episode_id"] for value in pipeline.anomalies()) == Counter(
        name for name in ids if name is not None
    )


def test_the_pipeline_equals_the_replay_to_the_byte(
    pipeline: Pipeline, synthetic_day: Path, replayed: tuple[list[bytes], list[bytes]]
) -> None:
    detector = pipeline.detect()
    assert pipeline.produce(synthetic_day).wait() == 0
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    anomalies, episodes = replayed
    assert by_symbol(pipeline.anomalies()) == by_symbol(anomalies)
    expected = [(json.loads(value)["episode_id"], value) for value in episodes]
    assert missing_or_wrong(by_key(pipeline.episode_states()), by_key(expected)) == []


def test_a_killed_calibrated_detector_equals_the_replay_to_the_byte(
    pipeline: Pipeline, synthetic_day: Path, tmp_path: Path
) -> None:
    """With budgets of their own for two of the symbols."""
    settings = {"PROFILE": "calibrated", "ALERTS_PER_10K": "100"}
    common, _ = replay(synthetic_day, **settings)
    budgets = tmp_path / "thresholds.toml"
    budgets.write_text("[NVDA]\nalerts_per_day = 300\n[AAPL]\nalerts_per_10k = 50\n")
    settings |= {"THRESHOLDS_FILE": str(budgets), "BARS": "1s"}
    expected, episodes = replay(synthetic_day, **settings)
    differ = [Counter(json.loads(value)["symbol"] for value in one) for one in (common, expected)]
    assert {name for name in differ[0] if differ[0][name] != differ[1][name]} == {"NVDA", "AAPL"}
    assert len(expected) > 100
    assert json.loads(expected[-1])["features"]
    detector = pipeline.detect(**settings)
    pipeline.wait_until(lambda *_: bool(detector.events("detector started")))
    producer = pipeline.produce(synthetic_day, REPLAY_SPEED="3000")
    pipeline.wait_until(lambda _, done: done > TRADES // 3)
    detector.kill()
    assert pipeline.judged()[1] < TRADES  # it was in the middle
    detector = pipeline.detect(**settings)
    assert producer.wait() == 0
    pipeline.wait_all_judged()
    assert detector.stop() == 0
    assert by_symbol(pipeline.anomalies()) == by_symbol(expected)
    states = [(json.loads(value)["episode_id"], value) for value in episodes]
    assert missing_or_wrong(by_key(pipeline.episode_states()), by_key(states)) == []
    bars: dict[tuple[str, str], bytes] = {}
    for value in bars_of(synthetic_day).read_bytes().splitlines():
        bar = json.loads(value)
        assert bars.setdefault((bar["symbol"], bar["bar_start"]), value) is value  # each once
    assert pipeline.last_bars() == bars
    assert sum(json.loads(value)["trades"] for value in bars.values()) == TRADES


def test_thresholds_may_change_while_the_detector_is_down(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """What was learnt stays: the second day is judged as if they had never been others."""
    first, second, both = (tmp_path / name for name in ("first", "second", "both"))
    for folder, seed, day in ((first, 7, 3), (second, 8, 5), (both, 7, 3), (both, 8, 5)):
        write_day(make_day(seed=seed, trades=10_000, day=date(2025, 3, day)), folder)
    thresholds = tmp_path / "thresholds.toml"
    thresholds.write_text("[NVDA]\nvolume_threshold = 500\nchange_threshold = 0.001\n")
    changed = {"THRESHOLDS_FILE": str(thresholds)}
    before, _ = replay(first)
    # Trading ends at one o'clock in the night in UTC.
    judged = replay(both, **changed)[0]
    after = [value for value in judged if json.loads(value)["ts_event"] >= "2025-03-05"]
    assert sum(b"High Volume" in value for value in after) > 50  # the new thresholds tell
    for folder, settings in ((first, {}), (second, changed)):
        detector = pipeline.detect(**settings)
        assert pipeline.produce(folder).wait() == 0
        pipeline.wait_all_judged()
        assert detector.stop() == 0
    assert by_symbol(pipeline.anomalies()) == by_symbol(before + after)


def test_a_producer_started_again_sends_nothing_twice(
    pipeline: Pipeline, synthetic_day: Path
) -> None:
    assert pipeline.produce(synthetic_day).wait() == 0
    assert pipeline.produce(synthetic_day).wait() == 0
    assert len(pipeline.stocks()) == TRADES


def test_poison_messages_land_once_in_rejected_and_the_good_ones_come_through(
    pipeline: Pipeline,
) -> None:
    def good(sequence: int, size: int) -> tuple[bytes, bytes]:
        trade = (
            b'{"ts_recv":"2025-05-05T08:00:00.675221836Z","ts_event":"2025-05-05T08:00:00.675053891Z",'
            b'"rtype":0,"publisher_id":2,"instrument_id":1,"action":"T","side":"N","depth":0,'
            b'"price":113.86,"size":%d,"flags":0,"ts_in_delta":1,"sequence":%d,"symbol":"NVDA"}'
        )
        return b"NVDA", trade % (size, sequence)

    poison = [
        (b"NVDA", b"not json"),
        (b"NVDA", b"null"),
        (b"NVDA", b"[" * 60_000),
        (b"NVDA", b"x" * 70_000),
        (b"AAPL", good(5, 1)[1]),
        (None, good(6, 1)[1]),
        (b"NVDA", good(7, 1)[1].replace(b"113.86", b"NaN")),
        (b"NVDA", b"\xff\xfe"),
    ]
    detector = pipeline.detect()
    pipeline.wait_until(lambda *_: bool(detector.events("detector started")))
    produce(pipeline.address, pipeline.input, [good(1, 30_000), *poison, good(9, 40_000)])
    pipeline.wait_all_judged()
    assert detector.stop() == 0

    sizes = [json.loads(value)["size"] for value in pipeline.anomalies()]
    assert sizes == [30_000, 40_000]
    rejected = [m for lane in read_topic(pipeline.client, pipeline.rejected) for m in lane]
    assert Counter(m.value() for m in rejected) == Counter(v[: 64 * 1024] for _, v in poison)
    for message in rejected:
        headers = dict(message.headers())
        assert headers["reason"].decode()
        assert headers["app"] == b"anomaly_detector"
        assert headers["source"].decode().startswith(pipeline.input)


def test_a_detector_told_to_stop_while_it_starts_stops(pipeline: Pipeline) -> None:
    for after_s in (0.0, 0.05, 0.2):
        detector = pipeline.detect()
        deadline_s = time.monotonic() + 60
        while not detector.events("detector started"):
            assert time.monotonic() < deadline_s
            time.sleep(0.005)
        time.sleep(after_s)
        assert detector.stop(timeout_s=20) in (0, -signal.SIGTERM)  # the signal was before it ran
