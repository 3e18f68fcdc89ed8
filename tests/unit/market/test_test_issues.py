"""Test issues of the exchanges: known by name, marked, and last in every ranking."""

import json

import pytest

from tape.desk.summary import counts_table, findings
from tape.market.test_issues import is_test_issue
from tape.view.alert import seen
from tape.view.lines import as_text
from tape.view.terminal.rows import row


@pytest.mark.parametrize(
    "symbol", ["ZVZZT", "ZJZZT", "ZXZZT", "ZWZZT", "ZVZZC", "NTEST", "NTEST.A", "ATEST-B", "ZTST"]
)
def test_the_exchanges_test_symbols_are_known(symbol: str) -> None:
    assert is_test_issue(symbol)


@pytest.mark.parametrize("symbol", ["NVDA", "ZM", "ZTS", "ZS", "TEST", "ZION", "ATES", "ZVZZTA"])
def test_other_symbols_are_not_taken_for_them(symbol: str) -> None:
    assert not is_test_issue(symbol)


def anomaly(symbol: str, n: int, value: float) -> bytes:
    reason = {"rule": "High Volume", "value": value, "threshold": 20_000, "text": "Large."}
    line = {"symbol": symbol, "ts_event": f"2025-03-05T15:00:{n:02d}.000000000Z", "size": 1}
    line |= {"anomaly_id": f"{symbol}-{n}", "episode_id": "", "price": 1.0}
    return json.dumps(line | {"anomalies": ["High Volume"], "reasons": [reason]}).encode()


def test_a_test_issue_comes_last_whatever_it_did() -> None:
    lines = [anomaly("ZVZZT", n, 1e9) for n in range(20)] + [anomaly("ACME", 30, 20_001)]
    found = findings(lines)
    assert [one["symbol"] for one in found.telling] == ["ACME"] + ["ZVZZT"] * 9
    names = [str(cell) for cell in counts_table(found).columns[0].cells]
    assert names == ["ACME", "ZVZZT (test)"]


def test_the_live_view_marks_them() -> None:
    for symbol, marked in (("ZVZZT", True), ("ACME", False)):
        fields = {"ts_event": "2025-03-03T15:00:01.000000000Z", "symbol": symbol, "price": 1.5}
        fields |= {"size": 7, "anomaly_id": "x", "anomalies": [], "reasons": []}
        one = seen(json.dumps(fields).encode())
        assert one is not None
        assert ("test issue" in row(one, 100).plain) is marked
        assert (b"(test issue)" in as_text(one)) is marked
