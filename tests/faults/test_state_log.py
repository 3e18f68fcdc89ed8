"""State as a log under kill -9: `anomalies`, `episodes` and `bars` have the bytes of a calm run.

Many symbols, detectors killed at random moments, their directories kept, deleted or half written.
The seed is printed; FAULTS_SEED repeats it.
"""

import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.trade_log.keys import place_of
from tape.kafka.local.broker import LocalKafka
from tape.kafka.reader import read_topic
from tape.kafka.topics import changelog_name, create_topics, pipeline_topics
from tape.model.counts import Counts
from tape.model.partitions import Partition
from tape.model.trade import Trade, encode
from tests.apps import App, Pipeline
from tests.kafka_client import produce

pytestmark = [pytest.mark.broker, pytest.mark.full]

SEED = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))
OPEN_NS = 1_751_981_400_000_000_000
MAX_SYMBOLS = 50_000
PARTITIONS = 4
BUSY = 40
"""Symbols with half of all trades, as on a real tape: some detectors are silent before hundreds."""
PIECES = 12
"""A detector works until each of them is judged in part, and is killed then."""


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def walks(trades: int, symbols: int, seed: int) -> list[tuple[bytes, bytes]]:
    """Return messages of random walks, some prices and sizes odd, some trades sent twice."""
    dice = np.random.default_rng(seed)
    whose = dice.integers(0, symbols, trades)
    whose[::2] %= BUSY
    cents = dice.integers(2_000, 20_000, symbols)
    steps, odd = dice.integers(-2, 3, trades), dice.random(trades)
    made: list[tuple[bytes, bytes]] = []
    for n, (symbol, step) in enumerate(zip(whose.tolist(), steps.tolist(), strict=True)):
        cents[symbol] += step
        price = int(cents[symbol]) * (110 if odd[n] < 0.005 else 100) // 100
        trade = Trade(
            ts_event_ns=OPEN_NS + n * 50_000_000,
            publisher_id=2,
            side="ABN"[n % 3],
            price_nanos=price * 10_000_000,
            size=60_000 if odd[n] > 0.99 else 1 + n % 700,
            sequence=n + 1,
            symbol=f"S{symbol:05d}",
        )
        made.append((trade.symbol.encode(), encode(trade)))
        if odd[n] > 0.5 and n % 50 == 0:
            made.append(made[-1 - n % 40 if n > 50 else -1])
    return made


Bars = dict[tuple[str, str], bytes]


def uninterrupted(
    pipeline: Pipeline, parameters: Parameters
) -> tuple[list[bytes], list[bytes], Bars]:
    """What one judge a partition says of what is on the topic; of bars the last of each second."""
    anomalies, episodes, bars = list[bytes](), list[bytes](), Bars()
    for number, lane in enumerate(read_topic(pipeline.client, pipeline.input, settle_s=10)):
        own = MAX_SYMBOLS // PARTITIONS
        judge = Judge(parameters, own, Counts(), of=Partition(number, PARTITIONS), bars=True)
        for start in range(0, len(lane), 1_000):
            part = lane[start : start + 1_000]
            found = judge.judge([one.key() for one in part], [one.value() for one in part])
            anomalies += [one.value for one in found.flagged]
            episodes += [one.value for one in found.episodes]
            assert judge.bars is not None
            for symbol, value in judge.bars.told():
                bars[symbol, json.loads(value)["bar_start"]] = value
    return anomalies, episodes, bars


def last_of_each(values: list[bytes]) -> dict[str, bytes]:
    """Return the last state of each episode, which all readers see in the end."""
    return {json.loads(value)["episode_id"]: value for value in values}


class Fleet:
    """Detectors of one group that are killed and started again."""

    def __init__(self, pipeline: Pipeline, profile: str, dice: random.Random) -> None:
        self.pipeline, self.profile, self.dice = pipeline, profile, dice
        self.running: dict[str, App] = {}
        self.kills = 0

    def start(self, name: str) -> None:
        self.running[name] = self.pipeline.start(
            "anomaly_detector",
            INSTANCE=name,
            PROFILE=self.profile,
            ALERTS_PER_10K="100",
            COMMIT_INTERVAL_S="0.2",
            BARS="1s",
        )

    def kill(self, name: str, directory: str) -> None:
        """SIGKILL to a detector; its directory is kept, deleted, or loses half of a file."""
        self.running.pop(name).kill()
        self.kills += 1
        own = self.pipeline.state / name
        if directory == "deleted":
            shutil.rmtree(own, ignore_errors=True)
        elif directory == "half written":
            files = sorted(path for path in own.rglob("*") if path.suffix in {".log", ".sst"})
            if files:
                file = self.dice.choice(files)
                file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    def look(self) -> None:
        """Start again what has ended by itself, with an empty directory of its own."""
        for name, app in list(self.running.items()):
            if app.process.poll() is not None:
                shutil.rmtree(self.pipeline.state / name, ignore_errors=True)
                self.start(name)


@pytest.mark.parametrize("profile", ["classic", "calibrated", "classic,calibrated"])
@pytest.mark.parametrize("symbols", [4, 250, 10_000])
def test_kills_at_random_moments_leave_the_same_bytes(
    pipeline: Pipeline, symbols: int, profile: str
) -> None:
    print("seed", SEED)
    dice = random.Random(SEED)
    topics = (pipeline.input, pipeline.output, pipeline.rejected, pipeline.episodes)
    create_topics(pipeline.client, pipeline_topics(*topics, pipeline.group))
    made = walks(60_000, symbols, SEED)
    fleet = Fleet(pipeline, profile, dice)
    directories = ["kept", "deleted", "half written", "kept", "half written", "deleted"]
    fleet.start("one")
    size = -(-len(made) // PIECES)
    for nth in range(PIECES):
        produce(pipeline.address, pipeline.input, made[nth * size : (nth + 1) * size])
        if nth == PIECES // 3:
            fleet.start("two")
            fleet.start("three")
        if nth % 2:
            before = pipeline.judged()[1]
            deadline_s = time.monotonic() + 120
            while pipeline.judged()[1] <= before and time.monotonic() < deadline_s:
                fleet.look()
                time.sleep(0.1)
            time.sleep(dice.uniform(0, 0.5))
            name = dice.choice(sorted(fleet.running))
            fleet.kill(name, directories[nth // 2 % len(directories)])
            fleet.start(name)
    deadline_s = time.monotonic() + 240
    while not 0 < pipeline.judged()[0] <= pipeline.judged()[1]:
        assert time.monotonic() < deadline_s, fleet.running["one"].log()
        fleet.look()
        time.sleep(0.2)
    for app in fleet.running.values():
        app.stop()  # one whose partitions just move may end with 1, and would be started again
    assert fleet.kills == PIECES // 2
    parameters = Parameters(profile=profile, alerts_per_10k=100.0)
    anomalies, episodes, bars = uninterrupted(pipeline, parameters)
    assert sorted(pipeline.anomalies()) == sorted(anomalies)
    told = [value for _, value in pipeline.episode_states()]
    assert last_of_each(told) == last_of_each(episodes)
    assert set(told) <= set(episodes)
    assert pipeline.last_bars() == bars
    assert len(anomalies) > 300
    changelog = changelog_name(pipeline.group, pipeline.input)
    lanes = read_topic(pipeline.client, changelog, settle_s=10)
    keys = [message.key() for lane in lanes for message in lane]
    assert [key for key in keys if place_of(key) is not None], "the log was used"
