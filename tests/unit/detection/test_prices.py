"""Prices are judged as they are: any tick, zero and less, up to ten million dollars."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.codec.symbols import SymbolTable
from tape.detection.classic.detector import ClassicDetector
from tape.detection.classic.reference import LiteralDetector
from tape.detection.classic.usual_history import usual_history
from tape.detection.classic.wide_integers import spread_of, widest_facts
from tape.detection.parameters import Parameters
from tape.model.columns import TradeColumns
from tests import oracle

pytestmark = pytest.mark.no_cover  # literal Python on many trades: tracing would double it

SMALL = {"window": 40, "stride": 2, "history": 60, "refit_every": 50, "trees": 7}
RULES = {"High Volume": 1, "Rapid Price Change": 2, "Isolation Forest": 4}
MOST = 10**16
TICKS = [1, 7, 500, 50_000, 99_999, 100_000, 10_000_000, 10**12]
prices = st.integers(-MOST, MOST)


def columns(price_nanos: list[int], first: int) -> TradeColumns:
    n = len(price_nanos)
    return TradeColumns(
        np.zeros(n, np.int32),
        np.full(n, 2, np.int32),
        10**18 + first + np.arange(n),
        np.array(price_nanos, np.int64),
        np.full(n, 100, np.int64),
        np.full(n, 66, np.uint8),
        first + np.arange(1, n + 1),
        np.zeros(n, np.int32),
    )


def judged(kind, price_nanos: list[int], cuts: list[int], parameters: dict) -> list[int]:
    """The rules of each trade, with the state kept and restored at each cut."""
    symbols = SymbolTable()
    symbols.number("A")
    detector, rules = kind(Parameters(**parameters), symbols), []
    for start, end in zip([0, *cuts], [*cuts, len(price_nanos)], strict=True):
        rules += detector.detect(columns(price_nanos[start:end], start)).rules.tolist()
        blob = detector.snapshot(0)
        detector = kind(Parameters(**parameters), symbols)
        detector.restore(0, blob)
        assert detector.snapshot(0) == blob
    return rules


def expected(price_nanos: list[int], parameters: dict) -> list[int]:
    trades = [("A", 2, at, price, 100, 66, at + 1) for at, price in enumerate(price_nanos)]
    return [sum(RULES[r] for r in rules) for _, rules in oracle.judged(trades, **parameters)]


def walk(seed: int, n: int) -> list[int]:
    """A walk that changes its tick in the middle, goes through zero, and has absurd prints."""
    random = np.random.default_rng(seed)
    first, then = random.choice(TICKS, 2)
    at = int(random.integers(0, n))
    steps = random.integers(-2, 3, n) * np.where(np.arange(n) < at, first, then)
    start = int(random.choice([0, 10**9, 137 * 10**9, -40 * 10**9, 9 * 10**15]))
    walked = np.clip(start - start % first + np.cumsum(steps), -MOST, MOST).tolist()
    for _ in range(int(random.choice([0, 1, 20]))):
        walked[int(random.integers(0, n))] = int(
            random.choice([0, 1, MOST, -MOST, 199_999 * 10**9])
        )
    return walked


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 700), max_size=3))
def test_any_prices_have_the_oracles_verdicts(seed: int, cuts: list[int]) -> None:
    price_nanos = walk(seed, 700)
    answers = expected(price_nanos, SMALL)
    for kind in (ClassicDetector, LiteralDetector):
        assert judged(kind, price_nanos, sorted(cuts), SMALL) == answers


@pytest.mark.parametrize("seed", range(4))
def test_a_full_window_of_any_prices_has_the_oracles_verdicts(seed: int) -> None:
    price_nanos = walk(seed, 2_300)
    parameters = {"trees": 20, "refit_every": 500}
    assert judged(ClassicDetector, price_nanos, [999, 1_700], parameters) == expected(
        price_nanos, parameters
    )


def test_a_tick_below_a_hundredth_of_a_cent_is_not_rounded_away() -> None:
    """The 0.0000005 of a yen future: rounded to 1e-4 all prices would be one."""
    random = np.random.default_rng(3)
    ticks = 13_500 + random.integers(-3, 4, 3_000)
    ticks[2_500] += 40
    rules = judged(ClassicDetector, (ticks * 500).tolist(), [], {})
    assert rules[2_500] & 4
    assert np.count_nonzero(rules) < 150


def test_a_zero_in_a_stock_is_flagged_and_the_trade_behind_it_has_no_change() -> None:
    price_nanos = [100 * 10**9] * 200 + [0, 100 * 10**9, -100 * 10**9, -101 * 10**9 - 10**7]
    rules = judged(ClassicDetector, price_nanos, [], {})
    assert [bool(rule & 2) for rule in rules[-4:]] == [True, False, True, True]
    assert rules[200] & 4


@settings(max_examples=200, deadline=None)
@given(st.lists(prices, min_size=1, max_size=60), prices)
def test_sums_of_any_prices_are_those_of_whole_numbers(some: list[int], reference: int) -> None:
    apart = [price - reference for price in some]
    m, total, squares = len(some), sum(apart), sum(d * d for d in apart)
    found = widest_facts(np.array(some, np.int64), m, reference, some[-1])
    assert found == (float(m * apart[-1] - total), float(m * squares - total**2), float(total))
    if abs(total) < 2**61 and m * squares < 2**122:
        halves = np.array([squares >> 64, squares & (2**64 - 1)], np.uint64).view(np.int64)
        assert spread_of(m, total, halves[0], halves[1]) == float(m * squares - total**2)


@pytest.mark.parametrize("length", [50, 60, 500, 1_000, 1_618])
def test_the_usual_history_is_the_oracles_and_looks_usual_in_any_part(length: int) -> None:
    values = usual_history(length)
    assert values == oracle.usual(length)
    assert sorted(values) == pytest.approx([-v for v in sorted(values, reverse=True)], abs=1e-9)
    half = np.array(values[: length // 2])
    assert abs(half.mean()) < 0.2
    assert 1.0 < half.std() < 1.4


def test_no_tape_begins_with_a_flood_of_flags() -> None:
    """A random walk had up to two thirds of its trades from the 1,001st on flagged."""
    for seed in range(5):
        random = np.random.default_rng(seed)
        cents = 14_000 + np.cumsum(random.integers(-1, 2, 3_000))
        rules = judged(ClassicDetector, (cents * 10**7).tolist(), [], {})
        assert np.count_nonzero(rules[:99]) == 0
        assert np.count_nonzero(rules) < 300, seed
