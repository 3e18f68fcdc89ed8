"""Laws that every detector obeys, whatever the profile and whatever the trades."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tape.codec.symbols import SymbolTable
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.detection.protocol import Verdicts
from tape.detection.registry import make_detector
from tape.model.columns import TradeColumns
from tape.model.rules import ISOLATION_FOREST

SMALL = {"window": 40, "stride": 2, "history": 60, "refit_every": 100, "trees": 5}
PROFILES = {
    "classic": (Parameters(**SMALL), 900),
    "classic-window": (Parameters(**SMALL, training="window"), 400),
    "calibrated": (Parameters(profile="calibrated", alerts_per_10k=1_000), 6_000),
    "calibrated-day": (
        Parameters(
            profile="calibrated",
            alerts_per_day=200,
            overrides={"BB": SymbolThresholds(alerts_per_10k=100)},
        ),
        6_000,
    ),
}
NAMES = ("AA", "BB", "CC")
OPEN_NS = 1_751_981_400_000_000_000  # 2025-07-08 09:30 in New York

laws = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> tuple[Parameters, int]:
    return PROFILES[request.param]


def tape(seed: int, n: int) -> TradeColumns:
    """Return trades of three symbols with odd ones, repetitions, and some that come late."""
    random = np.random.default_rng(seed)
    steps_ns = random.choice([0, 10_000, 5_000_000, 3 * 10**9], n)
    steps_ns[random.integers(0, n)] = 70_000 * 10**9
    cents = 5_000 + np.cumsum(random.integers(-1, 2, n))
    odd = random.random(n) < 0.01
    cents[odd] = cents[odd] * random.integers(50, 200, n)[odd] // 100
    trades = TradeColumns(
        random.choice(3, n, p=[0.8, 0.15, 0.05]).astype(np.int32),
        random.integers(1, 3, n).astype(np.int32),
        OPEN_NS + np.cumsum(steps_ns),
        (cents * 10_000_000).astype(np.int64),
        np.minimum(random.pareto(1, n) * 50 + 1, 10**9).astype(np.int64),
        random.choice([65, 66, 78], n).astype(np.uint8),
        np.arange(1, n + 1, dtype=np.int64) * 3,
        np.zeros(n, np.int32),
    )
    again = np.flatnonzero(random.random(n) < 0.03)
    rows = np.arange(n)
    rows[again] = np.maximum(again - random.integers(0, 900, len(again)), 0)
    return taken(trades, rows)


def taken(trades: TradeColumns, rows: object) -> TradeColumns:
    return TradeColumns(*[getattr(trades, name)[rows] for name in TradeColumns.__slots__])


def fresh(parameters: Parameters, names: tuple[str, ...] = NAMES):
    symbols = SymbolTable()
    for name in names:
        symbols.number(name)
    return make_detector(parameters, symbols)


def told(detector, trades: TradeColumns, batch: int = 1_000) -> list[tuple]:
    """Return per trade outcome, rules and, of flagged ones, the reasons."""
    answers = []
    for start in range(0, len(trades), batch):
        part = taken(trades, slice(start, start + batch))
        verdicts: Verdicts = detector.detect(part)
        reasons = {
            int(row): detector.reasons(part, verdicts, nth)
            for nth, row in enumerate(verdicts.flagged)
        }
        answers += [
            (int(verdicts.outcome[i]), int(verdicts.rules[i]), reasons.get(i))
            for i in range(len(part))
        ]
    return answers


@laws
@given(seed=seeds, batch=st.integers(1, 700))
def test_batching_does_not_matter(profile, seed: int, batch: int) -> None:
    parameters, n = profile
    trades = tape(seed, n)
    whole = told(fresh(parameters), trades, n)
    assume(any(rules for _, rules, _ in whole))  # of a few hundred trades none may be odd
    assert told(fresh(parameters), trades, batch) == whole


@laws
@given(seed=seeds, share=st.floats(0, 1))
def test_keeping_and_restoring_the_state_does_not_matter(profile, seed: int, share: float) -> None:
    parameters, n = profile
    trades = tape(seed, n)
    at = int(share * n)
    whole = told(fresh(parameters), trades)
    before, after = fresh(parameters), fresh(parameters)
    first = told(before, taken(trades, slice(0, at)))
    for symbol in range(len(NAMES)):
        blob = before.snapshot(symbol)
        after.restore(symbol, blob)
        assert after.snapshot(symbol) == blob
    assert first + told(after, taken(trades, slice(at, None))) == whole


@laws
@given(seed=seeds, order=st.permutations(range(len(NAMES))))
def test_order_and_numbers_of_the_symbols_do_not_matter(profile, seed: int, order) -> None:
    """Symbol after symbol, under other numbers, instead of mixed as on the tape."""
    parameters, n = profile
    trades = tape(seed, n)
    rows = np.concatenate([np.flatnonzero(trades.symbol == number) for number in order])
    numbers = np.argsort(order).astype(np.int32)
    sorted_by_symbol = taken(trades, rows)
    renamed = replace(sorted_by_symbol, symbol=numbers[sorted_by_symbol.symbol])
    mixed = told(fresh(parameters), trades)
    other = told(fresh(parameters, tuple(NAMES[number] for number in order)), renamed)
    assert other == [mixed[row] for row in rows.tolist()]


@laws
@given(seed=seeds)
def test_a_symbol_is_judged_alone_as_among_others(profile, seed: int) -> None:
    parameters, n = profile
    trades = tape(seed, n)
    own = np.flatnonzero(trades.symbol == 0)
    mixed = told(fresh(parameters), trades)
    assert told(fresh(parameters), taken(trades, own)) == [mixed[row] for row in own.tolist()]


def test_no_clock_and_no_chance(profile, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters, n = profile
    trades = tape(1, n)
    first = told(fresh(parameters), trades)
    second = fresh(parameters)  # scikit-learn looks at the clock when it fits the first forest

    def forbidden(*_: object) -> float:
        raise AssertionError("a detector looked at the clock")

    for name in ("time", "time_ns", "monotonic", "monotonic_ns"):
        monkeypatch.setattr(time, name, forbidden)
    np.random.seed(5)  # the one that a careless detector would draw from
    assert told(second, trades) == first
    monkeypatch.undo()


@laws
@given(seed=seeds, share=st.floats(0.1, 0.9))
def test_thresholds_and_budgets_may_change_between_runs_and_change_nothing_learnt(
    profile, seed: int, share: float
) -> None:
    parameters, n = profile
    others = {"volume_threshold": 50, "change_threshold": 0.5, "overrides": {}}
    other = replace(parameters, **others, alerts_per_10k=5.0, alerts_per_day=0.0)
    trades = tape(seed, n)
    cut = int(n * share)
    kept, changed = fresh(parameters), fresh(parameters)
    told(kept, taken(trades, slice(0, cut)))
    told(changed, taken(trades, slice(0, cut)))
    after = fresh(other)
    for row in range(len(NAMES)):
        after.restore(row, changed.snapshot(row))
    rest = taken(trades, slice(cut, n))
    before_told, after_told = told(kept, rest, n), told(after, rest, n)
    assert [outcome for outcome, *_ in after_told] == [outcome for outcome, *_ in before_told]
    if parameters.profile == "calibrated":
        np.testing.assert_array_equal(after.last_scores, kept.last_scores)
    else:
        assert [rules & ISOLATION_FOREST.bit for _, rules, _ in after_told] == [
            rules & ISOLATION_FOREST.bit for _, rules, _ in before_told
        ]
        assert [after.snapshot(row) for row in range(3)] == [kept.snapshot(row) for row in range(3)]
    assume(after_told != before_told)  # the new thresholds are heeded
