"""What waits for a channel: replaced, taken back, written when told; and what is committed."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tape.alerting.decision import Announcement
from tape.alerting.kept import Sent, Told
from tape.alerting.message import (
    AwayError,
    ChannelError,
    Message,
    Reached,
    RefusedError,
    Takes,
)
from tape.alerting.outbox import Outbox
from tape.alerting.parcel import Parcel, Record, Result
from tape.alerting.rendering import rendered
from tape.alerting.underway import Underway
from tape.model.anomaly import DetectorIdentity
from tape.model.episode import Episode

AT = "2025-03-03T15:00:00.000000000Z"


def episode(name: str = "S-1-1", **more: Any) -> Episode:
    own = {"state": "opened", "flags": 1, "rules": {"High Volume": 1}, "text": "1 flagged trade."}
    given = {"symbol": "S", "first_ts_event": AT, "last_ts_event": AT} | own | more
    return Episode(episode_id=name, detector=DetectorIdentity("1", "x"), **given)


def announced(name: str = "S-1-1", step: int = 2, **more: Any) -> Announcement:
    told = Told("new", step, 7.0, 4.0, AT, (AT,), "all")
    record = Sent(name, "hook", "S", "all", step, "opened", AT, AT, 7.0, 4.0, None, "", told)
    given = {"kind": "new", "because": "priority 7.0"} | more
    return Announcement(channel="hook", rule="all", record=record, episode=episode(name), **given)


def parcel(one: Announcement, offset: int) -> Parcel:
    return Parcel(one, Message("t", "x", "x"), ((0, offset),), time.monotonic())


class Fake:
    """A channel that does what it is told for each message."""

    def __init__(self) -> None:
        self.name, self.place = "hook", "here"
        self.sent: list[str] = []
        self.messages: list[Message] = []
        self.shown: list[tuple[bytes, str]] = []
        self.showing: Exception | None = None
        self.takes_pictures: Takes = "none"
        self.answer: Callable[[str], str | None] = lambda once: "id-1"

    def send(self, message: Message, once: str) -> str | None:
        self.messages.append(message)
        given = self.answer(once)
        self.sent.append(once)
        return given

    def show(self, picture_png: bytes, name: str) -> None:
        if self.showing is not None:
            raise self.showing
        self.shown.append((picture_png, name))

    def reached(self) -> Reached:
        return Reached(True, "")


class Bench:
    def __init__(self, give_up_s: float = 100.0) -> None:
        self.channel, self.written = Fake(), list[Record]()
        self.results, self.failed = list[Result](), list[str]()
        self.box = Outbox(
            self.channel,
            write=self.written.append,
            done=self.results.append,
            failed=self._failed,
            timeout_s=1.0,
            give_up_s=give_up_s,
        )
        self.box.start()

    def _failed(self, channel: str, error: ChannelError) -> None:
        self.failed.append(str(error))

    def wait(self, done: Callable[[], bool]) -> None:
        until_s = time.monotonic() + 60
        while not done():
            assert time.monotonic() < until_s
            time.sleep(0.005)


def raising(error: Exception) -> Callable[[str], str | None]:
    def answer(once: str) -> str | None:
        raise error

    return answer


def test_what_was_acknowledged_is_written_with_the_channel_s_id_before_it_is_told() -> None:
    bench = Bench()
    bench.box.give(parcel(announced(), 5))
    bench.wait(lambda: bool(bench.results))
    (result,), (record,) = bench.results, bench.written
    assert result.outcome == "sent"
    assert isinstance(record, Sent)
    assert record.told is not None
    assert record.told.message_id == "id-1"
    bench.box.stop()


def test_what_is_refused_is_written_as_refused_and_not_tried_again() -> None:
    bench = Bench()
    bench.channel.answer = raising(RefusedError("refused: HTTP 400"))
    bench.box.give(parcel(announced(), 5))
    bench.wait(lambda: bool(bench.results))
    (record,) = bench.written
    assert isinstance(record, Sent)
    assert record.told is not None
    assert (bench.results[0].outcome, record.told.failed) == ("refused", "refused: HTTP 400")
    bench.box.stop()


def test_what_is_not_taken_in_time_is_given_up() -> None:
    bench = Bench(give_up_s=0.0)
    bench.channel.answer = raising(AwayError("HTTP 500"))
    bench.box.give(parcel(announced(), 5))
    bench.wait(lambda: bool(bench.results))
    assert (bench.results[0].outcome, bench.results[0].why) == ("given up", "given up: HTTP 500")
    bench.box.stop()


def test_a_newer_state_replaces_the_one_that_waits_and_stands_for_both() -> None:
    bench, held, began = Bench(), threading.Event(), threading.Event()

    def slow(once: str) -> str | None:
        began.set()
        held.wait(60)
        return None

    bench.channel.answer = slow
    first, second, third = announced("A"), announced("B"), announced("B", 4)
    bench.box.give(parcel(first, 1))
    assert began.wait(60)
    bench.box.give(parcel(second, 2))
    bench.box.give(parcel(third, 3))
    assert len(bench.box) == 2
    held.set()
    bench.wait(lambda: len(bench.results) == 2)
    assert bench.channel.sent == [first.once, third.once]
    assert bench.results[1].parcel.places == ((0, 2), (0, 3))
    bench.box.stop()


def test_what_is_withheld_meanwhile_is_written_when_the_channel_has_answered() -> None:
    bench, held, began = Bench(), threading.Event(), threading.Event()

    def slow(once: str) -> str | None:
        began.set()
        held.wait(60)
        return "id-2"

    bench.channel.answer = slow
    bench.box.give(parcel(announced("A", 2), 1))
    assert began.wait(60)
    withheld = announced("A", 4).record
    assert isinstance(withheld, Sent)
    assert bench.box.later(withheld)
    assert not bench.written
    held.set()
    bench.wait(lambda: bool(bench.results))
    (record,) = bench.written
    assert isinstance(record, Sent)
    assert record.told is not None
    assert (record.step, record.told.message_id) == (4, "id-2")
    assert not bench.box.later(withheld)
    bench.box.stop()


def test_what_was_taken_back_is_not_sent_nor_tried_again() -> None:
    bench, held, began = Bench(), threading.Event(), threading.Event()

    def away(once: str) -> str | None:
        began.set()
        held.wait(60)
        raise AwayError("HTTP 500")

    bench.channel.answer = away
    bench.box.give(parcel(announced("A"), 1))
    assert began.wait(60)
    bench.box.give(parcel(announced("B"), 2))
    back = bench.box.take_back(0.0)
    assert [one.announcement.once for one in back] == [announced("B").once]
    held.set()
    bench.wait(lambda: bool(bench.results))
    assert bench.results[0].outcome == "dropped"
    assert not bench.written
    assert len(bench.box) == 0
    bench.box.stop()


def test_nothing_behind_what_is_on_its_way_is_committed() -> None:
    way = Underway()
    way.took(0, 10)
    for offset in (4, 4, 7):
        way.began((0, offset))
    assert (way.safe(0, 10), way.safe(1, 3), way.ends(), len(way)) == (4, 3, {0: 4}, 3)
    way.ended((0, 4))
    assert way.safe(0, 10) == 4, "another channel has not been told"
    way.ended((0, 4))
    assert way.safe(0, 10) == 7
    way.ended((0, 7))
    assert way.ends() == {0: 10}
    way.began((0, 8))
    way.forget()
    way.ended((0, 8))
    assert len(way) == 0


HOSTILE = 'a <script>alert("x")</script> & @everyone <!channel>\x1b[31m\u202e'


def test_what_came_from_outside_is_text_in_html_and_calls_nobody() -> None:
    found = episode(
        HOSTILE, symbol=HOSTILE, reason=HOSTILE, text=HOSTILE, context=HOSTILE, rule=HOSTILE
    )
    one = announced(because=HOSTILE)
    message = rendered(
        Announcement("new", "hook", HOSTILE, HOSTILE, one.record, found), "https://desk.example"
    )
    assert "<script" not in message.html
    for text in (message.title, message.text, message.html):
        assert "@everyone" not in text
        assert "<!channel" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "\n" not in message.title


def test_the_end_of_an_episode_says_how_it_ended_and_when_in_both_times() -> None:
    found = episode(state="closed", mark="bad print", flags=14, notional_usd=4_125_137.5)
    one = announced()
    message = rendered(
        Announcement("ended", "hook", "all", "over", one.record, found), "https://desk.example/"
    )
    assert message.title == "S ended: bad print, likely"
    assert "reverted after 14 flagged trades: bad print, likely" in message.text
    assert "10:00:00.000 New York, 3 Mar 2025 (15:00:00.000 UTC)" in message.text
    assert "4,125,137.50" in message.text
    assert message.text.endswith("https://desk.example/?episode=S-1-1")


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_long_reason_is_cut(size: int) -> None:
    found = episode(reason="x" * size, text="y" * size)
    one = announced()
    message = rendered(Announcement("new", "hook", "all", "", one.record, found))
    assert len(message.text) < 4_000
    assert len(message.html) < 8_000
