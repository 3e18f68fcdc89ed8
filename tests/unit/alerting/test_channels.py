"""Channels against real receivers: what they send, how they take refusals, what they never say."""

import hashlib
import hmac
import logging
import threading
from collections.abc import Iterator

import pytest

from tape.alerting.channels.by_apprise import apprise_channels
from tape.alerting.channels.given import given_urls
from tape.alerting.channels.registry import channels_of
from tape.alerting.channels.webhook import Webhook
from tape.alerting.message import AwayError, Message, RefusedError
from tape.errors import SettingsError
from tape.kafka.local.broker import free_port
from tests.receivers import Answer, HttpReceiver, http_receiver, mail_box

SECRET = "a-canary-of-a-secret"  # noqa: S105
CANARY = "canary"
MESSAGE = Message(
    "NVDA: High Volume",
    "30,001 shares <b>",
    "<p>30,001 shares &lt;b&gt;</p>",
    fields={"kind": "new", "symbol": "NVDA"},
)


@pytest.fixture(scope="module")
def server() -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture
def receiver(server: HttpReceiver) -> HttpReceiver:
    server.got.clear()
    server.answers = lambda body: Answer()
    return server


def test_a_webhook_can_be_checked_by_whoever_has_the_secret(receiver: HttpReceiver) -> None:
    Webhook(receiver.url, SECRET, timeout_s=5).send(MESSAGE, "E-1|webhook|2")
    Webhook(receiver.url, SECRET, timeout_s=5).send(MESSAGE, "E-1|webhook|2")
    first, again = receiver.got
    signed = first.headers["X-Tapewatch-Timestamp"].encode() + b"." + first.body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert first.headers["X-Tapewatch-Signature"] == f"v1={expected}"
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert first.told["symbol"] == "NVDA"
    assert first.told["title"] == MESSAGE.title
    assert CANARY not in str(first.headers).replace("canary-of", "")


@pytest.mark.parametrize(
    ("status", "error", "person"),
    [
        (400, RefusedError, None),
        (413, RefusedError, None),
        (401, AwayError, True),
        (404, AwayError, True),
        (302, AwayError, True),
        (429, AwayError, False),
        (500, AwayError, False),
    ],
)
def test_each_status_is_taken_for_what_it_means(
    receiver: HttpReceiver, status: int, error: type[Exception], person: bool | None
) -> None:
    receiver.answers = lambda body: Answer(
        status, {"Retry-After": "17", "Location": f"{receiver.url}/elsewhere"}
    )
    for channel in channels_of(f"json://127.0.0.1:{receiver.port}", receiver.url, SECRET):
        with pytest.raises(error) as raised:
            channel.send(MESSAGE, "once")
        assert str(status) in str(raised.value)
        if isinstance(raised.value, AwayError):
            assert raised.value.needs_person is person
            waits = channel.name == "webhook" and not person
            assert raised.value.retry_after_s == (17 if waits else None)
    assert len(receiver.got) == 2, "nothing was followed, nothing tried again here"


def test_a_server_that_says_nothing_is_left_in_time(receiver: HttpReceiver) -> None:
    held = threading.Event()
    receiver.answers = lambda body: Answer(after=held)
    for channel in channels_of(
        f"json://127.0.0.1:{receiver.port}", receiver.url, SECRET, timeout_s=0.3
    ):
        with pytest.raises(AwayError):
            channel.send(MESSAGE, "once")
    held.set()
    receiver.wait_for(2)


def test_a_server_that_is_not_there_is_away_for_doctor_and_messages() -> None:
    port = free_port()
    for channel in channels_of(
        f"json://127.0.0.1:{port}", f"http://127.0.0.1:{port}/{CANARY}", SECRET
    ):
        with pytest.raises(AwayError) as raised:
            channel.send(MESSAGE, "once")
        assert CANARY not in str(raised.value)
        assert channel.reached().well is False


def test_a_server_that_is_there_is_reached_without_a_message(receiver: HttpReceiver) -> None:
    for channel in channels_of(f"json://127.0.0.1:{receiver.port}", receiver.url, SECRET):
        assert channel.reached().well is True
    assert not receiver.got


def test_a_mail_has_the_title_and_html_with_what_came_from_outside_as_text() -> None:
    with mail_box() as box:
        url = f"desk=mailto://127.0.0.1:{box.port}?from=tape@x.example&to=a@x.example"
        (channel,) = apprise_channels(url, timeout_s=5)
        assert channel.name == "desk"
        assert channel.reached().well is True
        channel.send(MESSAGE, "once")
        (mail,) = box.mails
        assert mail["Subject"] == MESSAGE.title
        body = mail.get_body(("html",))
        assert body is not None
        assert "30,001 shares &lt;b&gt;" in body.get_content()
        box.refuse = "554 refused"
        with pytest.raises(AwayError):
            channel.send(MESSAGE, "once")


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (f"slak://{CANARY}/x", "slack://"),
        (f"slack://{CANARY}", "number 1"),
        (f"json://h, mailto://u:{CANARY}@", "number 2"),
        (f"{CANARY}", "number 1"),
        (f"jsons://u:{CANARY}@h/?verify=no", "verify=no"),
        (f"a=json://h/{CANARY} a=json://i", "called a"),
        (f"webhook=json://h/{CANARY}", "called webhook"),
    ],
)
def test_an_address_that_cannot_work_is_said_without_its_secrets(urls: str, said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        apprise_channels(urls, timeout_s=5)
    assert said in str(raised.value)
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        (f"ftp://h/{CANARY}", SECRET),
        (f"https://u:{CANARY}@h/", SECRET),
        (f"https://h:port/{CANARY}", SECRET),
        (f"https:///{CANARY}", SECRET),
        ("https://h/", CANARY),
        ("https://h/", ""),
    ],
)
def test_a_webhook_that_cannot_work_is_said_without_its_secrets(url: str, secret: str) -> None:
    with pytest.raises(SettingsError) as raised:
        channels_of("", url, secret)
    assert CANARY not in str(raised.value)


def test_addresses_may_have_commas_of_their_own_and_remarks_between() -> None:
    text = "mailto://u:p@h?to=a@x,b@y, slack://a/b/c\n# ours\ndesk=json://h\n"
    found = [(one.name, one.scheme, one.url) for one in given_urls(text)]
    assert found == [
        (None, "mailto", "mailto://u:p@h?to=a@x,b@y"),
        (None, "slack", "slack://a/b/c"),
        ("desk", "json", "json://h"),
    ]


def test_nothing_that_apprise_logs_reaches_a_log(
    receiver: HttpReceiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.answers = lambda body: Answer(500)
    url = f"json://user:{CANARY}-word@127.0.0.1:{receiver.port}/{CANARY}"
    (channel,) = apprise_channels(url, timeout_s=5)
    with caplog.at_level(logging.DEBUG), pytest.raises(AwayError):
        channel.send(MESSAGE, "once")
    assert receiver.got, "it was sent"
    captured = capfd.readouterr()
    assert CANARY not in caplog.text + captured.out + captured.err + channel.place
