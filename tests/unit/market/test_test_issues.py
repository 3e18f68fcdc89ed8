"""Test issues of the exchanges: known by name, marked, and last in every ranking."""

import pytest

from tape.desk.summary import counts_table, findings
from tape.market.test_issues import is_test_issue
from tape.view.alert import Seen, seen
from tape.view.lines import as_text
from tape.view.terminal.rows import row
from tests.flagged import flagged


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
    ts_event = f"2025-03-05T15:00:{n:02d}.000000000Z"
    return flagged(["High Volume"], ["Large."], symbol=symbol, ts_event=ts_event, reasons=[reason])


def test_a_test_issue_comes_last_whatever_it_did() -> None:
    lines = [anomaly("ZVZZT", n, 1e9) for n in range(20)] + [anomaly("ACME", 30, 20_001)]
    found = findings(lines)
    assert [one.trade.symbol for one in found.telling] == ["ACME"] + ["ZVZZT"] * 9
    names = [str(cell) for cell in counts_table(found).columns[0].cells]
    assert names == ["ACME", "ZVZZT (test)"]


def test_the_live_view_marks_them() -> None:
    for symbol, marked in (("ZVZZT", True), ("ACME", False)):
        one = seen(flagged([], [], symbol=symbol))
        assert isinstance(one, Seen)
        assert ("test issue" in row(one, 100).plain) is marked
        assert (b"(test issue)" in as_text(one)) is marked
