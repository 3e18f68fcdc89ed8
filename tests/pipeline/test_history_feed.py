"""FEED=postgres: the trades of a database on `stocks`, in order, once, killed and resumed."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tape.archives import find_archives
from tape.history.load import Wanted, load
from tape.kafka.local.broker import LocalKafka
from tape.kafka.reader import count_topic, read_topic
from tape.model.trade import Trade, decode
from tape.ops.local_postgres import LocalPostgres
from tape.sinks.postgres.address import address_of
from tape.sinks.postgres.session import Place
from tape.synthetic import make_day, write_day
from tests.apps import App, Pipeline

pytestmark = pytest.mark.broker

TRADES = 4_000
SCHEMA = "feed"
Identity = tuple[object, ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("feed")
    write_day(make_day(seed=9, trades=TRADES, day=date(2025, 3, 3)), made)
    return made


@pytest.fixture(scope="module")
def url(postgres: LocalPostgres, folder: Path) -> str:
    place = Place(address_of(postgres.url()), SCHEMA)
    assert load(place, find_archives(folder).archives, Wanted()).new == TRADES
    return postgres.url()


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def feed(pipeline: Pipeline, url: str, **more: str) -> App:
    env = {"FEED": "postgres", "DATABASE_URL": url, "POSTGRES_SCHEMA": SCHEMA} | more
    return pipeline.start("producer", **env)


def identity(trade: Trade) -> Identity:
    return (
        *(trade.symbol, trade.ts_event_ns, trade.publisher_id, trade.sequence),
        *(trade.price_nanos, trade.size, trade.side, trade.ordinal),
    )


def on_stocks(pipeline: Pipeline) -> list[Trade]:
    lanes = read_topic(pipeline.client, pipeline.input, settle_s=10)
    found = [decode(m.value(), m.key(), check_key=True) for lane in lanes for m in lane]
    assert all(isinstance(one, Trade) for one in found)
    for lane in lanes:
        times = [json.loads(m.value())["ts_event"] for m in lane]
        assert times == sorted(times)
    return found  # type: ignore[return-value]


@pytest.mark.full
def test_a_killed_feed_continues_and_the_trades_are_those_of_the_files(
    pipeline: Pipeline, url: str, folder: Path
) -> None:
    pipeline.produce(folder).wait()
    wanted = sorted(identity(trade) for trade in on_stocks(pipeline))
    from_files = pipeline.input
    pipeline.input = f"{from_files}-again"
    first = feed(pipeline, url, REPLAY_SPEED="2400")
    pipeline.wait_until(lambda written, _: written > TRADES // 20)
    first.kill()
    assert feed(pipeline, url).wait() == 0
    assert count_topic(pipeline.client, pipeline.input) == TRADES
    assert sorted(identity(trade) for trade in on_stocks(pipeline)) == wanted
    again = feed(pipeline, url)
    assert again.wait() == 0, again.log()
    assert count_topic(pipeline.client, pipeline.input) == TRADES


def test_a_part_of_the_history_is_what_was_asked_for(pipeline: Pipeline, url: str) -> None:
    part = {"SYMBOLS": "NVDA", "HISTORY_FROM": "2025-03-03T15:00", "HISTORY_TO": "2025-03-03T16:00"}
    assert feed(pipeline, url, **part).wait() == 0
    trades = on_stocks(pipeline)
    assert trades
    assert {trade.symbol for trade in trades} == {"NVDA"}
    hours = {trade.ts_event_ns // (3_600 * 10**9) % 24 for trade in trades}
    assert hours == {15}


def test_a_history_without_trades_ends_the_producer_with_a_sentence(
    pipeline: Pipeline, url: str
) -> None:
    app = feed(pipeline, url, HISTORY_FROM="2030-01-01")
    assert app.wait() == 2
    assert "tape history list" in app.log().splitlines()[-1]
