"""The alerter as a process: killed, beside another, its channels away; nobody is told twice."""

import json
import os
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tape.alerting.decision import Announcement
from tape.alerting.kept import Trial
from tape.errors import BrokerError
from tape.kafka.headers import provenance
from tape.kafka.local.broker import LocalKafka, free_port
from tape.kafka.reader import read_topic
from tape.kafka.topics import create_topics, pipeline_topics
from tape.model.episode import Episode, decode_episode
from tape.settings.alerter import AlerterSettings
from tape.streaming.alert_app import drawing
from tests.apps import App, Pipeline, wait_until
from tests.kafka_client import produce
from tests.receivers import Answer, HttpReceiver, http_receiver, mail_box
from tests.topic_schemas import assert_valid

pytestmark = pytest.mark.broker

SECRET = "a-canary-of-a-secret"  # noqa: S105
CANARY = "canary"
EACH = 60
KILLS = int(os.environ.get("ALERTER_KILLS", "1"))
"""More in a long run: ALERTER_KILLS=20 pytest tests/pipeline/test_alerter.py -k told"""

RULES = """
[[rule]]
name = "all"
min_priority = 3
cool_down = "0s"
max_per_hour = 1000
"""


def state(name: str, kind: str = "opened", *, flags: int = 1, priority: float = 7.0) -> Any:
    """A state of an episode as detectors write it: key and value."""
    told = {
        "episode_id": name,
        "symbol": name.split("-")[0],
        "state": kind,
        "flags": flags,
        "rules": {"High Volume": flags},
        "severity": 4.0,
        "priority": priority,
        "family": "size",
        "rule": "High Volume",
        "reason": "30,001 shares in one trade, <b>usual</b> are 100.",
        "shares": 30_001,
        "notional_usd": 4_125_137.5,
        "first_ts_event": "2025-03-03T15:00:00.000000001Z",
        "last_ts_event": "2025-03-03T15:00:00.000000001Z",
        "price_before": 137.5,
        "price_extreme": 139.0,
        "mark": "bad print" if kind == "closed" else None,
        "text": "1 flagged trade, 30,001 shares.",
        "detector": {"version": "1", "settings": "x"},
    }
    return name.encode(), json.dumps(told).encode()


class Told(Pipeline):
    """A pipeline with a topic of alerts."""

    def __init__(self, address: str, names: Callable[[str], str], folder: Path) -> None:
        super().__init__(address, names, folder)
        self.alerts = names("alerts")
        self.rules = folder / "rules.toml"
        self.rules.write_text(RULES)
        topics = (self.input, self.output, self.rejected, self.episodes)
        create_topics(self.client, pipeline_topics(*topics, alerts=self.alerts))

    def alerter(self, **more: str) -> App:
        own = {
            "ALERTS_TOPIC": self.alerts,
            "ALERT_CONSUMER_GROUP": self.group,
            "ALERT_RULES": str(self.rules),
            "ALERT_TIMEOUT_S": "3",
        }
        return self.start("alerter", **own | more)

    def tell(self, *states: Any) -> None:
        produce(self.address, self.episodes, list(states))

    def records(self) -> dict[str, dict[str, Any]]:
        """The newest record of each key on the topic of alerts."""
        lanes = read_topic(self.client, self.alerts)
        for message in (m for lane in lanes for m in lane):
            assert_valid("alerts", message.value())
        return {m.key().decode(): json.loads(m.value()) for lane in lanes for m in lane}

    def acknowledged(self) -> set[str]:
        """The episodes of which the topic says that their newest state was told."""
        found = self.records().values()
        return {r["episode_id"] for r in found if r["record"] == "episode" and r["told"]}


@pytest.fixture
def told(kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path) -> Iterator[Told]:
    running = Told(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


@pytest.fixture
def hook() -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        yield running


def webhook(hook: HttpReceiver) -> dict[str, str]:
    return {"ALERT_WEBHOOK_URL": hook.url, "ALERT_WEBHOOK_SECRET": SECRET}


def episodes(messages: list[dict[str, Any]]) -> list[str]:
    return [m["episode"]["episode_id"] for m in messages]


def test_every_episode_is_told_and_none_again_that_was_acknowledged(
    told: Told, hook: HttpReceiver
) -> None:
    """Each kill comes in the middle of a hundred messages; at the end two share the work."""
    for number in range(KILLS):
        first = len(hook.taken())
        app = told.alerter(**webhook(hook))
        told.tell(*(state(f"S{n}-{number}-1") for n in range(EACH)))
        wait_until(lambda: len(hook.taken()) > first + EACH // 3, "messages", app)  # noqa: B023
        app.kill()
        assert len(hook.taken()) < first + EACH, "killed in the middle"
        before, known = len(hook.taken()), told.acknowledged()
        assert known
        again = told.alerter(**webhook(hook))
        every = EACH * (number + 1)
        wait_until(lambda: len(told.acknowledged()) == every, "all told", again)  # noqa: B023
        assert again.stop() == 0
        assert not known & set(episodes(hook.taken()[before:]))
    counts = Counter(episodes(hook.taken()))
    assert len(counts) == EACH * KILLS
    assert sum(counts.values()) <= EACH * KILLS + KILLS, "what was in flight at a kill, no more"

    one = told.alerter(**webhook(hook), INSTANCE="one")
    other = told.alerter(**webhook(hook), INSTANCE="other")
    told.tell(*(state(f"S{n}-7-1") for n in range(EACH)))
    wait_until(lambda: len(told.acknowledged()) == EACH * (KILLS + 1), "these, too", one, other)
    told.tell(*(state(f"S{n}-8-1") for n in range(EACH)))
    assert one.stop() == 0
    wait_until(lambda: len(told.acknowledged()) == EACH * (KILLS + 2), "the rest", other)
    assert other.stop() == 0
    counts = Counter(episodes(hook.taken()))
    late = [name for name in counts if name.split("-")[1] in "78"]
    assert {counts[name] for name in late} == {1}
    assert len(late) == 2 * EACH


def test_a_channel_that_fails_holds_nobody_up_and_gets_what_it_can(
    told: Told, hook: HttpReceiver
) -> None:
    with http_receiver() as mate:
        port, held = free_port(), threading.Event()
        app = told.alerter(
            **webhook(hook),
            ALERT_URLS=f"desk=json://127.0.0.1:{mate.port}/{CANARY}",
            ALERT_PICTURES="0",
            METRICS_PORT=str(port),
            STOP_WHEN_IDLE_S="4",
        )
        answers = iter([Answer(500), Answer(429, {"Retry-After": "1"}), Answer(after=held)])
        hook.answers = lambda body: next(answers, Answer(400 if b"BAD-1-1" in body else 200))
        told.tell(state("BAD-1-1"), state("S1-1-1"), (b"x", b"{"), state("S2-1-1"))
        wait_until(lambda: len(mate.got) == 3, "the mate", app)
        wait_until(lambda: len(hook.got) >= 2, "tries", app)
        hook.stop()
        told.tell(state("S1-1-1", "closed"), state("S3-1-1", priority=1.0))
        ended = 'tapewatch_alerts_sent_total{channel="desk",kind="ended"} 1.0'
        wait_until(lambda: ended in fetched(port, "metrics"), "the mate again", app)
        withheld = 'tapewatch_alerts_withheld_total{reason="priority"} 2.0'
        wait_until(lambda: withheld in fetched(port, "metrics"), "both withheld", app)
        metrics = fetched(port, "metrics")
        assert 'tapewatch_channel_up{channel="webhook"} 0.0' in metrics
        assert "tapewatch_episodes_unreadable_total 1.0" in metrics
        assert "alerter: at work" in fetched(port, "health")
        held.set()
        hook.start()
        assert app.wait() == 2, app.log()
        taken = Counter(m["episode"]["episode_id"] for m in hook.taken() if m["kind"] != "test")
        assert taken.keys() == {"S1-1-1", "S2-1-1"}
        (given_up,) = app.events("alert given up")
        assert given_up["channel"] == "webhook"
        records = told.records()
        assert records["BAD-1-1|webhook"]["told"]["failed"] == "refused: HTTP 400"
        assert records["S1-1-1|desk"]["told"]["kind"] == "ended"
        assert records["S1-1-1|webhook"]["state"] == "closed"
        last = json.loads(mate.got[-1].body)
        assert "reverted after 1 flagged trade: bad print, likely" in last["message"]
        everything = app.log_file.read_text() + metrics + json.dumps(records)
        assert CANARY not in everything
        assert "Traceback" not in everything


def test_a_mail_has_the_trades_around_it_as_they_are_on_the_topic(
    told: Told, kafka: LocalKafka
) -> None:
    values = [(b"S1", made_trade(n)) for n in range(40)]
    produce(kafka.address, told.input, values)
    (lane,) = [lane for lane in read_topic(told.client, told.input) if lane]
    source = (lane[30].partition(), lane[30].offset())
    headers = provenance(*source, 0)
    key, value = state("S1-1-1")
    with mail_box() as box:
        port = free_port()
        url = f"mailto://127.0.0.1:{box.port}?from=tape@x.example&to=a@x.example"
        app = told.alerter(ALERT_URLS=url, METRICS_PORT=str(port))
        produce(kafka.address, told.episodes, [(key, value)], headers)
        wait_until(lambda: bool(box.mails), "the mail", app)
        assert app.stop() == 0
        files = [one.get_content() for one in box.mails[0].iter_attachments()]
    said = bool(app.events("no picture"))  # drawn in time, or said not to be: machines are busy
    assert len(files) == (not said)
    settings = AlerterSettings(**told.env())
    episode = decode_episode(value)
    assert isinstance(episode, Episode)
    one = Announcement("new", "mail", "all", "", Trial("mail", ""), episode)
    picture = drawing(settings)(one, source)
    assert picture is not None
    assert files in ([], [picture])
    with pytest.raises(BrokerError, match="expired"):
        drawing(settings)(one, (source[0], 1_000_000))


def made_trade(nth: int) -> bytes:
    told = {
        "ts_event": f"2025-03-03T15:00:00.{nth:09d}Z",
        "publisher_id": 1,
        "side": "N",
        "price": 137.5,
        "size": 100,
        "sequence": nth,
        "symbol": "S1",
    }
    return json.dumps(told).encode()


def fetched(port: int, page: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=20) as answer:
        return bytes(answer.read()).decode()


def test_an_address_with_a_typo_ends_the_app_with_a_sentence(told: Told) -> None:
    app = told.alerter(ALERT_URLS=f"slak://{CANARY}/x")
    assert app.wait() == 4, app.log()
    last = app.log().strip().splitlines()[-1]
    assert last.startswith("error: ALERT_URLS, number 1 (slak://…)")
    assert CANARY not in app.log_file.read_text()
