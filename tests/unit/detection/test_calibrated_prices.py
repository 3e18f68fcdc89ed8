"""The calibrated profile on prices of any size and sign, in sentences that agree."""

import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.archives import find_archives
from tape.codec.symbols import SymbolTable
from tape.desk.day import read_day
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.calibrated.reasons import _distance
from tape.detection.parameters import Parameters
from tape.detection.protocol import Verdicts
from tape.detection.registry import make_detector
from tape.model.columns import TradeColumns
from tests.unit.detection.test_calibrated_meaning import market
from tests.unit.detection.test_calibrated_time import NVDA, a_day

CENT = 10_000_000


def detector(**budget: float) -> CalibratedDetector:
    symbols = SymbolTable()
    symbols.number("S")
    found = make_detector(Parameters(profile="calibrated", **budget), symbols)
    assert isinstance(found, CalibratedDetector)
    return found


def judged(trades: TradeColumns, **budget: float) -> tuple[CalibratedDetector, Verdicts]:
    one = detector(**budget)
    return one, one.detect(trades)


@pytest.mark.parametrize("shift_usd", [-150.0, -150.01, -151, -170, -400, -9_000_000])
def test_what_lives_around_or_below_zero_is_flagged_no_more_than_elsewhere(
    shift_usd: float,
) -> None:
    trades = market(20_000, seed=5)
    odd = np.arange(2_500, 20_000, 2_500)
    trades.price_nanos[odd] += 200 * CENT
    _, plain = judged(trades, alerts_per_10k=5)
    trades.price_nanos[:] += round(shift_usd * 10**9)
    _, verdicts = judged(trades, alerts_per_10k=5)
    assert np.isfinite(verdicts.score).all()
    assert (trades.price_nanos <= 0).mean() > 0.01
    assert set(odd.tolist()) <= set(verdicts.flagged.tolist())
    assert len(verdicts.flagged) <= len(plain.flagged) + 10


def test_a_price_through_zero_is_no_flood_and_a_jump_beyond_is_told() -> None:
    """As crude oil on 2020-04-20: from above zero to below it within the hour."""
    trades = market(20_000, seed=6)
    trades.price_nanos[:] -= trades.price_nanos[0] - 10 * 10**9
    trades.price_nanos[:] -= np.linspace(0, 4_700, 20_000).astype(np.int64) * CENT
    trades.price_nanos[15_000] -= 500 * CENT
    crossing, verdicts = judged(trades, alerts_per_10k=5)
    assert trades.price_nanos[0] > 0 > trades.price_nanos[-1]
    assert np.isfinite(verdicts.score).all()
    assert 15_000 in verdicts.flagged
    assert len(verdicts.flagged) <= 40
    at = verdicts.flagged.tolist().index(15_000)
    text = crossing.explain(trades, verdicts, at).reasons[0].text
    assert "nan" not in text
    assert "inf" not in text


@pytest.mark.parametrize("price_nanos", [0, -1, 1, -150 * 10**9, 10**16, -(10**16)])
def test_a_zero_in_a_stock_is_flagged_and_what_follows_is_not(price_nanos: int) -> None:
    trades = market(9_000, seed=7)
    trades.price_nanos[8_000] = price_nanos
    one, verdicts = judged(trades, alerts_per_10k=2)
    assert np.isfinite(verdicts.score).all()
    assert 8_000 in verdicts.flagged
    assert not set(verdicts.flagged.tolist()) & set(range(8_001, 8_050))
    text = one.explain(trades, verdicts, verdicts.flagged.tolist().index(8_000)).reasons[0].text
    assert "not yet calibrated" in text
    clean = market(9_000, seed=7)
    rest = np.arange(9_000) != 8_000
    assert np.abs(detect_scores(clean) - verdicts.score)[rest].max() < 0.5


def detect_scores(trades: TradeColumns) -> np.ndarray:
    _, verdicts = judged(trades, alerts_per_10k=2)
    assert verdicts.score is not None
    return verdicts.score


@pytest.mark.parametrize(
    ("price_usd", "tick_nanos"),
    [(0.0064125, 500), (1.08345, 50_000), (0.00000142, 10), (109.171875, 7_812_500)],
    ids=["yen future", "euro", "a coin", "note future"],
)
def test_a_fine_tick_is_judged_by_its_own_steps(price_usd: float, tick_nanos: int) -> None:
    """Twenty ticks at once, where a tick is far below a cent's hundredth."""
    trades = market(12_000, seed=8)
    ticks = (trades.price_nanos - trades.price_nanos[0]) // CENT
    trades.price_nanos[:] = round(price_usd * 1e9) // tick_nanos * tick_nanos + ticks * tick_nanos
    trades.price_nanos[10_000] += 60 * tick_nanos
    one, verdicts = judged(trades, alerts_per_10k=3)
    assert 10_000 in verdicts.flagged
    assert len(verdicts.flagged) <= 25
    told = one.explain(trades, verdicts, verdicts.flagged.tolist().index(10_000)).extras["severity"]
    assert told >= 4


DISTANCE = re.compile(
    r"Price (?P<price>[-\d.,]+) is (?P<far>[\d.,]+) (?P<unit>%|dollars) (?P<side>above|below) "
    r"the trimmed mean (?P<mean>[-\d.,]+)"
)


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def assert_agrees(text: str, price_nanos: int) -> None:
    """The numbers that a sentence prints say what its words say."""
    found = DISTANCE.match(text)
    assert found is not None, text
    price, mean, far = (number(found[name]) for name in ("price", "mean", "far"))
    assert price == Decimal(price_nanos) / 10**9
    assert far > 0, text
    assert (price > mean) == (found["side"] == "above"), text
    assert price != mean, text
    apart = abs(price - mean)
    told = far * mean / 100 if found["unit"] == "%" else far
    assert abs(told - apart) <= apart * Decimal("0.2"), text


@settings(max_examples=400)
@given(
    st.integers(-(10**16), 10**16),
    st.one_of(st.floats(-1e7, 1e7), st.floats(-1e-3, 1e-3)),
)
def test_a_distance_agrees_with_the_numbers_it_prints(price_nanos: int, away_usd: float) -> None:
    price = price_nanos / 1e9
    mean = price + away_usd
    if abs(price - mean) < max(1e-9, abs(price) * 1e-12):
        return  # that is no distance
    assert_agrees(_distance(price_nanos, mean), price_nanos)


def assert_sentences_agree(trades: TradeColumns, one: CalibratedDetector, v: Verdicts) -> int:
    distances = 0
    for at, row in enumerate(v.flagged.tolist()):
        why = one.explain(trades, v, at)
        reason, extras = why.reasons[0], why.extras
        assert reason.value >= reason.threshold
        size = next(feature for feature in extras["features"] if feature.name == "size")
        assert size.value == trades.size[row]
        if reason.text.startswith("Price ") and "trimmed mean" in reason.text:
            assert_agrees(reason.text, int(trades.price_nanos[row]))
            distances += 1
        elif "shares in one trade" in reason.text:
            assert reason.text.startswith(f"{trades.size[row]:,} shares")
            assert trades.size[row] > size.median
        else:
            shown = re.search(r"(?:jumped|moved|as|than) ([\d.,]+) ", reason.text)
            assert shown is not None, reason.text
            assert number(shown[1]) > 0, reason.text
    return distances


@pytest.mark.parametrize("shift_usd", [0, -150])
@pytest.mark.parametrize("divisor", [1, 1_000, 1_000_000])
def test_flagged_prices_lie_where_their_sentences_say(shift_usd: int, divisor: int) -> None:
    trades = a_day()
    trades.price_nanos[:] = (trades.price_nanos + shift_usd * 10**9) // divisor
    one, verdicts = judged(trades, alerts_per_10k=60)
    assert assert_sentences_agree(trades, one, verdicts) >= 5


@pytest.mark.full
def test_flagged_prices_of_a_real_day_lie_where_their_sentences_say() -> None:
    if not NVDA.exists():
        pytest.skip("no real trades here (../shared/data/databento); synthetic days are tested")
    trades = read_day(find_archives(NVDA).archives[0], 100).trades
    one, verdicts = judged(trades, alerts_per_10k=100)
    assert assert_sentences_agree(trades, one, verdicts) >= 100
