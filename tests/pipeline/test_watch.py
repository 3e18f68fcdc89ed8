"""`tape watch` on a real broker: as a stream for programs, and as a live view."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tape.kafka.follower import Follower
from tape.kafka.group import Look
from tape.kafka.local.broker import LocalKafka
from tape.kafka.neighbours import trades_around
from tape.kafka.topics import create_topics, pipeline_topics
from tape.model.fields import price_text
from tape.settings.detector import DetectorSettings
from tape.synthetic import make_day, write_day
from tape.view.board import Board
from tape.view.feed import Arrived, Live, News, Trouble
from tape.view.terminal.app import WatchApp
from tests.apps import ROOT, Pipeline
from tests.flagged import flagged
from tests.kafka_client import produce

pytestmark = pytest.mark.broker
Shown = tuple[int, bytes]


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = made(kafka, topic_names, tmp_path)
    yield running
    running.end()


def made(kafka: LocalKafka, topic_names: Callable[[str], str], folder: Path) -> Pipeline:
    running = Pipeline(kafka.address, topic_names, folder)
    names = (running.input, running.output, running.rejected, running.episodes)
    create_topics(running.client, pipeline_topics(*names, running.group))
    return running


def watch(pipeline: Pipeline, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tape", "watch", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **pipeline.env()},
        cwd=ROOT,
    )


def message(number: int, symbol: str = "NVDA", rule: str = "High Volume") -> bytes:
    fields = {"symbol": symbol, "size": 1 + number, "anomaly_id": f"{symbol}-2-1-{number}"}
    return flagged([rule], ["It was large."], **fields)


def send(pipeline: Pipeline, *values: bytes) -> None:
    produce(pipeline.address, pipeline.output, [(b"NVDA", value) for value in values])


def test_a_stream_holds_committed_messages_only_as_they_came(pipeline: Pipeline) -> None:
    producer = Producer({**pipeline.client, "transactional.id": pipeline.group})
    producer.init_transactions(10)
    for commits in (True, False, True):
        producer.begin_transaction()
        for n in range(3):
            producer.produce(pipeline.output, message(n if commits else 66), b"NVDA")
        producer.flush(10)
        (producer.commit_transaction if commits else producer.abort_transaction)(10)
    process = watch(pipeline, "--jsonl", "--last", "100", "--limit", "6")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.encode().splitlines() == [message(n) for n in (0, 1, 2, 0, 1, 2)]


def test_without_a_terminal_it_streams_what_is_new_and_fits(pipeline: Pipeline) -> None:
    send(pipeline, message(1))
    process = watch(pipeline, "--symbol", "nvda", "--rule", "price", "--limit", "2")
    deadline_s = time.monotonic() + 60
    wanted = [message(n, rule="Rapid Price Change") for n in (2, 3)]
    while process.poll() is None:  # it is not known when it began to listen
        assert time.monotonic() < deadline_s
        other = message(4, "AAPL", "Rapid Price Change")
        send(pipeline, message(5), other, b"no anomaly", *wanted)
        time.sleep(0.5)
    out, err = process.communicate()
    assert process.returncode == 0
    assert out.encode().splitlines() == wanted
    assert f"skipped a message on {pipeline.output} that cannot be read" in err


def test_a_stream_ends_when_its_reader_goes_even_if_nothing_comes(pipeline: Pipeline) -> None:
    send(pipeline, message(1))
    process = watch(pipeline, "--jsonl", "--last", "1")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().encode() == message(1) + b"\n"
    process.stdout.close()
    assert process.wait(10) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_ctrl_c_ends_a_stream_quietly(pipeline: Pipeline) -> None:
    send(pipeline, message(1))
    process = watch(pipeline, "--jsonl", "--last", "1")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "")


def on_terminal(pipeline: Pipeline, until: bytes, keys: bytes, *words: str, **env: str) -> Shown:
    """Run it on a terminal of 80 by 24, press keys when `until` is shown, and wait for its end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "tape", "watch", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **pipeline.env(), "TERM": "xterm-256color", **env},
        cwd=ROOT,
    )
    os.close(theirs)
    shown, pressed = b"", False
    while True:
        try:
            block = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        shown += block
        if keys and not pressed and until in shown:
            os.write(ours, keys)
            pressed = True
    os.close(ours)
    return process.wait(60), shown


@pytest.mark.parametrize(("key", "code"), [(b"q", 0), (b"\x03", 130)])
def test_a_terminal_gets_the_view_and_is_given_back_as_it_was(
    pipeline: Pipeline, key: bytes, code: int
) -> None:
    send(pipeline, *map(message, range(3)))
    ended, shown = on_terminal(pipeline, b"It was large.", key)
    assert ended == code
    assert b"Traceback" not in shown
    assert shown.count(b"\x1b[?1049h") == shown.count(b"\x1b[?1049l") == 1  # the other screen
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")  # the cursor is there again


def test_a_dumb_terminal_gets_a_line_an_anomaly(pipeline: Pipeline) -> None:
    send(pipeline, message(0), message(1, rule="A\x1b[2J"))
    words = ("--trades", "--last", "9", "--limit", "2")
    ended, shown = on_terminal(pipeline, b"", b"", *words, TERM="dumb", TAPE_FORMAT="")
    assert ended == 0
    assert b"\x1b" not in shown
    lines = sorted(shown.decode().splitlines())
    head = "2025-03-03T15:00:00.123456789Z  NVDA  1.50"
    assert lines == [
        f"{head}  1  High Volume: It was large.",
        rf"{head}  2  A\x1b[2J: It was large.",
    ]


def test_as_many_of_the_newest_come_as_asked_for_whatever_transactions_leave_between(
    pipeline: Pipeline,
) -> None:
    config = {**pipeline.client, "transactional.id": pipeline.output}
    producer = Producer(config)
    producer.init_transactions(30)
    for number in range(60):  # a message and a mark each
        producer.begin_transaction()
        producer.produce(pipeline.output, message(number), b"NVDA", partition=0)
        producer.commit_transaction(30)
    for wanted, come in ((5, 5), (40, 40), (500, 60)):
        with Follower(pipeline.client, {pipeline.output: wanted}) as follower:
            values = [record.value for record in follower.before()]
            assert values == [message(number) for number in range(60 - come, 60)]


def test_topics_that_are_missing_are_told(pipeline: Pipeline) -> None:
    pipeline.output += "-not-made"
    process = watch(pipeline, "--jsonl")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert f"the topic {pipeline.output} is not there; make it with `tape topics create`" in err


def settings_of(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> DetectorSettings:
    for name, value in pipeline.env().items():
        monkeypatch.setenv(name, value)
    return DetectorSettings()


def test_a_broker_that_was_killed_is_followed_again(
    own_kafka: LocalKafka,
    topic_names: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own_kafka.start()
    pipeline = made(own_kafka, topic_names, tmp_path)
    settings = settings_of(pipeline, monkeypatch)
    newest = {settings.output: 10, settings.rejected: 0}
    live = Live(settings, Follower(pipeline.client, newest))

    def wait_for(fits: Callable[[News], bool]) -> None:
        deadline_s = time.monotonic() + 90
        while not fits(live.news.get(timeout=60)):
            assert time.monotonic() < deadline_s

    def brings(value: bytes) -> Callable[[News], bool]:
        return lambda news: (
            isinstance(news, Arrived) and value in [one.raw for one in news.anomalies]
        )

    live.start()
    send(pipeline, message(1))
    wait_for(brings(message(1)))
    wait_for(lambda news: isinstance(news, Look))
    own_kafka.kill()
    wait_for(lambda news: isinstance(news, Trouble) and "does not answer" in news.text)
    time.sleep(5)  # long enough for what was asked to have run out
    own_kafka.start()
    send(pipeline, message(2))
    wait_for(brings(message(2)))
    wait_for(lambda news: isinstance(news, Look))
    live.end()


def test_the_view_shows_what_the_detector_finds_with_the_trades_around(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_day(make_day(1, ["AAA", "BBB"], 20_000), tmp_path / "data")
    pipeline.detect()
    assert pipeline.produce(tmp_path / "data").wait() == 0
    pipeline.wait_all_judged()
    expected = [json.loads(value) for value in pipeline.anomalies()]
    settings = settings_of(pipeline, monkeypatch)
    client = settings.client_config()
    newest_first = {settings.output: 10_000, settings.episodes: 10_000, settings.rejected: 0}
    live = Live(settings, Follower(client, newest_first))
    board = Board()
    app = WatchApp(
        board, live.news, lambda one: trades_around(client, settings.input, one.source, each=3)
    )

    async def scene() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            deadline_s = time.monotonic() + 30
            while len(board.newest) < len(expected) or board.lag is None:
                assert time.monotonic() < deadline_s
                await pilot.pause(0.1)
            await pilot.press("e", "enter")  # the newest trade, not its event
            await app.workers.wait_for_complete()
            await pilot.pause()
            strips = app.screen._compositor.render_strips()
            shown.append("\n".join("".join(s.text for s in strip) for strip in strips))

    shown: list[str] = []
    live.start()
    try:
        asyncio.run(scene())
    finally:
        live.end()
    assert sorted(one.id for one in board.newest) == sorted(one["anomaly_id"] for one in expected)
    assert set(board.events) == {one["episode_id"] for one in expected}
    counted = {one.id: one.flags for one in board.events.values()}
    assert counted == Counter(one["episode_id"] for one in expected)
    assert board.lag == 0
    assert board.detectors == 1
    newest = board.newest[0]
    assert newest.time == max(one["ts_event"] for one in expected)
    found = trades_around(client, settings.input, newest.source or (0, 0), each=3)
    assert found.trades[found.at].symbol == newest.symbol
    assert float(price_text(found.trades[found.at].price_nanos)) == float(newest.price)
    for trade in found.trades:
        assert price_text(trade.price_nanos) in shown[0]
    assert newest.id in shown[0]
