"""The calibrated kernel against a literal oracle that shares no line with it."""

import numpy as np
import pytest

from tape.codec.symbols import SymbolTable
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.detection.protocol import Verdicts
from tape.model.columns import TradeColumns
from tests import calibrated_oracle as oracle
from tests.calibrated_oracle import Trade

pytestmark = pytest.mark.no_cover  # literal Python on many trades: tracing would double it

OPEN_NS = 1_751_981_400_000_000_000  # 2025-07-08 09:30 in New York
DAY_NS = 86_400_000_000_000


def tape(seed: int, n: int) -> list[Trade]:
    """Return two symbols' trades over two days, with something of everything that can happen."""
    random = np.random.default_rng(seed)
    steps_ns = random.choice(
        [0, 20_000, 3_000_000, 250_000_000, 10**9], n, p=[0.3, 0.2, 0.2, 0.2, 0.1]
    )
    steps_ns[n // 3] = 400 * 10**9  # a halt
    steps_ns[n // 2] += DAY_NS - steps_ns[: n // 2].sum()  # the next day's opening
    times = OPEN_NS + np.cumsum(steps_ns)
    cents = 10_000 + np.cumsum(random.choice([-1, 0, 1], n, p=[0.1, 0.8, 0.1]))
    cents[random.random(n) < 0.002] += 40
    cents[2 * n // 3 :] += 60  # a gap
    sizes = 1 + random.geometric(0.02, n)
    sizes[random.random(n) < 0.001] = 9_000
    sides = random.choice(["A", "B", "N"], n, p=[0.45, 0.45, 0.1])
    stuck = slice(3 * n // 4, 3 * n // 4 + 60)
    cents[stuck], sizes[stuck], sides[stuck] = cents[stuck.start], 100, "B"
    burst = slice(4 * n // 5, 4 * n // 5 + 120)
    times[burst.start :] -= times[burst.stop] - times[burst.start]
    times[burst] = times[burst.start] + np.arange(120) * 9_000
    times[burst.stop :] += 2_000_000
    sides[burst] = "A"
    sizes[burst] = 300
    sizes[3], sides[3] = 50_000, "N"  # the opening auction
    prices = cents * 10_000_000
    prices[n // 2 :: 7] += 3_000_000  # between two cents
    names = random.choice(["A", "B"], n, p=[0.9, 0.1])
    venues = random.choice(np.arange(1, 31), n, p=[0.71, *[0.01] * 29])
    odd = (sizes == 9_000) | (np.diff(cents, prepend=cents[0]) > 30)
    venues[odd] = random.choice([1, 30], int(odd.sum()), p=[0.1, 0.9])
    venues[names == "B"] = 7  # all at one venue
    return [
        (str(names[i]), int(times[i]), int(prices[i]), int(sizes[i]), str(sides[i]), int(venues[i]))
        for i in range(n)
    ]


def columns(trades: list[Trade]) -> TradeColumns:
    n = len(trades)
    return TradeColumns(
        np.array(["ABC".index(t[0]) for t in trades], np.int32),
        np.array([t[5] for t in trades], np.int32),
        np.array([t[1] for t in trades], np.int64),
        np.array([t[2] for t in trades], np.int64),
        np.array([t[3] for t in trades], np.int64),
        np.array([ord(t[4]) for t in trades], np.uint8),
        np.full(n, -1, np.int64),
        np.zeros(n, np.int32),
    )


@pytest.mark.parametrize(
    ("seed", "n", "budget"),
    [
        (1, 9_000, 50.0),
        pytest.param(2, 60_000, 1.0, marks=pytest.mark.full),
        pytest.param(3, 60_000, 100.0, marks=pytest.mark.full),
    ],
)
def test_severities_and_flags_are_those_of_the_oracle(seed: int, n: int, budget: float) -> None:
    trades = tape(seed, n)
    expected = oracle.judged(trades, alerts_per_10k=budget)
    _, verdicts = told(trades, Parameters(profile="calibrated", alerts_per_10k=budget))
    severities = np.array([severity for severity, _ in expected])
    np.testing.assert_allclose(verdicts.score, severities, rtol=1e-6, atol=1e-6)
    assert verdicts.flagged.tolist() == [i for i, (_, flagged) in enumerate(expected) if flagged]
    assert len(verdicts.flagged) > 5
    assert verdicts.score is not None
    assert verdicts.score[3] == 0  # the auction


def astray(trades: list[Trade], seed: int) -> list[Trade]:
    """Return the trades with stamps that are wrong: alone, in a row, of one venue, at first."""
    random = np.random.default_rng(seed)
    n = len(trades)
    times = np.array([trade[1] for trade in trades])
    alone = np.flatnonzero(random.random(n) < 0.01)
    far_ns = np.array([1_000_000, 50_000_000, 10**9, 60 * 10**9, 3_600 * 10**9, 5 * 3_600 * 10**9])
    steps_ns = np.array([*far_ns, *-far_ns, DAY_NS, -DAY_NS])
    times[alone] += random.choice(steps_ns, len(alone))
    for at in (n // 4, 3 * n // 4):
        times[at : at + 300] += random.choice(steps_ns)
    times[[trade[5] == 3 for trade in trades]] += random.choice(steps_ns)
    times[0] += DAY_NS
    return [(t[0], int(ts), *t[2:]) for t, ts in zip(trades, times.tolist(), strict=True)]


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.full)])
@pytest.mark.parametrize("per_day", [False, True])
def test_wrong_stamps_are_taken_as_the_oracle_takes_them(seed: int, per_day: bool) -> None:
    trades = astray(tape(seed, 8_000), seed)
    own = {"per_day": 300.0} if per_day else {"per_10k": 50.0}
    expected = oracle.judged(trades, budgets={"A": own, "B": own})
    budget = {f"alerts_{name}": value for name, value in own.items()}
    _, verdicts = told(trades, Parameters(profile="calibrated", **budget))
    severities = np.array([severity for severity, _ in expected])
    np.testing.assert_allclose(verdicts.score, severities, rtol=1e-6, atol=1e-6)
    assert verdicts.flagged.tolist() == [i for i, (_, flag) in enumerate(expected) if flag]
    assert len(verdicts.flagged)


@pytest.mark.parametrize("shift_usd", [-100, -101, -250])
def test_prices_around_and_below_zero_are_judged_as_the_oracle_judges_them(shift_usd: int) -> None:
    trades = [(t[0], t[1], t[2] + shift_usd * 10**9, *t[3:]) for t in tape(4, 9_000)]
    assert min(t[2] for t in trades) < 0
    expected = oracle.judged(trades, alerts_per_10k=50)
    _, verdicts = told(trades, Parameters(profile="calibrated", alerts_per_10k=50))
    severities = np.array([severity for severity, _ in expected])
    np.testing.assert_allclose(verdicts.score, severities, rtol=1e-6, atol=1e-6)
    assert verdicts.flagged.tolist() == [i for i, (_, flag) in enumerate(expected) if flag]


def test_an_auction_as_the_1000th_trade_skips_no_refit() -> None:
    """The tails were once left as they were for another 1,000 trades."""
    trades = [("A", *t[1:]) for t in tape(6, 2_500)]
    name, ts, price, *_ = trades[999]
    trades[999] = (name, ts, price, 60_000, "N", 1)
    opened = OPEN_NS - ts + 10**9  # so that it falls to a second after the bell
    trades = [(t[0], t[1] + opened, *t[2:]) for t in trades]
    expected = oracle.judged(trades, alerts_per_10k=50)
    detector, verdicts = told(trades, Parameters(profile="calibrated", alerts_per_10k=50))
    assert verdicts.score is not None
    assert verdicts.score[999] == 0, "it is no auction: nothing is tested"
    assert detector.refits.count == 2
    assert detector.refits.took_s > 0
    severities = np.array([severity for severity, _ in expected])
    np.testing.assert_allclose(verdicts.score, severities, rtol=1e-6, atol=1e-6)
    assert verdicts.flagged.tolist() == [i for i, (_, flag) in enumerate(expected) if flag]


def test_budgets_of_symbols_are_kept_as_the_oracle_keeps_them() -> None:
    """A has its own alerts a day, B its own alerts per 10,000, C has the common ones."""
    trades = [("C" if i % 4 == 1 else t[0], *t[1:]) for i, t in enumerate(tape(5, 12_000))]
    own = {"A": {"per_day": 300.0}, "B": {"per_10k": 90.0}}
    parameters = Parameters(
        profile="calibrated",
        alerts_per_10k=20.0,
        overrides={
            "A": SymbolThresholds(alerts_per_day=300.0),
            "B": SymbolThresholds(alerts_per_10k=90.0),
            "Z": SymbolThresholds(alerts_per_day=1.0),  # of no trade
        },
    )
    _, verdicts = told(trades, parameters)
    flagged = verdicts.flagged.tolist()
    expected = oracle.judged(trades, alerts_per_10k=20.0, budgets=own)
    assert flagged == [i for i, (_, flag) in enumerate(expected) if flag]
    common = [i for i, (_, flag) in enumerate(oracle.judged(trades, alerts_per_10k=20.0)) if flag]
    for name in "ABC":
        mine, without = ([i for i in found if trades[i][0] == name] for found in (flagged, common))
        assert mine
        assert (mine == without) == (name == "C")


def told(trades: list[Trade], parameters: Parameters) -> tuple[CalibratedDetector, Verdicts]:
    """Return the detector behind the trades, and what it says of them."""
    symbols = SymbolTable()
    for name in "ABC":
        symbols.number(name)
    detector = CalibratedDetector(parameters, symbols)
    return detector, detector.detect(columns(trades))
