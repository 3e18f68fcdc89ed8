"""The alerter's work without a broker: who sends digests, and what comes again."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from tape.alerting.decider import Decider
from tape.alerting.kept import decode_record
from tape.alerting.message import AwayError, Message, Reached, Takes
from tape.alerting.rules import AlertRule
from tape.model.fields import NANOS
from tape.model.rejected import Rejected
from tape.settings.alerter import AlerterSettings
from tape.streaming.alerting import Alerting
from tape.streaming.message_batch import MessageBatch
from tape.testing import SettableClock

NOW_NS = 1_750_000_000 * NANOS


class Topic:
    """The topic of alerts in memory."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes | None]] = []
        self.read = 0

    def catch_up(self) -> list[tuple[bytes | None, bytes | None]]:
        found, self.read = self.records[self.read :], len(self.records)
        return found

    news = catch_up

    def put(self, key: bytes, value: bytes) -> None:
        self.records.append((key, value))

    write = put

    def settle(self) -> None:
        return

    def close(self) -> None:
        return


class Channel:
    name, place = "hook", "here"
    takes_pictures: Takes = "none"

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.away = False

    def send(self, message: Message, once: str) -> str | None:
        if self.away:
            raise AwayError("HTTP 503")
        self.taken.append(message)
        return None

    def show(self, picture_png: bytes, name: str) -> None:
        raise AssertionError("there are none")

    def reached(self) -> Reached:
        return Reached(True, "")


class Written:
    """A record of `episodes`, as the client hands it out."""

    def __init__(self, offset: int, value: bytes) -> None:
        self._offset, self._value = offset, value

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        return TIMESTAMP_LOG_APPEND_TIME, NOW_NS // 1_000_000


def batch(partition: int, *names: str) -> MessageBatch:
    at = "2025-06-15T15:06:40.000000000Z"
    told = {"state": "opened", "flags": 1, "rules": {"High Volume": 1}, "priority": 7.0} | {
        "text": "1 flagged trade.",
        "first_ts_event": at,
        "last_ts_event": at,
        "detector": {"version": "1", "settings": "x"},
    }
    values = [json.dumps(told | {"episode_id": n, "symbol": n[:1]}).encode() for n in names]
    messages: Any = [Written(number, value) for number, value in enumerate(values)]
    return MessageBatch(partition, messages, len(names))


class Bench:
    def __init__(self, topic: Topic | None = None, *, away: bool = False) -> None:
        self.topic, self.channel, self.clock = topic or Topic(), Channel(), SettableClock()
        self.channel.away, self.now_ns = away, NOW_NS
        rule = AlertRule("all", cool_down_s=0.0, max_per_hour=1)
        self.decider = Decider((rule,), ["hook"])
        self.work = Alerting(
            AlerterSettings(),
            [self.channel],
            self.decider,
            self.topic,  # type: ignore[arg-type]
            clock=self.clock,
            now_ns=lambda: self.now_ns,
        )
        self.committed: dict[int, int] = {}
        self.work.commit = self.committed.update
        self.work.start()

    def until(self, done: Callable[[], bool]) -> None:
        until_s = time.monotonic() + 60
        while not done():
            assert time.monotonic() < until_s
            self.clock.sleep(2)
            self.work.polled()
            time.sleep(0.005)

    def kinds(self) -> list[object]:
        return [message.fields["kind"] for message in self.channel.taken]


@pytest.fixture(autouse=True)
def _no_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("partition", [0, 1])
def test_who_has_the_first_partition_sends_the_digest(partition: int) -> None:
    bench = Bench()
    bench.work.begin("episodes", partition, 0)
    bench.work.take(batch(partition, "A-1-1", "B-1-1", "C-1-1"))
    bench.until(lambda: len(bench.channel.taken) == 1)
    bench.now_ns += 3_600 * NANOS
    if partition == 0:
        bench.until(lambda: len(bench.channel.taken) == 2)
        assert bench.kinds() == ["new", "digest"]
        assert "B" in bench.channel.taken[1].text
    else:
        for _ in range(3):
            bench.clock.sleep(2)
            bench.work.polled()
        assert not bench.decider.counts["announced", "digest", "hook"]
        assert bench.committed == {1: 3}
    bench.work.close()


def test_what_waits_when_partitions_go_is_decided_on_again_where_they_come() -> None:
    bench = Bench(away=True)
    bench.work.begin("episodes", 0, 0)
    bench.work.take(batch(0, "A-1-1"))
    bench.until(lambda: bench.committed == {0: 0})
    assert bench.work.safe(0, 1) == 0, "nothing is committed before it is acknowledged"
    bench.work.leave()
    bench.work.gone()
    bench.channel.away = False
    bench.work.begin("episodes", 0, 0)
    bench.until(lambda: not bench.channel.taken)
    bench.work.take(batch(0, "A-1-1"))
    bench.until(lambda: bench.committed == {0: 1})
    assert bench.kinds() == ["new"]
    bench.work.close()


def test_the_next_owner_repeats_nothing_that_the_last_one_had_acknowledged() -> None:
    first = Bench()
    first.work.begin("episodes", 0, 0)
    first.work.take(batch(0, "A-1-1"))
    first.until(lambda: first.committed == {0: 1})
    (record,) = [decode_record(value) for _, value in first.topic.records]
    assert not isinstance(record, Rejected)
    first.topic.read = 0
    second = Bench(first.topic)
    second.work.begin("episodes", 0, 0)
    second.work.take(batch(0, "A-1-1"))
    second.until(lambda: second.committed == {0: 1})
    assert not second.channel.taken
    first.work.close()
    second.work.close()
