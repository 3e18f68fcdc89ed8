"""The small picture of an alert: it goes where a channel takes one, and never keeps an alert."""

import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tape.alerting.channels.by_apprise import apprise_channels
from tape.alerting.channels.webhook import Webhook
from tape.alerting.drawing import picture_of, trial_picture
from tape.alerting.illustrating import Fate, file_name
from tape.alerting.message import AwayError, Message, RefusedError, Takes
from tape.alerting.outbox import Outbox
from tape.alerting.parcel import Parcel, Result
from tape.alerting.pictures import PAUSE_S, Pictures
from tape.errors import BrokerError
from tape.model.trade import Trade
from tape.testing import SettableClock
from tests.receivers import http_receiver, mail_box
from tests.unit.alerting.test_delivery import Fake, announced, episode, raising

Answer = Callable[[str], str | None]
PNG = b"\x89PNG\r\n\x1a\n"
SOURCE = (0, 17)
LATER = "2025-03-03T15:00:00.000000900Z"


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, as the format has them, all checksums right."""
    assert png.startswith(PNG)
    at = len(PNG)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        chunk = png[at + 4 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(chunk)
        at += 12 + length
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def trade(nth: int, **more: Any) -> Trade:
    own = {"price_nanos": 137_500_000_000 + nth, "size": 100, "side": "N", "symbol": "S"}
    ts_ns = 1_741_014_000_000_000_000 + nth
    return Trade(ts_event_ns=ts_ns, publisher_id=1, sequence=nth, **{**own, **more})


@pytest.mark.parametrize(
    ("found", "trades"),
    [
        (episode(), [trade(n) for n in range(20)]),
        (
            episode(symbol="$x_{1$", price_extreme="9e9", state="closed"),
            [trade(0, symbol="$x_{1$")] * 5,
        ),
        (episode(last_ts_event=LATER), [trade(n, price_nanos=-n) for n in range(1_000)]),
        (episode(), [trade(n, size=2**32 - 1, price_nanos=10**16) for n in range(5)]),
    ],
)
def test_a_picture_is_small_whatever_the_trades_are(found: Any, trades: list[Trade]) -> None:
    png = picture_of(found, trades)
    assert png is not None
    assert size_of(png) == (640, 320)
    assert len(png) < 64 * 1024


@pytest.mark.parametrize(
    ("found", "trades"),
    [
        (episode(), [trade(n, symbol="OTHER") for n in range(20)]),  # the topic was made again
        (episode(), [trade(n) for n in range(10**9, 10**9 + 20)]),  # of another moment
        (episode(first_ts_event="yesterday"), [trade(n) for n in range(20)]),
        (episode(), [trade(n) for n in range(4)]),
    ],
)
def test_there_is_no_picture_of_other_trades(found: Any, trades: list[Trade]) -> None:
    assert picture_of(found, trades) is None


def test_a_mail_has_the_picture_as_a_file_of_its_own() -> None:
    picture = trial_picture()
    with mail_box() as box:
        (channel,) = apprise_channels(
            f"mailto://127.0.0.1:{box.port}?from=t@x.example&to=a@x.example", timeout_s=5
        )
        assert channel.takes_pictures == "with it"
        channel.send(Message("t", "x", "<p>x</p>", picture_png=picture, picture_name="S.png"), "o")
        (mail,) = box.mails
    (file,) = mail.iter_attachments()
    assert (file.get_content_type(), file.get_filename()) == ("image/png", "S.png")
    assert file.get_content() == picture
    body = mail.get_body(("html",))
    assert body is not None
    assert "<p>x</p>" in body.get_content()


@pytest.mark.parametrize(
    ("url", "takes"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "none"),
        ("slack://xoxb-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d/#desk", "after it"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "after it"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", "after it"),
        ("workflows://x.logic.azure.com/643e69f83c8944/KODuebWbDGYFr0z0", "none"),
        ("mailtos://u:p@x.example", "with it"),
        ("json://h", "with it"),
    ],
)
def test_each_service_takes_pictures_as_it_can(url: str, takes: Takes) -> None:
    (channel,) = apprise_channels(url, timeout_s=1)
    assert channel.takes_pictures == takes


def test_a_picture_that_follows_comes_without_words_and_its_failure_is_said() -> None:
    with http_receiver() as receiver:
        (channel,) = apprise_channels(f"form://127.0.0.1:{receiver.port}", timeout_s=5)
        channel.show(trial_picture(), "S.png")
        assert b'filename="S.png"' in receiver.got[0].body
        assert PNG in receiver.got[0].body
    with pytest.raises(AwayError):
        channel.show(trial_picture(), "S.png")
    with pytest.raises(RefusedError):
        Webhook("https://h/", "x" * 16, timeout_s=1).show(b"", "S.png")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "notify_url"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", "notify_url"),
        ("pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "notify_url"),
        ("ntfy://127.0.0.1:{port}/topic", ""),
    ],
)
def test_a_picture_that_follows_is_one_request_and_no_second_message(
    url: str, address: str
) -> None:
    with http_receiver() as receiver:
        (channel,) = apprise_channels(url.format(port=receiver.port), timeout_s=5)
        if address:
            setattr(channel._plugin, address, f"http://127.0.0.1:{receiver.port}/")
        channel.show(trial_picture(), "S.png")
        (got,) = receiver.got
    assert PNG in got.body
    assert b"S.png" in got.body or "S.png" in got.path


class Bench:
    def __init__(self, takes: Takes, draw: Callable[..., bytes | None] = lambda *_: PNG) -> None:
        self.channel, self.clock = Fake(), SettableClock()
        self.channel.takes_pictures = takes
        self.results, self.fates = list[Result](), list[Fate]()
        self.pictures = Pictures(draw, self.clock)
        self.box = Outbox(
            self.channel,
            write=lambda record: None,
            done=self.results.append,
            failed=lambda *_: None,
            timeout_s=1.0,
            give_up_s=100.0,
            pictures=self.pictures,
            shown=lambda channel, fate: self.fates.append(fate),
        )
        self.box.start()

    def told(self, name: str) -> Message:
        """Give a parcel and wait until it is sent, and its picture's fate is known."""
        sent, fates = len(self.results), len(self.fates)
        one = Parcel(announced(name), Message("t", "x", "x"), (), time.monotonic(), source=SOURCE)
        self.box.give(one)
        until_s = time.monotonic() + 60
        while len(self.results) == sent or len(self.fates) == fates:
            assert time.monotonic() < until_s
            time.sleep(0.005)
        assert self.results[-1].outcome == "sent"
        return self.channel.messages[-1]


def test_a_picture_goes_with_a_message_or_follows_it_as_the_channel_takes_it() -> None:
    bench = Bench("with it")
    assert bench.told("A").picture_png == PNG
    assert not bench.channel.shown
    after = Bench("after it")
    assert after.told("A").picture_png is None
    assert after.channel.shown == [(PNG, "S.png")]
    assert bench.fates == after.fates == ["sent"]


def test_a_message_that_is_refused_with_its_picture_goes_without_it_at_once() -> None:
    bench = Bench("with it")
    answers: Iterator[Answer] = iter(
        [raising(RefusedError("refused: HTTP 413")), lambda once: None]
    )
    bench.channel.answer = lambda once: next(answers)(once)
    assert bench.told("A").picture_png is None
    assert [one.picture_png for one in bench.channel.messages] == [PNG, None]
    assert bench.fates == ["failed"]


def test_a_message_that_is_tried_again_goes_without_its_picture() -> None:
    bench = Bench("with it")
    answers: Iterator[Answer] = iter([raising(AwayError("HTTP 500")), lambda once: None])
    bench.channel.answer = lambda once: next(answers)(once)
    assert bench.told("A").picture_png is None
    assert bench.fates == ["failed"]


def test_a_picture_that_a_channel_does_not_take_changes_nothing_for_its_message() -> None:
    bench = Bench("after it")
    bench.channel.showing = AwayError("HTTP 500")
    bench.told("A")
    assert (len(bench.channel.messages), bench.fates) == (1, ["failed"])


def broken(error: Exception) -> Callable[..., bytes | None]:
    def draw(*_: object) -> bytes | None:
        raise error

    return draw


@pytest.mark.parametrize(
    "draw",
    [broken(BrokerError("the trade has expired")), broken(OverflowError("x")), lambda *_: None],
)
def test_a_message_whose_picture_cannot_be_drawn_goes_without(
    draw: Callable[..., bytes | None], caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench("with it", draw)
    assert bench.told("A").picture_png is None
    assert bench.told("B").picture_png is None
    assert bench.fates == ["failed", "failed"]
    assert [one.message for one in caplog.records].count("no picture") <= 1


def test_who_draws_for_ever_holds_up_one_message_and_for_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tape.alerting.pictures.PICTURE_S", 0.2)
    held, begun = threading.Event(), list[int]()

    def draw(*_: object) -> bytes | None:
        begun.append(1)
        held.wait(60)
        return PNG

    bench = Bench("with it", draw)
    bench.told("A")
    bench.told("B")  # none is tried: one has failed just now
    bench.clock.sleep(PAUSE_S + 1)
    bench.told("C")  # none is tried: the first is still being drawn
    assert len(begun) == 1
    held.set()
    bench.clock.sleep(PAUSE_S + 1)
    until_s = time.monotonic() + 60
    while bench.told("D").picture_png is None:
        assert time.monotonic() < until_s
        bench.clock.sleep(PAUSE_S + 1)


def test_one_picture_is_drawn_for_all_channels() -> None:
    drawn = list[int]()

    def draw(*_: object) -> bytes | None:
        drawn.append(1)
        return PNG

    pictures = Pictures(draw)
    one = announced("A")
    assert [pictures.of(one, SOURCE) for _ in range(3)] == [PNG] * 3
    assert len(drawn) == 1


def test_a_file_is_named_after_the_symbol_without_what_names_of_files_should_not_have() -> None:
    names = {"BRK.B": "BRK.B.png", "../etc": ".._etc.png", "UD:1V: GN": "UD_1V_GN.png"}
    for symbol, name in names.items():
        one = announced("A")
        object.__setattr__(one, "episode", episode("A", symbol=symbol))
        assert file_name(one) == name
