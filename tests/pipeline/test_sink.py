"""The anomaly sink as a process: killed, beside another, its store away; rows equal the topic."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from msgspec.structs import replace

from tape.kafka.local.broker import LocalKafka, free_port
from tape.kafka.reader import read_topic
from tape.kafka.topics import create_topics, pipeline_topics
from tape.model.bar import Bar, encode_bar, iso_second
from tape.model.review import after, checked_step, encode_review
from tape.ops.local_postgres import LocalPostgres
from tests.apps import App, Pipeline, wait_until
from tests.kafka_client import produce
from tests.search_stand_in import as_json, standing_in
from tests.search_stores import search_bench
from tests.stores import IDS, Bench, files_bench, found, postgres_bench, questdb_bench

pytestmark = pytest.mark.broker

KILLS = int(os.environ.get("SINK_KILLS", "3"))
"""20 and more in a long run: SINK_KILLS=20 pytest tests/pipeline/test_sink.py -k killed"""

SYMBOLS = [f"S{number}" for number in range(max(6, 2 * KILLS))]
EACH = 250
CANARY = "canary-of-a-password"
AWAY_S = 30.0
"""How long a server is away, in the long form of a test; in its short form a few seconds."""


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    create_topics(
        running.client,
        pipeline_topics(running.input, running.output, running.rejected, running.episodes),
    )
    yield running
    running.end()


FULL = [
    pytest.param(name, marks=pytest.mark.full)
    for name in ("questdb", "elasticsearch", "opensearch")
]
"""Some of their servers take long to start, and tests/unit/sinks has what needs no app."""


@pytest.fixture(params=["postgres", "files", *FULL])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return bench_of(request.param, request, tmp_path)


@pytest.fixture(params=["postgres", *FULL[1:2]])
def shared_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """A store that many sinks write at a time, under one name or another."""
    return bench_of(request.param, request, tmp_path)


def bench_of(name: str, request: pytest.FixtureRequest, folder: Path) -> Bench:
    if name == "files":
        return files_bench(folder / "sink")
    server = request.getfixturevalue(name)
    if name == "postgres":
        return postgres_bench(server)
    if name == "questdb":
        return questdb_bench(server)
    made = search_bench(server, name)
    request.addfinalizer(made.close)
    return made


def sink_env(pipeline: Pipeline, bench: Bench) -> dict[str, str]:
    return bench.env | {
        "SINK": bench.name,
        "SINK_CONSUMER_GROUP": pipeline.group,
        "SINK_COMMIT_INTERVAL_S": "0.3",
        "SINK_DIR": str(pipeline.folder / "sink"),
    }


def started(pipeline: Pipeline, bench: Bench, **more: str) -> App:
    return pipeline.start("anomaly_sink", **sink_env(pipeline, bench) | more)


def send(pipeline: Pipeline, first: int, last: int) -> None:
    """Write the anomalies and episodes of some of the symbols, as the detector does."""
    for symbol in SYMBOLS[first:last]:
        anomalies, episodes = found(EACH, symbol=symbol)
        key = symbol.encode()
        produce(pipeline.address, pipeline.output, [(key, one.value) for one in anomalies])
        states = [(json.loads(e.value)["episode_id"].encode(), e.value) for e in episodes]
        produce(pipeline.address, pipeline.episodes, states)


def on_topic(pipeline: Pipeline, kind: str) -> dict[str, object]:
    """The newest message of each identity, as a reader of the topic has it."""
    topic = pipeline.output if kind == "anomalies" else pipeline.episodes
    messages = [json.loads(m.value()) for lane in read_topic(pipeline.client, topic) for m in lane]
    return {message[IDS[kind]]: message for message in messages}


def stored(bench: Bench, kind: str) -> int:
    try:
        return bench.count(kind)
    except Exception:  # no table, no file yet
        return 0


def test_a_sink_that_is_killed_again_and_again_leaves_what_is_on_the_topic(
    pipeline: Pipeline, bench: Bench
) -> None:
    """Each kill comes while some of what is on the topic is stored, and some is not."""
    total = EACH * 2 * KILLS
    for number in range(KILLS):
        before = stored(bench, "anomalies")
        app = started(pipeline, bench)
        send(pipeline, 2 * number, 2 * number + 1)
        wait_until(lambda: stored(bench, "anomalies") > before, "a first row", app)  # noqa: B023
        send(pipeline, 2 * number + 1, 2 * number + 2)
        app.kill()
        assert before < stored(bench, "anomalies")
    assert stored(bench, "anomalies") <= total
    app = started(pipeline, bench)
    wait_until(lambda: stored(bench, "anomalies") >= total, "all rows", app)
    wait_until(
        lambda: bench.rows("episodes") == on_topic(pipeline, "episodes"), "the episodes", app
    )
    assert app.stop() == 0
    assert bench.count("anomalies") == total
    assert bench.rows("anomalies") == on_topic(pipeline, "anomalies")


def test_a_store_that_goes_away_is_waited_for_and_poison_stops_nothing(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    with LocalPostgres(tmp_path / "own", free_port(), durable=False) as server:
        bench, port = postgres_bench(server), free_port()
        env = sink_env(pipeline, bench) | {"METRICS_PORT": str(port)}
        app = pipeline.start("anomaly_sink", **env, STORE_TIMEOUT_S="2")
        send(pipeline, 0, 1)
        wait_until(lambda: stored(bench, "anomalies") == EACH, "the first symbol", app)
        server.kill()
        (bad, *_), _ = found(1, symbol="BAD")
        nul = bad.value.replace(b"in one trade", b"in\\u0000one trade")
        assert nul != bad.value
        produce(pipeline.address, pipeline.output, [(b"BAD", b"{"), (b"BAD", nul)])
        send(pipeline, 1, 2)
        wait_until(lambda: bool(app.events("store away, waiting")), "the word", app)
        assert metric(port, "tapewatch_store_up") == 0
        assert metric(port, "tapewatch_store_busy_total") >= 1
        server.start()
        wait_until(lambda: stored(bench, "anomalies") == 2 * EACH, "the second symbol", app)
        wait_until(lambda: bool(app.events("store is back")), "the other word", app)
        wait_until(lambda: metric(port, "tapewatch_store_up") == 1, "the metric", app)
        assert b"at work" in fetched(port, "health")
        assert app.stop() == 0
        assert bench.rows("anomalies").items() <= on_topic_of(pipeline, bad=2).items()
    refused = [m for lane in read_topic(pipeline.client, pipeline.rejected) for m in lane]
    assert {bytes(m.value()) for m in refused} == {b"{", nul}
    reasons = {dict(m.headers())["reason"] for m in refused}
    details = {dict(m.headers())["detail"] for m in refused}
    assert reasons == {b"store_refused"}
    assert any(b"22P05" in detail for detail in details), "what the server said"


@pytest.mark.full
@pytest.mark.parametrize("name", ["elasticsearch", "opensearch", "questdb"])
def test_a_server_that_is_killed_and_away_for_half_a_minute_gets_everything_afterwards(
    pipeline: Pipeline, request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    bench, server = bench_of(name, request, tmp_path), request.getfixturevalue(name)
    app = started(pipeline, bench, STORE_TIMEOUT_S="5")
    send(pipeline, 0, 1)
    wait_until(lambda: stored(bench, "anomalies") == EACH, "the first symbol", app)
    server.kill()
    away_s = time.monotonic()
    send(pipeline, 1, 4)
    wait_until(lambda: bool(app.events("store away, waiting")), "the word", app)
    time.sleep(max(0.0, AWAY_S - (time.monotonic() - away_s)))
    assert app.process.poll() is None
    server.start()
    wait_until(lambda: stored(bench, "anomalies") == 4 * EACH, "the rest", app, timeout_s=300)
    wait_until(lambda: bool(app.events("store is back")), "the other word", app)
    wait_until(
        lambda: bench.rows("episodes") == on_topic(pipeline, "episodes"), "the episodes", app
    )
    assert app.stop() == 0
    assert bench.rows("anomalies") == on_topic(pipeline, "anomalies")


def on_topic_of(pipeline: Pipeline, *, bad: int) -> dict[str, object]:
    lanes = read_topic(pipeline.client, pipeline.output)
    values = [m.value() for lane in lanes for m in lane if m.key() != b"BAD"]
    assert sum(map(len, lanes)) == len(values) + bad
    return {(m := json.loads(value))["anomaly_id"]: m for value in values}


def fetched(port: int, page: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=20) as answer:
        return bytes(answer.read())


def metric(port: int, name: str) -> float:
    lines = fetched(port, "metrics").decode().splitlines()
    (value,) = [line.split()[-1] for line in lines if line.split(" ")[0].split("{")[0] == name]
    return float(value)


def test_two_sinks_share_the_work_and_one_that_is_frozen_is_replaced(
    pipeline: Pipeline, shared_bench: Bench
) -> None:
    bench = shared_bench
    one = started(pipeline, bench, INSTANCE="one")
    other = started(pipeline, bench, INSTANCE="other")
    send(pipeline, 0, 4)
    wait_until(lambda: stored(bench, "anomalies") == 4 * EACH, "four symbols", one, other)
    os.kill(one.process.pid, signal.SIGSTOP)
    send(pipeline, 4, 6)
    wait_until(lambda: stored(bench, "anomalies") == 6 * EACH, "all symbols", one, other)
    os.kill(one.process.pid, signal.SIGCONT)
    one.stop()
    wait_until(
        lambda: bench.rows("episodes") == on_topic(pipeline, "episodes"), "the episodes", other
    )
    assert other.stop() == 0
    assert bench.rows("anomalies") == on_topic(pipeline, "anomalies")
    assert bench.rows("episodes") == on_topic(pipeline, "episodes")


def test_records_that_were_deleted_meanwhile_are_told_and_the_rest_is_stored(
    pipeline: Pipeline, postgres: LocalPostgres
) -> None:
    bench = postgres_bench(postgres)
    send(pipeline, 0, 1)
    app = started(pipeline, bench)
    wait_until(lambda: stored(bench, "anomalies") == EACH, "the first symbol", app)
    assert app.stop() == 0
    lane = next(lane for lane in read_topic(pipeline.client, pipeline.output) if lane)
    anomalies, _ = found(EACH, symbol=SYMBOLS[0], publisher_id=7)  # to the same partition
    key = SYMBOLS[0].encode()
    produce(pipeline.address, pipeline.output, [(key, one.value) for one in anomalies])
    kept = TopicPartition(pipeline.output, lane[0].partition(), EACH + 10)
    admin = AdminClient(pipeline.client)  # dropped with a question open it would not answer
    for future in admin.delete_records([kept]).values():
        future.result(20)
    app = started(pipeline, bench)
    wait_until(lambda: stored(bench, "anomalies") == 2 * EACH - 10, "what is left", app)
    assert app.stop() == 0
    (told,) = app.events("records deleted before they were stored")
    assert (told["records"], told["continues_at"]) == (10, EACH + 10)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DATABASE_URL": "postgresql://tapewatch:{canary}@{at}/postgres"}, "authentication"),
        ({"DATABASE_URL": "postgresql://tapewatch:p@{canary}@{at}/postgres"}, "DATABASE_URL"),
        ({"SINK": "elephant"}, "SINK"),
        (
            {
                "SINK": "elasticsearch",
                "ELASTICSEARCH_URL": "http://me:{canary}@{search}",
            },
            "does not know me",
        ),
        ({"SINK": "opensearch", "ELASTICSEARCH_URL": "me:{canary}@host"}, "ELASTICSEARCH_URL"),
        ({"SINK_TOPICS": "anomalies,birds"}, "SINK_TOPICS"),
        ({"SINK": "files", "SINK_DIR": "/proc/nothing"}, "SINK_DIR"),
    ],
)
def test_what_cannot_work_ends_the_app_with_a_sentence(
    pipeline: Pipeline,
    request: pytest.FixtureRequest,
    settings: dict[str, str],
    said: str,
) -> None:
    text = json.dumps(settings).replace("{canary}", CANARY)
    if "{at}" in text:
        text = text.replace("{at}", f"127.0.0.1:{request.getfixturevalue('postgres').port}")
    with standing_in(answers={"GET /": as_json({}, 401)}) as search:
        told: dict[str, str] = json.loads(text.replace("{search}", f"127.0.0.1:{search.port}"))
        app = pipeline.start("anomaly_sink", **told)
        assert app.wait() == 4, app.log()
    last = app.log().strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last
    assert "Traceback" not in app.log()
    assert CANARY not in app.log_file.read_text()


@pytest.mark.full
@pytest.mark.parametrize("name", ["postgres", "files"])
def test_bars_and_decisions_are_stored_beside_the_rest(
    name: str, pipeline: Pipeline, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    bench, reviews = bench_of(name, request, tmp_path), f"{pipeline.bars}-reviews"
    more = pipeline_topics(bars=pipeline.bars, reviews=reviews)
    create_topics(pipeline.client, [one for one in more if one.name in (pipeline.bars, reviews)])
    seconds = map(iso_second, (2**30, 2**30 + 1))
    bars = [Bar("NVDA", start, 1.5, 2, 1, 1, 100, 1, 0, None, None) for start in seconds]
    again = [replace(bars[0], close=1.25, trades=2)]
    produce(pipeline.address, pipeline.bars, [(b"NVDA", encode_bar(b)) for b in [*bars, *again]])
    step = checked_step("dismissed", "bad print", "", (), by="ann", at="2025-05-05T14:00:00.250Z")
    first = after(None, "e-1", step)
    second = after(first, "e-1", replace(step, state="open", by="bob"))
    produce(pipeline.address, reviews, [(b"e-1", encode_review(one)) for one in (first, second)])
    for _ in range(2):  # again from the beginning, which changes nothing
        group = f"{pipeline.group}-{time.monotonic_ns()}"
        told = {"SINK_TOPICS": "bars,reviews", "REVIEWS_TOPIC": reviews, "STOP_WHEN_IDLE_S": "3"}
        app = started(pipeline, bench, SINK_CONSUMER_GROUP=group, **told)
        assert app.wait(90) == 0
    if name == "postgres":
        rows = bench.query("select close::float, trades from bars order by bar_start")
        assert rows == [(1.25, 2), (1.0, 1)]
        decided = bench.query("select state, decided_by, steps from reviews")
        assert decided == [("open", "bob", 2)]
    wanted = (2, 1) if name == "postgres" else (3, 2)
    assert (bench.count("bars"), bench.count("reviews")) == wanted
