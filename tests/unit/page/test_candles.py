"""Bars of seconds and minutes: the last one of a second counts, and no minute loses its seconds."""

from itertools import groupby
from random import Random

import pytest

from tape.model.bar import Bar, encode_bar, iso_second, seconds_of
from tape.page import candles as candles_module
from tape.page.board import BARS_SHOWN, Board
from tape.page.candles import Candles
from tests.flagged_days import changed, told

DAY = told(1)
NOON = seconds_of("2025-05-05T16:00:00Z")


def a_bar(second: int, n: int = 0, *, symbol: str = "NVDA", lower: float | None = None) -> Bar:
    price = 100.0 + n
    start = iso_second(NOON + second)
    return Bar(
        symbol, start, price, price + 2, price - 2, price + 1, 10, 3, n % 2, lower, lower and 200.0
    )


def by_hand(bars: list[Bar]) -> list[tuple[object, ...]]:
    """Minutes of seconds, by their definition."""
    found: list[tuple[object, ...]] = []
    for minute, group in groupby(bars, key=lambda bar: seconds_of(bar.bar_start) // 60):
        of = list(group)
        banded = [bar for bar in of if bar.lower is not None]
        band = (banded[-1].lower, banded[-1].upper) if banded else (None, None)
        highs, lows = [bar.high for bar in of], [bar.low for bar in of]
        prices = (of[0].open, max(highs), min(lows), of[-1].close)
        sums = (sum(bar.volume for bar in of), sum(bar.trades for bar in of))
        found.append((iso_second(minute * 60), *prices, *sums, sum(b.flagged for b in of), *band))
    return found


def as_rows(bars: list[Bar]) -> list[tuple[object, ...]]:
    names = ("bar_start", "open", "high", "low", "close", "volume", "trades", "flagged")
    return [tuple(getattr(bar, name) for name in (*names, "lower", "upper")) for bar in bars]


@pytest.mark.parametrize("room", [400_000, 150])
def test_minutes_are_those_of_the_last_bars_of_their_seconds_also_of_dropped_ones(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candles_module, "SECONDS_MAX", room)
    draw, kept = Random(3), Candles()
    last: dict[str, Bar] = {}
    for second in range(0, 1_200, 2):
        for n in range(draw.randrange(1, 4)):  # partial bars, the last one counts
            bar = a_bar(second, draw.randrange(9) + n, lower=90.0 if second % 10 else None)
            before = kept.add(bar)
            assert before == last.get(bar.bar_start)
            last[bar.bar_start] = bar
        if draw.random() < 0.1:
            kept.minutes("NVDA")  # asking in between changes nothing
    expected = by_hand(sorted(last.values(), key=lambda bar: bar.bar_start))
    assert as_rows(kept.minutes("NVDA")) == expected
    assert len(kept.seconds("NVDA")) == min(600, room)


def test_a_minute_stays_as_it_is_once_a_second_of_it_was_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candles_module, "SECONDS_MAX", 130)
    kept = Candles()
    for second in range(200):
        kept.add(a_bar(second))
    first = kept.minutes("NVDA")[0]
    kept.add(a_bar(59, 50))  # of a minute that is not whole any more
    assert kept.minutes("NVDA")[0] == first


def test_many_symbols_share_the_room_and_minutes_are_of_a_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candles_module, "SECONDS_MAX", 300)
    monkeypatch.setattr(candles_module, "MINUTES_EACH", 3)
    kept = Candles()
    for second in range(400):
        for symbol in ("A", "B"):
            kept.add(a_bar(second, symbol=symbol))
    assert [len(kept.seconds(symbol)) for symbol in ("A", "B", "C")] == [150, 150, 0]
    assert [bar.bar_start[11:16] for bar in kept.minutes("A")] == ["16:04", "16:05", "16:06"]
    assert kept.minutes("C") == []


def test_a_chart_gets_the_last_bars_or_those_around_a_second() -> None:
    board = Board()
    for second in range(BARS_SHOWN + 500):
        board.add_bar(encode_bar(a_bar(second)))
    assert [bar.bar_start for bar in board.bars("NVDA")[:1]] == [iso_second(NOON + 500)]
    around = board.bars("NVDA", iso_second(NOON + 100), 20)
    assert [seconds_of(bar.bar_start) - NOON for bar in around] == list(range(80, 120))
    assert len(board.bars("NVDA", iso_second(NOON + 5), 20)) == 25
    assert [bar.trades for bar in board.minutes("NVDA")[:2]] == [180, 180]


def test_what_was_flagged_lately_is_of_the_last_five_minutes_of_the_tape() -> None:
    board = Board()
    assert board.recent() == {"until": None, "symbols": []}
    for second in range(0, 601):  # 3 trades each; every second bar has a flagged one
        board.add_bar(encode_bar(a_bar(second, second % 2)))
    board.add_bar(encode_bar(a_bar(0, symbol="OLD")))
    state = DAY.episodes[0][1]
    for n, at in enumerate(("16:05:59.9", "16:06:00.0", "16:10:00.0")):
        first = f"2025-05-05T{at}00000000Z"
        board.add_episode(changed(state, episode_id=f"e{n}", first_ts_event=first), 1.0)
    found = board.recent()
    assert found["until"] == "2025-05-05T16:10:00Z"
    (nvda,) = found["symbols"]
    assert (nvda["symbol"], nvda["trades"], nvda["flagged"]) == ("NVDA", 3 * 241, 120)
    assert nvda["rules"] == {"High Volume": 2}
