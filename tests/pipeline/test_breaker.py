"""The circuit breaker under a supervisor: what tripped it trips it again, nothing is drained."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest
import zstandard
from confluent_kafka.admin import AdminClient, NewTopic

from tape.archives import find_archives
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.kafka.local.broker import LocalKafka
from tape.kafka.reader import read_topic
from tape.model.counts import Counts
from tape.model.fields import TIME_MIN_NS
from tape.model.trade import Trade, encode
from tape.synthetic import make_day, write_day
from tests.apps import App, Pipeline
from tests.kafka_client import produce, read_all

pytestmark = pytest.mark.broker

STARTS = 2
"""Starts after the first one; each must do what the one before did."""
BIG_EVERY = 701
Record = tuple[bytes, bytes]


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def judge_all(pipeline: Pipeline, **env: str) -> App:
    return pipeline.detect(STOP_WHEN_IDLE_S="2", **env)


def last_line(app: App) -> str:
    return app.log().splitlines()[-1]


def symbols_by_partition(pipeline: Pipeline) -> dict[int, str]:
    """A symbol for each partition of the input, by where a record of it comes to lie."""
    admin, probe = AdminClient(pipeline.client), f"{pipeline.input}-probe"
    partitions = admin.list_topics(pipeline.input, timeout=10).topics[pipeline.input].partitions
    admin.create_topics([NewTopic(probe, len(partitions), 1)])[probe].result(10)
    names = [b"S%d" % number for number in range(24)]
    produce(pipeline.address, probe, [(name, b"x") for name in names])
    found = {m.partition(): m.key().decode() for m in read_all(pipeline.address, probe)}
    assert found.keys() == partitions.keys()
    return found


def records(symbol: str, count: int, *, bad_every: int) -> list[Record]:
    """This many records of a symbol; one in `bad_every` is no trade, one in 701 is big."""
    made = []
    for number in range(1, count + 1):
        value = encode(
            Trade(
                ts_recv_ns=TIME_MIN_NS + number,
                ts_event_ns=TIME_MIN_NS + number,
                publisher_id=2,
                side="B",
                price_nanos=142_000_000_000,
                size=30_000 if number % BIG_EVERY == 0 else 100,
                sequence=number,
                symbol=symbol,
            )
        )
        made.append((symbol.encode(), value if number % bad_every else b"bad %d" % number))
    return made


def send(pipeline: Pipeline, sent: Sequence[Record]) -> None:
    for first in range(0, len(sent), 50_000):  # the client holds 100,000
        produce(pipeline.address, pipeline.input, sent[first : first + 50_000])


def by_the_judge(lanes: Sequence[list[Record]]) -> Counter[bytes]:
    """What is flagged of these records, without a broker and without a limit."""
    flagged: Counter[bytes] = Counter()
    for lane in lanes:
        judge = Judge(Parameters(), 50_000, Counts())
        judged = judge.judge([key for key, _ in lane], [value for _, value in lane])
        flagged.update(one.value for one in judged.flagged)
    return flagged


def by_hand(lanes: Sequence[list[Record]]) -> Counter[tuple[str, int]]:
    """Symbol and sequence of the big trades."""
    trades = [json.loads(v) for lane in lanes for _, v in lane if v.startswith(b"{")]
    return Counter((t["symbol"], t["sequence"]) for t in trades if t["size"] > 20_000)


def rejected(pipeline: Pipeline) -> Counter[str]:
    """How often each record is on `rejected`, by where it lay."""
    lanes = read_topic(pipeline.client, pipeline.rejected, settle_s=10)
    return Counter(dict(m.headers())["source"].decode() for lane in lanes for m in lane)


def bad_ones(pipeline: Pipeline, lanes: dict[int, list[Record]]) -> Counter[str]:
    return Counter(
        f"{pipeline.input}[{partition}]@{offset}"
        for partition, lane in lanes.items()
        for offset, (_, value) in enumerate(lane)
        if value.startswith(b"bad")
    )


def assert_judged_all(pipeline: Pipeline, lanes: dict[int, list[Record]]) -> None:
    """Every bad record once on `rejected`, every big trade once on `anomalies`, unchanged."""
    assert rejected(pipeline) == bad_ones(pipeline, lanes)
    found = Counter(pipeline.anomalies())
    seen = Counter((one["symbol"], one["sequence"]) for one in map(json.loads, found.elements()))
    assert seen == by_hand(list(lanes.values()))
    assert found == by_the_judge(list(lanes.values()))


def test_nine_bad_records_in_a_thousand_go_through_once_each(pipeline: Pipeline) -> None:
    assert judge_all(pipeline).wait(60) == 0
    partition, symbol = next(iter(symbols_by_partition(pipeline).items()))
    lanes = {partition: records(symbol, 130_000, bad_every=111)}
    send(pipeline, lanes[partition])
    assert judge_all(pipeline).wait() == 0
    assert_judged_all(pipeline, lanes)


def test_what_trips_the_breaker_trips_it_at_each_start_and_nothing_more_is_rejected(
    pipeline: Pipeline,
) -> None:
    assert judge_all(pipeline).wait(60) == 0
    symbols = symbols_by_partition(pipeline)
    lanes = {
        partition: records(symbol, 30_000, bad_every=111) for partition, symbol in symbols.items()
    }
    over = min(symbols)
    lanes[over] = records(symbols[over], 130_000, bad_every=93)  # 1,075 of the first 100,000
    send(pipeline, [record for lane in lanes.values() for record in lane])

    first = judge_all(pipeline)
    assert first.wait() == 3, first.log()
    sentence = last_line(first)
    where = f"1.075% of the last 100,000 records of {pipeline.input}[{over}] up to offset 99999"
    assert where in sentence
    assert "more than REJECTED_SHARE_MAX=0.01;" in sentence
    kept, offsets = rejected(pipeline), pipeline.judged()
    assert kept, "the breaker tripped in the middle of the work"

    for _ in range(STARTS):
        again = pipeline.detect()  # as a supervisor does, for ever
        assert again.wait() == 3, again.log()
        assert last_line(again) == sentence
        assert rejected(pipeline) == kept
        assert pipeline.judged() == offsets

    assert judge_all(pipeline, REJECTED_SHARE_MAX="0.0107").wait() == 3, "raised, not enough"
    assert rejected(pipeline) == kept
    assert judge_all(pipeline, REJECTED_SHARE_MAX="0.011").wait() == 0
    assert_judged_all(pipeline, lanes)


def test_a_run_of_bad_records_ends_each_start_until_the_limit_is_off(pipeline: Pipeline) -> None:
    assert judge_all(pipeline).wait(60) == 0
    symbol = next(iter(symbols_by_partition(pipeline).values()))
    lane = records(symbol, 2_000, bad_every=10**9)
    lane[500:1_600] = [(symbol.encode(), b"bad %d" % number) for number in range(1_100)]
    send(pipeline, lane)
    sentences = set()
    for batch in ("1000", "70", "333"):  # however the batches fall
        tripped = judge_all(pipeline, BATCH_SIZE=batch)
        assert tripped.wait() == 3, tripped.log()
        sentences.add(last_line(tripped))
    (sentence,) = sentences
    assert "1,000 records in a row" in sentence
    assert "up to offset 1499 " in sentence
    assert judge_all(pipeline, REJECTED_RUN_MAX="0").wait() == 0
    assert rejected(pipeline).total() == 1_100
    assert judge_all(pipeline).wait() == 0, "what was passed with the limit off is forgotten"


@pytest.mark.full
def test_a_producer_that_tripped_trips_at_each_start_and_sends_nothing_more(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    day = make_day(seed=5, trades=130_000, symbols=("NVDA", "AAPL"), day=date(2025, 3, 3))
    write_day(day, made)
    (archive,) = find_archives(made).archives
    with zstandard.open(archive.path, "rt") as file:
        lines = file.read().splitlines()
    for number in range(93, len(lines), 93):
        lines[number] = f"nonsense {number}"
    data = tmp_path / "data"
    data.mkdir()
    (data / archive.path.name.removesuffix(".zst")).write_text("\n".join(lines) + "\n")

    first = pipeline.produce(data)
    assert first.wait() == 3, first.log()
    assert "1.075% of the last 100,000 records" in last_line(first)
    sent, kept = len(pipeline.stocks()), rejected(pipeline)
    assert 90_000 < sent < 100_000
    for _ in range(2):
        again = pipeline.produce(data)
        assert again.wait() == 3, again.log()
        assert last_line(again) == last_line(first)
        assert (len(pipeline.stocks()), rejected(pipeline)) == (sent, kept)
    assert pipeline.produce(data, REJECTED_SHARE_MAX="0").wait() == 2
    bad = len(range(93, len(lines), 93))
    assert (len(pipeline.stocks()), rejected(pipeline).total()) == (130_000 - bad, bad)
    assert set(rejected(pipeline).values()) == {1}
