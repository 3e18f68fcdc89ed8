"""Laws that every detector obeys, whatever the profile and whatever the trades."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tape.detection.parameters import Parameters, SymbolThresholds
from tape.detection.protocol import Verdicts
from tape.model.columns import TradeColumns
from tape.model.rules import ISOLATION_FOREST
from tape.testing import laws
from tape.testing.laws import NAMES, LawBrokenError, maker, taken, told
from tape.testing.laws import odd_trades as tape

pytestmark = pytest.mark.no_cover  # literal Python on many trades: tracing would double it

EXAMPLE = Path(__file__).parents[3] / "examples/own_detector"
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
    "both": (
        Parameters(**SMALL, profile="classic,calibrated", alerts_per_10k=1_000),
        6_000,
    ),
    "own": (Parameters(profile="sub_penny:KIND"), 3_000),
    "own-and-classic": (Parameters(**SMALL, profile="sub_penny:KIND,classic"), 900),
}
some = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True, scope="module")
def the_example_can_be_imported() -> Iterator[None]:
    sys.path.insert(0, str(EXAMPLE))
    yield
    sys.path.remove(str(EXAMPLE))


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> tuple[Parameters, int]:
    return PROFILES[request.param]


def fresh(parameters: Parameters, names: tuple[str, ...] = NAMES):
    return maker(parameters)(names)


@some
@given(seed=seeds, batch=st.integers(1, 700))
def test_batching_does_not_matter(profile, seed: int, batch: int) -> None:
    parameters, n = profile
    trades = tape(seed, n)
    assume(any(one.rules for one in told(fresh(parameters), trades)))  # of few none may be odd
    laws.check_batching(maker(parameters), trades, [batch])


@some
@given(seed=seeds, share=st.floats(0, 1))
def test_keeping_and_restoring_the_state_does_not_matter(profile, seed: int, share: float) -> None:
    parameters, n = profile
    laws.check_restore(maker(parameters), tape(seed, n), [int(share * n)])


@some
@given(seed=seeds, order=st.permutations(range(len(NAMES))))
def test_order_and_numbers_of_the_symbols_do_not_matter(profile, seed: int, order) -> None:
    """Symbol after symbol, under other numbers, instead of mixed as on the tape; and one alone."""
    parameters, n = profile
    laws.check_symbols(maker(parameters), tape(seed, n), [order])


@some
@given(seed=seeds)
def test_a_number_that_goes_to_another_symbol_is_as_a_new_one(profile, seed: int) -> None:
    parameters, n = profile
    laws.check_forgetting(maker(parameters), tape(seed, n))


def test_no_clock_and_no_chance(profile) -> None:
    parameters, n = profile
    laws.check_no_clock(maker(parameters), tape(1, n))


@some
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
    before_told, after_told = kept.detect(rest), after.detect(rest)
    np.testing.assert_array_equal(after_told.outcome, before_told.outcome)
    for mine, theirs in zip(_each(after_told), _each(before_told), strict=True):
        if mine.score is not None:
            np.testing.assert_array_equal(mine.score, theirs.score)
    forest = ISOLATION_FOREST.bit
    np.testing.assert_array_equal(after_told.rules & forest, before_told.rules & forest)
    if "calibrated" not in parameters.profile:
        assert [after.snapshot(row) for row in range(3)] == [kept.snapshot(row) for row in range(3)]
    if parameters.profile != "sub_penny:KIND":  # the new ones are used
        assume(after_told.rules.tolist() != before_told.rules.tolist())


def _each(verdicts: Verdicts) -> list[Verdicts]:
    return [part.verdicts for part in verdicts.parts] or [verdicts]


class Wrong:
    """A detector that breaks one law, told by its name."""

    def __init__(self, fault: str, inner) -> None:
        self.fault, self.inner, self.seen = fault, inner, 0

    def detect(self, trades: TradeColumns) -> Verdicts:
        import time

        if self.fault == "clock":
            time.time()
        found = self.inner.detect(trades)
        rules = found.rules.copy()
        rows = np.flatnonzero(found.outcome < 2)
        if self.fault == "batching" and len(rows):
            rules[rows[0]] ^= 1
        if self.fault in ("restore", "symbols", "forgetting"):  # it counts what it does not keep
            for row in rows.tolist():
                self.seen += 1
                if self.seen % 17 == 0:
                    rules[row] ^= 1
        if self.fault == "chance":
            rules[rows] ^= (np.random.random(len(rows)) < 0.5).astype(np.uint8)
        return replace(found, rules=rules)

    def __getattr__(self, name: str):
        return getattr(self.inner, name)


@pytest.mark.parametrize(
    ("fault", "law"),
    [
        ("batching", lambda make, trades: laws.check_batching(make, trades, [100])),
        ("restore", lambda make, trades: laws.check_restore(make, trades, [300])),
        ("symbols", lambda make, trades: laws.check_symbols(make, trades, [(2, 1, 0)])),
        ("forgetting", laws.check_forgetting),
        ("clock", laws.check_no_clock),
        ("chance", laws.check_no_clock),
    ],
)
def test_a_detector_that_breaks_a_law_is_found_out(fault: str, law) -> None:
    make = maker(PROFILES["classic"][0])
    with pytest.raises(LawBrokenError):
        law(lambda names: Wrong(fault, make(names)), tape(3, 900))


def test_the_example_obeys_all_laws_by_the_one_call_that_the_docs_name() -> None:
    laws.check_laws("sub_penny:KIND")
    with pytest.raises(LawBrokenError, match="flags none"):
        laws.check_laws("sub_penny:KIND", trades=5)
