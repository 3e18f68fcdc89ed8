"""`tape show`: which alert an id means, and what is shown of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tape.cli import one_alert
from tape.errors import BrokerError
from tape.page import stored
from tests.commands import Ended, tape
from tests.flagged_days import Told, changed, told

DAY = told(3)
ANOMALIES, EPISODES, REVIEWS = "anomalies", "episodes", "reviews"


@dataclass(frozen=True)
class Message:
    """What is asked of a message of Kafka's client."""

    place: str
    number: int
    named: bytes
    body: bytes | None

    def topic(self) -> str:
        return self.place

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.number

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000 + self.number

    def headers(self) -> list[tuple[str, bytes]]:
        return []

    def key(self) -> bytes:
        return self.named

    def value(self) -> bytes | None:
        return self.body


Shown = Callable[..., Ended]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Return what runs `tape show` on topics that hold a day."""

    def run(*words: str, day: Told = DAY) -> Ended:
        held = {
            ANOMALIES: [(b"NVDA", value) for value in (*day.anomalies, b"no JSON", None)],
            EPISODES: [(name.encode(), value) for name, value in (*day.episodes, ("NVDA-x", None))],
            REVIEWS: [],
        }
        topics = {
            topic: [Message(topic, n, *one) for n, one in enumerate(lane)]
            for topic, lane in held.items()
        }
        monkeypatch.setattr(stored, "read_topic", lambda _, topic: [topics[topic]])
        monkeypatch.setattr(stored, "partition_counts", lambda _, names: [1, 1, 0])
        monkeypatch.setattr(one_alert, "ready_broker", lambda *_, **__: None)
        return tape("show", *words)

    return run


def test_an_alert_is_shown_by_its_id_with_its_reason_and_decisions(shown: Shown) -> None:
    anomaly = json.loads(DAY.anomalies[1])
    for asked in (DAY.ids[1], anomaly["anomaly_id"]):
        ended = shown(asked, "--format", "table")
        assert (ended.returncode, ended.stderr) == (0, "")
        lines = ended.stdout.splitlines()
        assert lines[0].startswith("NVDA  " + anomaly["ts_event"][:10]), lines
        assert anomaly["reasons"][0]["text"] in ended.stdout
        assert DAY.ids[1] in lines
        assert "22,000" in ended.stdout  # its shares, by how it was made
        assert "the trades around it: it is not known where its trades lie" in lines
        assert lines[-1] == "nobody has decided yet"


def test_each_reason_has_lines_of_its_own_and_steers_nothing(shown: Shown) -> None:
    (reason,) = json.loads(DAY.anomalies[0])["reasons"]
    other = {**reason, "rule": "Isolation Forest", "text": "\x1b[2J far\nout"}
    day = replace(DAY, anomalies=[changed(DAY.anomalies[0], reasons=[reason, other])])
    lines = shown(DAY.ids[0], "--format", "table", day=day).stdout.splitlines()
    assert [line for line in lines if line.strip().startswith("Isolation Forest: ")]
    assert not [line for line in lines if "\x1b" in line or line.startswith("out")]


def test_other_forms_have_the_facts(shown: Shown) -> None:
    whole = json.loads(shown(DAY.ids[2], "--json").stdout)
    assert whole["episode"]["id"] == DAY.ids[2]
    assert [one["size"] for one in whole["episode"]["trades"]] == [23_000]
    head, row = shown(DAY.ids[2], "--format", "csv").stdout.splitlines()
    assert (head.split(",")[0], row.split(",")[0]) == ("anomaly_id", DAY.ids[2])


def test_what_an_id_begins_with_is_enough_if_it_is_the_only_one(shown: Shown) -> None:
    """A whole id counts, even if a longer one begins with it."""
    one = shown(DAY.ids[0][:-1], day=told(1))
    assert json.loads(one.stdout)["episode"]["id"] == DAY.ids[0]
    many = shown("NVDA-")
    assert many.returncode == 4
    assert "several episodes begin with 'NVDA-'" in many.stderr
    assert all(name in many.stderr for name in DAY.ids)
    numbers = [int(name.rpartition("-")[2]) for name in told(12).ids]
    assert str(numbers[-1]).startswith(str(numbers[0])), numbers


@pytest.mark.parametrize("asked", ["AAPL-1", "", '"', "NVDA-x", "\x1b[2J"])
def test_an_id_that_nothing_has_is_refused(asked: str, shown: Shown) -> None:
    ended = shown(asked)
    assert ended.returncode == 4
    assert "there is no episode" in ended.stderr
    assert "\x1b" not in ended.stderr


def test_the_trades_around_it_are_shown_with_the_flagged_ones_marked(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"ts": "2025-03-03T14:30:00.000000001Z", "price": 100 + n, "size": n, "side": "B"}
        | {"flagged": n == 2}
        for n in (1, 2, 3)
    ]
    found = {"trades": rows, "at": 1}
    monkeypatch.setattr(one_alert, "around_on_topic", lambda *_: lambda name, each: found)
    lines = shown(DAY.ids[0], "--around", "1", "--format", "table").stdout.splitlines()
    assert [line.split()[2] for line in lines if line.rstrip().endswith(" *")] == ["102.00"]
    assert "▁▅█" in lines

    def gone(*_: object) -> None:
        raise BrokerError("its trades are not kept any more", "")

    monkeypatch.setattr(one_alert, "around_on_topic", lambda *_: gone)
    ended = shown(DAY.ids[0], "--format", "table")
    assert "the trades around it: its trades are not kept any more" in ended.stdout


def test_a_message_about_it_that_cannot_be_read_is_said_and_changes_the_exit_code(
    shown: Shown,
) -> None:
    spoilt = changed(DAY.anomalies[0], anomaly_id=7)
    ended = shown(DAY.ids[0], day=replace(DAY, anomalies=[*DAY.anomalies, spoilt]))
    assert ended.returncode == 2
    assert "without 1 message about it, which cannot be read" in ended.stderr
    assert json.loads(ended.stdout)["episode"]["id"] == DAY.ids[0]
