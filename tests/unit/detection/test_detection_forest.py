"""The compiled forest against scikit-learn's own, on dense grids and at every edge."""

import multiprocessing
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from tape.detection.forest.draws import sample, smallest_target_gap
from tape.detection.forest.forests import Forests
from tape.detection.forest.reference import reference_breakpoints
from tape.detection.forest.self_check import forests_agree, kernel_can, kernel_is_trusted
from tape.detection.parameters import Parameters

SHAPES = {
    "normal": lambda random, n: random.normal(size=n) * 1.3,
    "rounded": lambda random, n: np.round(random.normal(size=n), 1),
    "three values": lambda random, n: random.integers(0, 3, n) - 1.0,
    "two values": lambda random, n: random.integers(0, 2, n) * 1.0,
    "all equal": lambda random, n: np.full(n, 0.25),
    "heavy tails": lambda random, n: random.standard_cauchy(n),
    "tiny range": lambda random, n: random.normal(size=n) * 3e-8,
    "tiny ticks": lambda random, n: np.round(random.normal(size=n) * 1e-6, 7),
    "a drift": lambda random, n: np.round(np.cumsum(random.normal(size=n)) / 30, 2),
    "neighbouring floats": lambda random, n: 1 + random.integers(0, 40, n) * 2.0**-23,
    "one far away": lambda random, n: np.append(random.normal(size=n - 1), 31.6),
    "large": lambda random, n: random.normal(size=n) * 1e30,
}


def neighbourhood(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    infinity = np.float32(np.inf)
    return np.concatenate([values, np.nextafter(values, infinity), np.nextafter(values, -infinity)])


def differences(training: np.ndarray, random_state: int = 42, **changes: float) -> int:
    """Return at how many places of a dense grid the two forests disagree."""
    settings = {"trees": 100, "contamination": 0.01} | changes
    trees, contamination = int(settings["trees"]), settings["contamination"]
    parameters = Parameters(trees=trees, contamination=contamination, random_state=random_state)
    training = training.astype(np.float32)
    below, breaks = Forests(parameters, 2000).breakpoints(training)
    forest = IsolationForest(
        n_estimators=trees, contamination=contamination, random_state=random_state
    ).fit(training.reshape(-1, 1))
    edges = [t.tree_.threshold[t.tree_.feature >= 0] for t in forest.estimators_]
    margin = np.ptp(training) * 0.1 + 1e-6
    z = np.concatenate(
        [
            neighbourhood(training),
            neighbourhood(breaks),
            neighbourhood(np.concatenate(edges)),
            np.linspace(training.min() - margin, training.max() + margin, 2000),
        ]
    )
    expected = forest.decision_function(z.reshape(-1, 1)) < 0
    at = np.searchsorted(breaks, z.astype(np.float32), side="left")
    return int(np.count_nonzero(expected != ((at + below) % 2 == 1)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_compiled_forest_gives_the_verdicts_of_scikit_learn(shape: str) -> None:
    assert differences(SHAPES[shape](np.random.default_rng(7), 1000)) == 0


@pytest.mark.parametrize("n", [50, 101, 256, 257, 258, 259, 999])
def test_a_short_history_makes_the_same_forest(n: int) -> None:
    assert differences(np.random.default_rng(n).normal(size=n)) == 0


@pytest.mark.parametrize(
    ("trees", "contamination", "random_state"), [(1, 0.01, 0), (65, 0.1, 1), (128, 0.5, 7)]
)
def test_other_parameters_make_the_same_forest(
    trees: int, contamination: float, random_state: int
) -> None:
    training = np.round(np.random.default_rng(3).normal(size=600), 2)
    settings = {"trees": trees, "contamination": contamination}
    assert differences(training, random_state, **settings) == 0


def differences_of_many(seed: int) -> dict[str, int]:
    """Differences of one forest of every shape, of a random length."""
    random = np.random.default_rng(seed)
    with np.errstate(over="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {
            name: differences(shape(random, int(random.integers(50, 1001))))
            for name, shape in SHAPES.items()
        }
    return {name: count for name, count in found.items() if count}


@pytest.mark.full
def test_two_thousand_forests_give_the_verdicts_of_scikit_learn() -> None:
    seeds = range(1_000, 1_000 + -(-2_000 // len(SHAPES)))
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=spawning) as pool:
        found = dict(zip(seeds, pool.map(differences_of_many, seeds), strict=True))
    assert {seed: names for seed, names in found.items() if names} == {}


@pytest.mark.parametrize("n", [50, 256, 257, 258, 259, 1000, 5000])
def test_samples_are_those_of_scikit_learn(n: int) -> None:
    from sklearn.utils.random import sample_without_replacement

    expected = sample_without_replacement(n, min(256, n), random_state=123)
    assert sorted(sample(123, n)) == sorted(expected)


def test_the_self_check_agrees_here_and_notices_a_different_forest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert forests_agree()
    monkeypatch.setattr(
        "tape.detection.forest.self_check.reference_breakpoints",
        lambda *_: (1, np.zeros(1, np.float32)),
    )
    assert not forests_agree()


def test_the_answer_of_the_self_check_is_kept(
    tmp_path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    where = "tape.detection.forest.self_check"
    monkeypatch.setattr(f"{where}.platformdirs.user_cache_dir", lambda _: str(tmp_path / "cache"))
    monkeypatch.setattr(f"{where}.forests_agree", lambda: False)
    assert not kernel_is_trusted()
    assert "differs" in caplog.text
    monkeypatch.setattr(f"{where}.forests_agree", lambda: True)
    assert not kernel_is_trusted(), "the kept answer counts"


def test_a_cache_that_cannot_be_written_does_no_harm(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "tape.detection.forest.self_check"
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(f"{where}.platformdirs.user_cache_dir", lambda _: str(tmp_path / "file"))
    monkeypatch.setattr(f"{where}.forests_agree", lambda: True)
    assert kernel_is_trusted()


def test_targets_too_close_together_are_left_to_scikit_learn() -> None:
    assert smallest_target_gap(42, 1000) > 2e-6
    assert kernel_can(Parameters())
    assert not kernel_can(Parameters(training="window"))
    assert not kernel_can(Parameters(contamination=0.5))


def on_a_grid(seed: int) -> np.ndarray:
    return np.round(np.random.default_rng(seed).normal(size=1000) * 1e-6, 7).astype(np.float32)


def test_a_verdict_that_hangs_on_the_last_bit_of_a_power_is_scikit_learns() -> None:
    forests = Forests(Parameters(), 120)
    hanging = []
    for seed in range(200, 500):
        before = forests.decided
        below, breaks = forests.breakpoints(on_a_grid(seed))
        if forests.decided > before:
            hanging.append((seed, below, breaks.tolist()))
    assert len(hanging) >= 2, "the case is there"
    assert forests.left == 0
    for seed, below, breaks in hanging:
        expected_below, expected = reference_breakpoints(on_a_grid(seed), Parameters())
        assert (below, breaks) == (expected_below, expected.tolist())


def test_more_breakpoints_than_there_is_room_for_are_left_to_scikit_learn() -> None:
    training = SHAPES["a drift"](np.random.default_rng(7), 1000).astype(np.float32)
    forests = Forests(Parameters(), 1)
    below, breaks = forests.breakpoints(training)
    expected_below, expected = reference_breakpoints(training, Parameters())
    assert forests.left == 1
    assert (below, breaks.tolist()) == (expected_below, expected.tolist())
    assert differences(training) == 0
