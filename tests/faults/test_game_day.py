"""The short form of the game day. The seed is printed; FAULTS_SEED repeats it."""

import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tape.kafka.local.broker import LocalKafka
from tests.faults.bench import CALIBRATED
from tests.faults.game_day import (
    WEIGHTS,
    GameDay,
    differences,
    drawn,
    lose_a_topic,
    play,
)
from tests.faults.game_tape import SYMBOLS, write_game_tape

pytestmark = pytest.mark.broker

SEED = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))
SECONDS = 240
"""More than all faults take; what is left behind the last one is sent at full speed."""


@pytest.fixture
def game(
    own_kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[tuple[GameDay, list[Any]]]:
    own_kafka.start()
    data = tmp_path / "data"
    rows, bad_rows = write_game_tape(data, SECONDS)
    day = GameDay(
        own_kafka.address,
        tmp_path,
        data,
        rows,
        topic_names,
        SEED,
        parameters=CALIBRATED,
        shared_state=True,
    )
    yield day, bad_rows
    day.end()


@pytest.mark.full
def test_a_game_day_loses_and_doubles_nothing(
    game: tuple[GameDay, list[Any]], own_kafka: LocalKafka
) -> None:
    day, bad_rows = game
    play(day, own_kafka, drawn(day.dice, len(WEIGHTS)))
    assert day.happened.keys() >= WEIGHTS.keys(), day.happened
    assert len(bad_rows) > 2_000
    assert len(day.poison) > 100
    found = differences(day, bad_rows)
    assert not any(found.values()), found
    assert day.aborted() > 0, "no kill fell into an open transaction"
    named = map(re.compile(rb'"symbol":"([^"]+)"').search, day.seen("stocks"))
    assert len({match[1] for match in named if match}) == len(SYMBOLS) + 1
    lose_a_topic(day)
