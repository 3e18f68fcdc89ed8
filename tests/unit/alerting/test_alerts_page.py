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
