"""Rejected records on a real broker: once each, in the transaction, and back after a fix."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from tape.kafka.follower import Follower
from tape.kafka.headers import headers_of
from tape.kafka.local.broker import LocalKafka
from tape.kafka.reader import read_topic
from tape.kafka.rejected_topic import rejected_records
from tape.model.fields import TIME_MIN_NS
from tape.model.trade import Trade, encode
from tests.apps import ROOT, Pipeline
from tests.kafka_client import produce, read_all
from tests.raw_headers import produce_with_headers

pytestmark = pytest.mark.broker


def trade(sequence: int, **changes: object) -> bytes:
    fields = {
        "ts_recv_ns": TIME_MIN_NS + sequence,
        "ts_event_ns": TIME_MIN_NS + sequence,
        "publisher_id": 2,
        "side": "B",
        "price_nanos": 142_000_000_000,
        "size": 30_000,
        "sequence": sequence,
        "symbol": "NVDA",
    }
    return encode(Trade(**(fields | changes)))  # type: ignore[arg-type]


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def tape(pipeline: Pipeline, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tape", "rejected", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **pipeline.env(), "NO_COLOR": "1", "COLUMNS": "200"},
    )


def judge_all(pipeline: Pipeline, **env: str) -> int:
    return pipeline.detect(STOP_WHEN_IDLE_S="2", **env).wait(60)


def start_topics(pipeline: Pipeline) -> None:
    """Let the detector make the topics, and end at once."""
    assert judge_all(pipeline) == 0


def send(pipeline: Pipeline, values: list[bytes]) -> None:
    produce(pipeline.address, pipeline.input, [(b"NVDA", value) for value in values])


def test_bad_records_go_with_the_transaction_once_even_if_the_detector_is_killed(
    pipeline: Pipeline,
) -> None:
    start_topics(pipeline)
    values = []
    for number in range(1, 2_001):
        values += [trade(number), b"bad %d" % number]
    send(pipeline, values)
    slow = {"BATCH_SIZE": "20", "COMMIT_INTERVAL_S": "0.3"}
    limits = {"REJECTED_SHARE_MAX": "0", "REJECTED_RUN_MAX": "0"}
    killed = pipeline.detect(**slow, **limits)
    pipeline.wait_until(lambda _, judged: judged > 0)
    killed.kill()
    assert judge_all(pipeline, **slow, **limits) == 0

    records = rejected_records(pipeline.client, pipeline.rejected)
    assert Counter(r.value for r in records) == Counter(b"bad %d" % n for n in range(1, 2_001))
    assert {r.reason for r in records} == {"message_not_json"}
    flagged = [json.loads(value)["sequence"] for value in pipeline.anomalies()]
    assert flagged == list(range(1, 2_001))


def test_headers_say_where_a_record_was_and_foreign_ones_do_no_harm_b42(
    pipeline: Pipeline,
) -> None:
    start_topics(pipeline)
    headers = [("reason", b"\xff\xfe not utf-8"), *((f"h{n}", b"x" * 100) for n in range(1_000))]
    produce(pipeline.address, pipeline.input, [(b"NVDA", trade(1))], headers=headers)
    produce(pipeline.address, pipeline.input, [(b"NVDA", b"nonsense")], headers=headers)
    produce(pipeline.address, pipeline.input, [(b"NVDA", trade(2))], headers=headers)
    assert judge_all(pipeline) == 0
    (record,) = rejected_records(pipeline.client, pipeline.rejected)
    assert (record.reason, record.app, record.value) == (
        "message_not_json",
        "anomaly_detector",
        b"nonsense",
    )
    assert record.source.startswith(f"{pipeline.input}[")
    assert record.can_be_retried
    assert len(pipeline.anomalies()) == 2


def test_too_many_bad_records_stop_the_app_before_anything_is_committed_b44(
    pipeline: Pipeline,
) -> None:
    start_topics(pipeline)
    send(pipeline, [b"bad"] * 1_000)
    stopped = pipeline.detect()
    assert stopped.wait(60) == 3
    sentence = stopped.log().splitlines()[-1]
    assert "1,000 records in a row" in sentence
    assert "message_not_json" in sentence
    assert pipeline.judged()[1] == 0
    assert not [m for lane in read_topic(pipeline.client, pipeline.rejected) for m in lane]

    assert judge_all(pipeline, REJECTED_RUN_MAX="0") == 0  # the operator continues regardless
    assert len(rejected_records(pipeline.client, pipeline.rejected)) == 1_000


def test_a_record_as_large_as_the_topic_takes_is_cut_and_named_b45(pipeline: Pipeline) -> None:
    start_topics(pipeline)
    huge = b'{"x":"' + b"y" * 900_000 + b'"}'
    send(pipeline, [trade(1), huge, trade(2)])
    assert judge_all(pipeline) == 0
    (record,) = rejected_records(pipeline.client, pipeline.rejected)
    assert record.reason == "message_too_large"
    assert (record.size, len(record.value)) == (len(huge), 65_536)
    assert not record.can_be_retried
    assert len(pipeline.anomalies()) == 2


def set_largest_message(pipeline: Pipeline, topic: str, size: int) -> None:
    resource = ConfigResource(
        ConfigResource.Type.TOPIC,
        topic,
        incremental_configs=[
            ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
        ],
    )
    admin = AdminClient(pipeline.client)
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(10)


def test_a_rejected_topic_that_takes_nothing_stops_the_app_and_nothing_is_lost_b45(
    pipeline: Pipeline,
) -> None:
    start_topics(pipeline)
    set_largest_message(pipeline, pipeline.rejected, 200)
    send(pipeline, [trade(1), b"bad" * 1_000, trade(2)])
    stopped = pipeline.detect(STOP_WHEN_IDLE_S="2")
    assert stopped.wait(90) == 4
    assert f"raise max.message.bytes of {pipeline.rejected}" in stopped.log()
    assert "Traceback" not in stopped.log()
    assert stopped.log().splitlines()[-1].startswith("error: ")
    assert pipeline.judged()[1] == 0
    assert pipeline.anomalies() == [], "they go with the same transaction"

    set_largest_message(pipeline, pipeline.rejected, 1_048_588)
    assert judge_all(pipeline) == 0
    (record,) = rejected_records(pipeline.client, pipeline.rejected)
    assert record.reason == "message_not_json"
    assert len(pipeline.anomalies()) == 2


def test_a_topic_deleted_under_a_running_detector_ends_it_with_a_sentence(
    pipeline: Pipeline,
) -> None:
    start_topics(pipeline)
    send(pipeline, [trade(1)])
    running = pipeline.detect()
    pipeline.wait_all_judged()
    admin = AdminClient(pipeline.client)
    admin.delete_topics([pipeline.input])[pipeline.input].result(10)
    start_s = time.monotonic()
    assert running.wait(60) not in (0, None)
    assert time.monotonic() - start_s < 30
    sentence = running.log().splitlines()[-1]
    assert sentence.startswith("error: ")
    assert pipeline.input in sentence
    assert "Traceback" not in running.log()


def test_rejected_records_are_listed_shown_and_sent_again_after_a_fix(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    start_topics(pipeline)
    unknown = trade(3).replace(b'"NVDA"', b'"AAPL"')  # under the key NVDA: another's partition
    send(pipeline, [trade(1), b"\x1b[31mnonsense", unknown, trade(2)])
    assert judge_all(pipeline) == 0

    listed = tape(pipeline, "list")
    assert listed.returncode == 0, listed.stderr
    assert "message_not_json" in listed.stdout
    rows = [json.loads(line) for line in tape(pipeline, "list", "--json").stdout.splitlines()]
    assert {row["reason"]: row["count"] for row in rows} == {
        "message_not_json": 1,
        "message_shape": 1,
    }
    shown = tape(pipeline, "show", "--reason", "message_not_json")
    assert "nonsense" in shown.stdout
    assert "\x1b[31m" not in shown.stdout, "what hostile bytes say must not reach the terminal"

    for words in (["show"], ["retry", "--yes"]):
        typo = tape(pipeline, *words, "--reason", "message_shap")
        assert (typo.returncode, typo.stdout) == (2, "")
        assert "choose from message_not_json 1, message_shape 1" in typo.stderr
    fixed = tmp_path / "fixed.jsonl"
    fixed.write_bytes(b"still nonsense\n")
    refused = tape(pipeline, "retry", "--fixed", str(fixed), "--yes")
    assert refused.returncode == 2
    assert "line 1 is still no trade" in refused.stderr
    fixed.write_bytes(trade(3) + b"\n" + trade(2) + b"\n")
    assert "2 records sent" in tape(pipeline, "retry", "--fixed", str(fixed), "--yes").stderr
    assert judge_all(pipeline) == 0
    flagged = sorted(json.loads(value)["sequence"] for value in pipeline.anomalies())
    assert flagged == [1, 2, 3], "the fixed one is judged, the repeat dropped"

    again = tape(pipeline, "retry", "--reason", "message_shape", "--yes")
    assert "1 record sent" in again.stderr
    assert judge_all(pipeline) == 0
    assert len(rejected_records(pipeline.client, pipeline.rejected)) == 3


def test_a_fixed_record_is_flagged_after_four_thousand_more_trades_of_its_symbol(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """More than a symbol remembers: it must not be taken for a repeat, nor for too late."""
    start_topics(pipeline)
    huge = trade(1, size=900_000)
    later = [trade(number, size=100) for number in range(2, 4_002)]
    send(pipeline, [b"cut " + huge, *later])
    assert judge_all(pipeline) == 0
    assert pipeline.anomalies() == []
    (record,) = rejected_records(pipeline.client, pipeline.rejected)
    assert record.value == b"cut " + huge

    fixed = tmp_path / "fixed.jsonl"
    fixed.write_bytes(record.value.removeprefix(b"cut ") + b"\n")
    sent = tape(pipeline, "retry", "--fixed", str(fixed), "--yes")
    assert (sent.returncode, "1 record sent" in sent.stderr) == (0, True), sent.stderr
    assert judge_all(pipeline) == 0
    (value,) = pipeline.anomalies()
    found = json.loads(value)
    assert (found["sequence"], found["size"]) == (1, 900_000)
    assert any("900,000" in reason["text"] for reason in found["reasons"])


def test_headers_whose_names_are_no_text_keep_nobody_from_the_rest(pipeline: Pipeline) -> None:
    """Once such a record was there, every look at the topic ended in a traceback."""
    start_topics(pipeline)
    odd = [(b"rea\xffson", b"v"), (b"reason", b"time_range")]
    for topic in (pipeline.rejected, pipeline.output):
        produce_with_headers(pipeline.address, topic, b"{}", odd)
    produce(pipeline.address, pipeline.rejected, [(None, b"x")], [("reason", b"time_syntax")])
    listed = tape(pipeline, "list", "--json")
    assert listed.returncode == 0, listed.stderr
    counts = {one["reason"]: one["count"] for one in map(json.loads, listed.stdout.splitlines())}
    assert counts == {"unknown": 1, "time_syntax": 1}
    with Follower(pipeline.client, {pipeline.output: 5, pipeline.rejected: 5}) as follower:
        seen = {record.reason for record in follower.before()}
    assert seen == {"", "time_syntax"}


def test_any_number_of_headers_whose_names_are_no_text_is_read(pipeline: Pipeline) -> None:
    """After a few calls the interpreter left the error to whatever came next."""
    start_topics(pipeline)
    for _ in range(40):
        produce_with_headers(pipeline.address, pipeline.output, b"{}", [(b"rea\xffson", b"v")])
    records = read_all(pipeline.address, pipeline.output)
    assert [headers_of(record) for record in records] == [[]] * 40
