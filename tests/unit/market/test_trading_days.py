"""New York's trading days by rule, and synthetic days that keep to them."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tape.market.trading_days import close_hour, is_half_day, next_trading_day, why_closed
from tape.synthetic import make_day
from tape.synthetic.ordinary import clock_ns
from tests.commands import tape

HALF_DAY = date(2025, 7, 3)


@pytest.mark.filterwarnings("ignore")  # of its own use of pandas
def test_trading_days_are_those_of_the_exchange() -> None:
    calendars = pytest.importorskip("exchange_calendars", reason="in the dev extra")
    exchange = calendars.get_calendar("XNYS", start="2000-01-01", end="2026-12-31")
    sessions = {stamp.date() for stamp in exchange.sessions}
    days = [date(2000, 1, 1) + timedelta(days=n) for n in range(9_862)]
    assert days[-1] == date(2026, 12, 31)
    assert [day for day in days if (why_closed(day) is None) != (day in sessions)] == []


@pytest.mark.filterwarnings("ignore")  # of its own use of pandas
def test_half_days_are_those_of_the_exchange() -> None:
    calendars = pytest.importorskip("exchange_calendars", reason="in the dev extra")
    exchange = calendars.get_calendar("XNYS", start="2014-01-01", end="2026-12-31")
    early = {stamp.date() for stamp in exchange.early_closes}
    sessions = {stamp.date() for stamp in exchange.sessions}
    assert len(early) > 20
    assert {day for day in sessions if is_half_day(day)} == early


@pytest.mark.parametrize(
    ("day", "after"),
    [
        (date(2025, 1, 8), date(2025, 1, 10)),  # a day of mourning
        (date(2025, 4, 17), date(2025, 4, 21)),  # Good Friday
        (date(2027, 12, 31), date(2028, 1, 3)),  # New Year's Day on a Saturday is not made up for
        (date(2033, 11, 23), date(2033, 11, 25)),  # beyond any calendar's end
    ],
)
def test_the_next_trading_day_leaves_out_what_is_closed(day: date, after: date) -> None:
    assert next_trading_day(day) == after


def test_a_made_up_half_day_ends_at_13_00_with_its_closing_auction() -> None:
    made = make_day(trades=20_000, day=HALF_DAY)
    assert close_hour(HALF_DAY) == 13
    within = (made.ts_event_ns >= clock_ns(HALF_DAY, 9, 30)) & (
        made.ts_event_ns < clock_ns(HALF_DAY, 13, 0)
    )
    assert 0.85 < within.mean() < 0.98
    assert (made.ts_event_ns > clock_ns(HALF_DAY, 17, 5)).sum() == 0
    prints = made.ts_event_ns[made.size > 500_000]
    assert (np.abs(prints - clock_ns(HALF_DAY, 13, 0)) < 600 * 10**9).sum() == 4


def shared(one: np.ndarray, other: np.ndarray) -> float:
    """The share of equal entries at equal places."""
    n = min(len(one), len(other))
    return float((one[:n] == other[:n]).mean())


def test_neither_a_day_nor_a_seed_nor_a_symbol_has_a_part_of_another() -> None:
    """Seed N's second day was once seed N + 1's first."""
    monday, tuesday = date(2025, 3, 3), date(2025, 3, 4)
    first = make_day(1, ["NVDA", "AAPL"], 4_000, tuesday)
    for other in (
        make_day(2, ["NVDA", "AAPL"], 4_000, monday),
        make_day(2, ["NVDA", "AAPL"], 4_000, tuesday),
        make_day(1, ["NVDA", "AAPL"], 4_000, monday),
        make_day(1, ["MSFT", "TSLA"], 4_000, tuesday),
    ):
        assert shared(first.price_nanos, other.price_nanos) < 0.05
        assert shared(first.ts_event_ns % 10**9, other.ts_event_ns % 10**9) < 0.05
    again = make_day(1, ["NVDA", "AAPL"], 4_000, tuesday)
    assert shared(first.ts_event_ns, again.ts_event_ns) == 1


def test_days_are_trading_days_and_a_closed_one_is_answered_with_a_sentence(
    tmp_path: Path,
) -> None:
    done = tape("synth", "-o", tmp_path, "--trades", 300, "--day", "2025-07-02", "--days", 5)
    assert done.returncode == 0, done.stderr
    names = sorted(path.name[10:18] for path in tmp_path.glob("*.trades.csv.zst"))
    assert names == ["20250702", "20250703", "20250707", "20250708", "20250709"]
    for day, why in (("2025-07-05", "a Saturday"), ("2025-12-25", "Christmas")):
        done = tape("synth", "-o", tmp_path / "none", "--trades", 300, "--day", day)
        assert done.returncode == 4
        assert f"--day {day}: {why}, New York does not trade; the next trading day is" in (
            done.stderr
        )
        assert not (tmp_path / "none").exists()
