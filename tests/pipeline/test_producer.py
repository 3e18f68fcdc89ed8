"""The producer on a real broker: what it remembers, what it forgets, and how it ends."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import zstandard
from confluent_kafka.admin import AdminClient

from tape.archives import find_archives, read_archive
from tape.archives.one_tape import read_tape
from tape.kafka.local.broker import LocalKafka, free_port
from tape.kafka.reader import read_topic
from tape.kafka.topics import TopicSpec, create_topics
from tape.model.fields import TIME_MAX_NS
from tape.streaming.positions import positions_topic, read_positions
from tape.synthetic import make_day, write_day
from tests.apps import ROOT, Pipeline
from tests.kafka_client import produce, read_all

pytestmark = pytest.mark.broker
TRADES = 6_000


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


@pytest.fixture
def days(tmp_path: Path) -> Path:
    """Two days, as plain CSV."""
    folder = tmp_path / "days"
    folder.mkdir()
    for seed, day in ((1, date(2025, 3, 3)), (2, date(2025, 3, 4))):
        made = tmp_path / f"made-{seed}"
        write_day(make_day(seed=seed, trades=TRADES, symbols=("NVDA", "AAPL"), day=day), made)
        (archive,) = find_archives(made).archives
        with zstandard.open(archive.path, "rb") as file:
            (folder / archive.path.name.removesuffix(".zst")).write_bytes(file.read())
    return folder


def tape(pipeline: Pipeline, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tape", "producer", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **pipeline.env()},
        timeout=120,
    )


def files(pipeline: Pipeline) -> dict[str, dict[str, object]]:
    """What `tape producer status` says, by name."""
    done = tape(pipeline, "status", "--json")
    assert done.returncode == 0, done.stderr
    return {one["file"]: one for one in json.loads(done.stdout)["files"]}


def last_line(pipeline: Pipeline) -> str:
    return pipeline.started[-1].log().splitlines()[-1]


def test_the_status_of_a_topic_that_is_not_there_is_no_clean_answer(pipeline: Pipeline) -> None:
    told = tape(pipeline, "status", "--json")
    assert told.returncode == 2, told.stderr
    assert json.loads(told.stdout)["topic_exists"] is False


def test_forgotten_files_are_sent_again_with_the_same_messages(
    pipeline: Pipeline, days: Path
) -> None:
    assert pipeline.produce(days).wait() == 0
    once = Counter(pipeline.stocks())
    assert once.total() == 2 * TRADES
    first, second = sorted(days.iterdir())
    known = files(pipeline)
    assert {name: (one["rows"], one["trades"], one["state"]) for name, one in known.items()} == {
        path.name: (TRADES, TRADES, "sent") for path in (first, second)
    }

    refused = tape(pipeline, "forget", "unknown.csv")
    assert refused.returncode == 2
    assert "nothing was forgotten" in refused.stderr
    assert tape(pipeline, "forget", str(first)).returncode == 0
    assert set(files(pipeline)) == {second.name}
    assert pipeline.produce(days).wait() == 0
    again = Counter(pipeline.stocks()) - once
    (archive,) = find_archives(first).archives
    batches = list(read_archive(archive, latest_ns=TIME_MAX_NS))
    assert again == Counter(value for batch in batches for value in batch.values)

    prefix = str(files(pipeline)[second.name]["sha256"])[:12]
    assert tape(pipeline, "forget", prefix).returncode == 0
    assert set(files(pipeline)) == {first.name}
    assert tape(pipeline, "forget", "--all").returncode == 0
    assert files(pipeline) == {}
    assert pipeline.produce(days).wait() == 0
    assert Counter(pipeline.stocks()).total() == 5 * TRADES


def test_a_topic_made_anew_is_noticed_at_the_start(pipeline: Pipeline, days: Path) -> None:
    assert pipeline.produce(days).wait() == 0
    admin = AdminClient(pipeline.client)
    admin.delete_topics([pipeline.input])[pipeline.input].result(20)
    deadline_s = time.monotonic() + 20
    while pipeline.input in admin.list_topics(timeout=10).topics:
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    create_topics(pipeline.client, [TopicSpec(pipeline.input, 4)])
    # As long as before: only its id tells it from the earlier one.
    produce(pipeline.address, pipeline.input, [(b"%d" % n, b"x") for n in range(3 * TRADES)])

    assert pipeline.produce(days).wait() == 4
    assert f"{pipeline.input} was made again" in last_line(pipeline)
    assert "`tape producer forget --all`" in last_line(pipeline)
    assert json.loads(tape(pipeline, "status", "--json").stdout)["made_anew"] is True
    assert len(pipeline.stocks()) == 3 * TRADES

    assert tape(pipeline, "forget", "--all").returncode == 0
    assert pipeline.produce(days).wait() == 0
    assert len(pipeline.stocks()) == 5 * TRADES


def test_the_second_with_one_instance_takes_over_and_nothing_is_repeated(
    pipeline: Pipeline, days: Path
) -> None:
    first = pipeline.produce(days, REPLAY_SPEED="800")
    deadline_s = time.monotonic() + 150
    while not first.events("sending"):
        assert time.monotonic() < deadline_s, first.log()
        time.sleep(0.1)
    time.sleep(2)
    second = pipeline.start("producer", DATA_DIR=str(days))
    assert second.wait() == 0
    assert first.wait() == 4
    assert "another producer took over as INSTANCE=test" in first.log()
    assert "Traceback" not in first.log()
    assert Counter(Counter(pipeline.stocks()).values()) == {1: 2 * TRADES}


def test_rejected_rows_end_it_with_2_and_the_first_is_named(pipeline: Pipeline, days: Path) -> None:
    first, _ = sorted(days.iterdir())
    lines = first.read_text().splitlines()
    lines[10] = "nonsense"
    lines[20] = ""
    lines[30] = lines[30].replace("2025", "20x5", 1)
    first.write_text("\n".join(lines) + "\n")
    for start in range(2):  # what is missing on the topic stays missing when nothing is left
        assert pipeline.produce(days).wait() == 2
        assert "2 records rejected" in last_line(pipeline)
        assert f"{first.name}:11 row_columns" in last_line(pipeline)
        (done,) = pipeline.started[-1].events("producer done")[start:]
        assert done["missing"] == {"row_columns": 1, "time_syntax": 1}
        rows = int(str(done["rows"]))
        assert rows == (0 if start else 2 * TRADES)
        assert rows == done["trades"] + done["skipped"] + sum(done["rejected"].values())
    assert len(pipeline.stocks()) == 2 * TRADES - 3
    assert len(read_all(pipeline.address, pipeline.rejected)) == 2
    one = files(pipeline)[first.name]
    assert (one["rows"], one["trades"], one["skipped"], one["rejected_rows"]) == (
        TRADES,
        TRADES - 3,
        1,
        2,
    )


def test_files_of_one_time_are_merged_and_a_stop_in_the_middle_repeats_nothing(
    pipeline: Pipeline, days: Path
) -> None:
    first, second = sorted(days.iterdir())
    second.unlink()
    header, *rows = first.read_text().splitlines()
    for number in range(3):  # three venues' files of one day
        part = days / f"part-{number}.trades.csv"
        part.write_text("\n".join([header, *rows[number::3]]) + "\n")
    first.unlink()
    in_the_middle = 0
    for seconds in (1.0, 2.5, 4.0):
        app = pipeline.produce(days, REPLAY_SPEED="400")
        deadline_s = time.monotonic() + 150
        # The first start begins with a file, the others with the rest of a batch.
        while not app.events("sending") and not app.events("resuming batch"):
            assert time.monotonic() < deadline_s, app.log()
            time.sleep(0.1)
        app.log_file.unlink()
        time.sleep(seconds)
        assert app.stop() == 0  # handled: its parent has its handler before there is a source
        stopped = read_positions(pipeline.client, positions_topic(pipeline.input))
        in_the_middle += len(stopped.ahead)
    assert in_the_middle, "no stop fell into the middle of a batch"
    assert pipeline.produce(days).wait() == 0
    values = pipeline.stocks()
    assert Counter(Counter(values).values()) == {1: TRADES}
    merged = [
        v
        for step in read_tape(find_archives(days).archives, latest_ns=TIME_MAX_NS)
        for v in step.values
    ]
    for symbol in (b'"NVDA"', b'"AAPL"'):
        found = [v for v in values if symbol in v]
        assert found == [v for v in merged if symbol in v]
        # The clocks of synthetic days swap trades of one packet, by some microseconds.
        times_us = [ts_event_us(v) for v in found]
        assert all(at <= after + 1_000 for at, after in itertools.pairwise(times_us))


def ts_event_us(value: bytes) -> int:
    at = datetime.fromisoformat(json.loads(value)["ts_event"])
    return (at - datetime(2025, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_other_symbols_than_a_file_was_sent_with_are_said(pipeline: Pipeline, days: Path) -> None:
    assert pipeline.produce(days, SYMBOLS="NVDA").wait() == 0
    assert pipeline.produce(days, SYMBOLS="NVDA").wait() == 0
    assert pipeline.produce(days, SYMBOLS="NVDA,AAPL").wait() == 2
    assert "sent with SYMBOLS=NVDA" in last_line(pipeline)
    assert tape(pipeline, "forget", "--all").returncode == 0
    assert pipeline.produce(days).wait() == 0


def test_positions_of_an_earlier_version_are_taken_over(pipeline: Pipeline, days: Path) -> None:
    first, second = (archive.sha256 for archive in find_archives(days).archives)
    old = f"changelog__{pipeline.input}-producer--source-archives"
    create_topics(pipeline.client, [TopicSpec(old, 1)])
    produce(
        pipeline.address,
        old,
        [
            (b'"%s"' % first.encode(), b'{"rows":6000,"done":true,"damaged":false}'),
            (b'"%s"' % second.encode(), b'{"rows":2000,"done":false,"damaged":false}'),
        ],
    )
    assert pipeline.produce(days).wait() == 0
    assert len(pipeline.stocks()) == 4_000
    assert tape(pipeline, "forget", "--all").returncode == 0
    assert pipeline.produce(days).wait() == 0
    assert len(pipeline.stocks()) == 4_000 + 2 * TRADES


def test_an_expired_transactional_id_and_a_long_sleep_are_no_end(
    tmp_path: Path, topic_names: Callable[[str], str], days: Path
) -> None:
    """The broker forgets an id after 3 s; a night between two trades is longer."""
    short = {
        "transactional.id.expiration.ms": "3000",
        "transaction.remove.expired.transaction.cleanup.interval.ms": "500",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    }
    first, second = sorted(days.iterdir())
    second.unlink()
    header, *rows = first.read_text().splitlines()
    rows = rows[:200]
    late = [row.replace("2025-03-03T", "2025-03-04T") for row in rows]
    first.write_text("\n".join([header, *rows, *late]) + "\n")
    with LocalKafka(tmp_path / "kafka", free_port(), extra=short) as kafka:
        pipeline = Pipeline(kafka.address, topic_names, tmp_path)
        app = pipeline.produce(days, REPLAY_SPEED="8640")  # a day in 10 s
        assert app.wait() == 0
        assert app.events("transaction lost, continuing"), "the id was not forgotten"
        assert Counter(Counter(pipeline.stocks()).values()) == {1: 400}


@pytest.mark.full
def test_a_producer_asleep_for_longer_than_its_transaction_goes_on(
    pipeline: Pipeline, days: Path
) -> None:
    app = pipeline.produce(days, REPLAY_SPEED="2000")
    deadline_s = time.monotonic() + 150
    while not app.events("sending"):
        assert time.monotonic() < deadline_s, app.log()
        time.sleep(0.1)
    time.sleep(1.5)
    os.killpg(app.process.pid, signal.SIGSTOP)
    time.sleep(45)  # the transaction's 30 s, and the broker looks every 10 s
    os.killpg(app.process.pid, signal.SIGCONT)
    assert app.wait() == 0
    assert Counter(Counter(pipeline.stocks()).values()) == {1: 2 * TRADES}
    assert [m for lane in read_topic(pipeline.client, pipeline.rejected) for m in lane] == []


def test_a_topic_that_takes_no_such_message_is_named_with_its_setting(
    pipeline: Pipeline, days: Path
) -> None:
    create_topics(pipeline.client, [TopicSpec(pipeline.input, 4, {"max.message.bytes": "200"})])
    assert pipeline.produce(days).wait() == 4
    assert f"raise max.message.bytes of {pipeline.input}" in last_line(pipeline)
    assert pipeline.stocks() == []
