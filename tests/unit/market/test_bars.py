"""Bars are those of a literal oracle, however trades are cut and in whatever order parts come."""

import random
from typing import Any

import numpy as np
import pytest

from tape.market.bars import BAR, Bars, BarTrades, bars_of, every_ns, merged
from tests import bar_oracle

SYMBOLS = ("AAA", "BBB", "CCC")
NIGHT_NS = 1_741_496_400 * 10**9  # 2025-03-09 05:00 UTC: that night New York's clock jumps ahead
LENGTHS = ("1s", "5s", "1m", "5m", "1h", "7h", "1d")


def some_trades(seed: int, count: int = 400) -> list[dict[str, Any]]:
    """Trades of three days, some of one time, some far too late, some without a band."""
    dice = random.Random(seed)
    ns, found = NIGHT_NS, []
    for _ in range(count):
        ns += dice.choice((0, 0, 1, 10**9, 40 * 10**9, 900 * 10**9))
        late = dice.choice((0, 0, 0, 0, 10**9, 86_400 * 10**9))
        band = dice.random() < 0.7
        price = dice.randint(-5, 200) * 10**7
        found.append(
            {
                "symbol": dice.choice(SYMBOLS),
                "ns": ns - late,
                "price": price,
                "size": dice.randint(1, 10**9),
                "flagged": dice.random() < 0.2,
                "usable": dice.random() < 0.8,
                "lower": price / 1e9 - dice.random() if band else None,
                "upper": price / 1e9 + 1 if band else None,
            }
        )
    return found


def columns(trades: list[dict[str, Any]], first: int = 0) -> BarTrades:
    def of(name: str, kind: Any) -> Any:
        return np.array([trade[name] for trade in trades], kind)

    return BarTrades(
        symbol=np.array([SYMBOLS.index(trade["symbol"]) for trade in trades], np.int32),
        ts_event_ns=of("ns", np.int64),
        nth=np.arange(first, first + len(trades)),
        price_nanos=of("price", np.int64),
        size=of("size", np.int64),
        flagged=of("flagged", np.bool_),
        usable=of("usable", np.bool_),
        lower=of("lower", np.float64),
        upper=of("upper", np.float64),
    )


def in_oracle_words(bars: Bars) -> list[dict[str, Any]]:
    found = []
    for bar in bars[np.lexsort((bars["symbol"], bars["start_ns"]))]:
        one = {"symbol": SYMBOLS[bar["symbol"]], "start": int(bar["start_ns"])}
        for name, suffix in (("every", ""), ("usable", "_clean")):
            none = bar[name]["trades"] == 0
            for field in ("open", "high", "low", "close"):
                one[f"{field}{suffix}"] = None if none else int(bar[name][field])
            for field in ("volume", "trades"):
                one[f"{field}{suffix}"] = int(bar[name][field])
        one["flagged"] = int(bar["flagged"])
        for field in ("lower", "upper"):
            one[field] = None if np.isnan(bar[field]) else float(bar[field])
        found.append(one)
    return found


def length(every: str) -> int:
    found = every_ns(every)
    assert found is not None
    return found


@pytest.mark.parametrize("every", LENGTHS)
def test_bars_are_those_of_the_oracle(every: str) -> None:
    for seed in range(8):
        trades = some_trades(seed)
        made = in_oracle_words(bars_of(columns(trades), length(every)))
        assert made == bar_oracle.bars(trades, every)


@pytest.mark.parametrize("every", ["1s", "1m", "1d"])
def test_any_cut_and_any_order_of_parts_gives_the_same_bars(every: str) -> None:
    dice = random.Random(5)
    for seed in range(8):
        trades = some_trades(seed)
        cuts = sorted(dice.sample(range(1, len(trades)), 9))
        parts = [
            bars_of(columns(trades[a:b], a), length(every))
            for a, b in zip([0, *cuts], [*cuts, len(trades)], strict=True)
        ]
        dice.shuffle(parts)
        together = merged(np.concatenate([merged(np.concatenate(parts[:4])), *parts[4:]]))
        assert in_oracle_words(together) == bar_oracle.bars(trades, every)


def test_no_trades_make_no_bars() -> None:
    none = bars_of(columns([]), length("1m"))
    assert len(none) == len(merged(none)) == 0
    assert none.dtype == BAR


def test_a_day_begins_at_midnight_in_new_york_on_both_sides_of_a_clock_change() -> None:
    trades = [
        {"symbol": "AAA", "price": 1, "size": 1, "flagged": False, "usable": True, "ns": at * 10**9}
        | {"lower": None, "upper": None}
        for at in (1_741_496_399, 1_741_496_400, 1_741_579_199, 1_741_579_200)
    ]  # 2025-03-09, Eastern: the second before 00:00, 00:00, 23:59:59, and 00:00 again
    bars = bars_of(columns(trades), length("1d"))
    assert (bars["start_ns"] // 10**9).tolist() == [1_741_410_000, 1_741_496_400, 1_741_579_200]
    assert bars["every"]["trades"].tolist() == [1, 2, 1]


@pytest.mark.parametrize(
    "text", ["", "1", "m", "0m", "-1m", "1M", "1.5m", "2d", "24h", "1w", "\uff11m"]
)
def test_what_is_no_length_of_a_bar_is_none(text: str) -> None:
    assert every_ns(text) is None
