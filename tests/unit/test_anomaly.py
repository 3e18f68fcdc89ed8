"""The message of a flagged trade."""

import json

import pytest

from tape.anomaly import HIGH_VOLUME, DetectorIdentity, Reason, anomaly_id, as_message
from tape.trade_fields import NO_SEQUENCE
from tests.unit.test_trade import GOOD

REASON = Reason(HIGH_VOLUME, 30_000, 20_000, "30,000 shares in one trade.")


@pytest.mark.parametrize("raw", [GOOD, GOOD + b" \r\n\t", GOOD.replace(b",", b" , ")])
def test_the_trades_own_fields_stay_and_the_verdict_follows(raw: bytes) -> None:
    detector = DetectorIdentity("1", "abc")
    value = as_message(
        raw, anomaly_id="id", episode_id="first", reasons=[REASON], detector=detector
    )
    assert value.startswith(raw.rstrip()[:-1])
    found = json.loads(value)
    assert {name: found[name] for name in json.loads(raw)} == json.loads(raw)
    assert (found["anomaly_id"], found["episode_id"]) == ("id", "first")
    assert found["anomalies"] == ["High Volume"]
    assert found["reasons"][0]["threshold"] == 20_000
    assert found["detector"] == {"version": "1", "settings": "abc"}


def test_trades_without_a_sequence_still_differ_in_identity() -> None:
    def identity(size: int) -> str:
        return anomaly_id("A", 5, NO_SEQUENCE, price_nanos=1_500_000_000, size=size, side="B")

    assert identity(1) == "A-5-1.5x1B"
    assert identity(1) != identity(2)
