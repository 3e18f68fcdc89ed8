"""`tape alert test` and the doctor's look at the channels."""

import json
from pathlib import Path

import pytest

from tape.kafka.local.broker import free_port
from tape.ops.doctor.alerter import check_alerter
from tape.settings.alerter import alerts_topic
from tests.commands import tape
from tests.receivers import Answer, http_receiver

SECRET = "a-canary-of-a-secret"  # noqa: S105
CANARY = "canary"


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_test_message_goes_through_each_channel_and_it_is_said_which_took_it() -> None:
    with http_receiver() as good, http_receiver() as bad:
        bad.answers = lambda body: Answer(403)
        done = tape(
            "alert",
            "test",
            "--json",
            ALERT_URLS=f"desk=json://127.0.0.1:{bad.port}/{CANARY}",
            ALERT_WEBHOOK_URL=good.url,
            ALERT_WEBHOOK_SECRET=SECRET,
        )
        assert (done.returncode, len(good.got), len(bad.got)) == (1, 1, 1)
        assert good.got[0].told["kind"] == "test"
        assert "Nothing happened" in good.got[0].told["text"]
    found = {one["channel"]: one for one in json.loads(done.stdout)["channels"]}
    assert (found["webhook"]["taken"], found["desk"]["taken"]) == (True, False)
    assert "403" in found["desk"]["why"]
    assert CANARY not in done.stdout + done.stderr


def test_without_any_channel_it_says_what_to_set() -> None:
    done = tape("alert", "test")
    assert done.returncode == 4
    assert "ALERT_URLS" in done.stderr


def test_the_doctor_looks_whether_channels_answer_and_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (check_alerter().verdict, alerts_topic()) == ("not checked", None)
    with http_receiver() as receiver:
        monkeypatch.setenv("ALERT_WEBHOOK_URL", receiver.url)
        monkeypatch.setenv("ALERT_WEBHOOK_SECRET", SECRET)
        assert (check_alerter().verdict, alerts_topic()) == ("ok", "alerts")
        monkeypatch.setenv("ALERT_URLS", f"json://127.0.0.1:{free_port()}/{CANARY}")
        found = check_alerter()
        assert found.verdict == "problem"
        assert CANARY not in str(found)
        assert not receiver.got
    monkeypatch.setenv("ALERT_URLS", f"slak://{CANARY}")
    assert check_alerter().verdict == "problem"
