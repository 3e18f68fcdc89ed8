"""docs/alerts.md: what it tells people to write works, up to the servers that cannot be had."""

import re

import pytest

from tape.alerting.channels.by_apprise import apprise_channels
from tape.alerting.channels.webhook import Webhook
from tape.alerting.message import Message
from tests.apps import ROOT
from tests.receivers import http_receiver

PAGE = (ROOT / "docs/alerts.md").read_text()
SECRET = "0123456789abcdef-of-the-page"  # noqa: S105
MESSAGE = Message("title", "text", "<p>text</p>", fields={"kind": "test"})


def test_the_python_of_the_page_takes_what_we_send_and_nothing_else() -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    found: dict[str, object] = {}
    exec(program, found)  # noqa: S102
    check = found["is_from_tapewatch"]
    assert callable(check)
    with http_receiver() as receiver:
        Webhook(receiver.url, SECRET, timeout_s=5).send(MESSAGE, "once")
    (got,) = receiver.got
    assert check(SECRET, got.headers, got.body)
    assert not check("another-secret-0123", got.headers, got.body)
    assert not check(SECRET, got.headers, got.body + b" ")
    late = {**got.headers, "X-Tapewatch-Timestamp": "1"}
    assert not check(SECRET, late, got.body)


FILLED = {
    "T…/B…/…": "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "TOKEN_A/TOKEN_B/TOKEN_C": "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "HOST/WORKFLOW/SIGNATURE": "x.logic.azure.com/643e69f83c8944/KODuebWbDGYFr0z0",
    "BOT_TOKEN/CHAT_ID": "123456789:abcdefg_hijklmnop/12315544",
    "INTEGRATION_KEY@API_KEY": "abcdefghijklmnopqrstuvwxyzabcdef@abcdefghijklmnopqrst",
}


@pytest.mark.parametrize("address", re.findall(r"export ALERT_URLS='(.*)'", PAGE))
def test_each_address_of_the_commands_is_one(address: str) -> None:
    for blank, filled in FILLED.items():
        address = address.replace(blank, filled)
    (channel,) = apprise_channels(address, timeout_s=1)
    assert channel.place.endswith("(Apprise)")


def test_the_mail_of_the_page_goes_where_it_says() -> None:
    (address,) = re.findall(r"export ALERT_URLS='(mailtos.*)'", PAGE)
    for more, mode, port in [("", "starttls", 587), ("&mode=ssl", "ssl", 465)]:
        (channel,) = apprise_channels(address + more, timeout_s=1)
        plugin = channel._plugin
        assert (plugin.smtp_host, plugin.port, plugin.secure_mode) == (
            "smtp.example.com",
            port,
            mode,
        )
        assert (plugin.user, plugin.password) == ("tape@example.com", "APP-PASSWORD")
        assert [one[1] for one in plugin.targets] == ["desk@example.com"]
        assert plugin.from_addr[1] == "tape@example.com"
    (other,) = apprise_channels(address.replace("@example.com?", "@example.com:2525?"), timeout_s=1)
    assert other._plugin.port == 2525
    (local,) = re.findall(r"`(mailto://127[^`]*)`", PAGE)
    (plain,) = apprise_channels(local, timeout_s=1)
    assert (plain._plugin.smtp_host, plain._plugin.port) == ("127.0.0.1", 25)


@pytest.mark.parametrize(
    "line", [line for line in PAGE.splitlines() if re.match(r"\| .* \| `.*://", line)]
)
def test_each_address_of_the_table_is_one(line: str) -> None:
    for address in re.findall(r"`([^`]*://[^`]*)`", line):
        text = address
        for blank, filled in FILLED.items():
            text = text.replace(blank, filled)
        (channel,) = apprise_channels(text, timeout_s=1)
        assert channel.place.endswith("(Apprise)")
