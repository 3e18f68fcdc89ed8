"""The walk against XGBoost itself: equal margins to the last bit, and its contributions."""

import json
from typing import Any

import numpy as np
import pytest
import xgboost

from tape.detection.supervised.columns import COUNT, NAMES
from tape.detection.supervised.tail import MOST, Tail, fit_tail
from tape.detection.supervised.trees import NoModelError, read_trees
from tape.detection.supervised.walk_kernel import contributions, walk


def random_rows(random: np.random.Generator, n: int) -> np.ndarray:
    """Return rows of all magnitudes, with equal and missing values among them."""
    values = random.normal(size=(n, COUNT)) * 10.0 ** random.integers(-6, 7, COUNT)
    values[:, ::3] = np.round(values[:, ::3])
    values[random.random(values.shape) < 0.15] = np.nan
    return values.astype(np.float32)


def booster_of(random: np.random.Generator, **changes: Any) -> tuple[xgboost.Booster, np.ndarray]:
    rows = random_rows(random, 3_000)
    score = np.nan_to_num(rows[:, 3]) / 10 + random.normal(size=3_000)
    labels = score > np.quantile(score, 1 - changes.pop("share", 0.1))
    matrix = xgboost.DMatrix(rows, label=labels, feature_names=list(NAMES))
    how = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_depth": int(random.integers(1, 8)),
        "eta": float(random.choice([0.05, 0.3, 1.0])),
        "seed": 1,
        "nthread": 1,
        **changes,
    }
    return xgboost.train(how, matrix, int(random.integers(1, 60))), rows


def margins_of(booster: xgboost.Booster, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    found = np.empty(len(places), np.float32)
    walk(read_trees(bytes(booster.save_raw("json"))), rows, places, found)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_margins_are_xgboosts_to_the_last_bit(seed: int) -> None:
    random = np.random.default_rng(seed)
    share = float(random.choice([0.001, 0.02, 0.4]))
    method = "exact" if seed % 4 == 3 else "hist"
    booster, rows = booster_of(random, share=share, tree_method=method)
    trees = read_trees(bytes(booster.save_raw("json")))
    asked = np.concatenate([rows, random_rows(random, 2_000)])
    told = trees.threshold[trees.left != -1]
    asked[:1_000, 0] = random.choice(told, 1_000)  # a value that is a threshold goes to the right
    asked[1_000:1_500, 5] = np.nextafter(random.choice(told, 500), np.float32(-np.inf))
    expected = booster.predict(
        xgboost.DMatrix(asked, feature_names=list(NAMES)), output_margin=True
    )
    found = margins_of(booster, asked, np.arange(len(asked)))
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))
    some = np.sort(random.choice(len(asked), 777, replace=False))
    np.testing.assert_array_equal(margins_of(booster, asked, some), expected[some])


def test_contributions_are_those_that_xgboost_calls_approximate() -> None:
    random = np.random.default_rng(5)
    booster, rows = booster_of(random, max_depth=6)
    trees = read_trees(bytes(booster.save_raw("json")))
    expected = booster.predict(
        xgboost.DMatrix(rows, feature_names=list(NAMES)), pred_contribs=True, approx_contribs=True
    )
    margins = margins_of(booster, rows, np.arange(len(rows)))
    for n in range(0, len(rows), 10):
        found = np.zeros(COUNT + 1)
        contributions(trees, rows[n], found)
        np.testing.assert_allclose(found, expected[n], atol=2e-4)
        assert found.sum() == pytest.approx(margins[n], abs=2e-4)


def spoiled(model: dict[str, Any], name: str, value: Any) -> None:
    tree = model["learner"]["gradient_booster"]["model"]["trees"][-1]
    if name in tree:
        tree[name][0] = value
    elif name == "objective":
        model["learner"]["objective"]["name"] = value
    elif name == "trees":
        model["learner"]["gradient_booster"]["model"]["trees"] = value
    elif name == "names":
        model["learner"]["feature_names"] = value
    else:
        model["learner"]["learner_model_param"][name] = value


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("left_children", 0, "leads nowhere, or back"),
        ("right_children", 9_999, "leads nowhere, or back"),
        ("right_children", -1, "leads nowhere, or back"),
        ("left_children", 2**70, "no model in XGBoost's JSON|impossible number"),
        ("split_indices", COUNT, "leads nowhere"),
        ("split_indices", -3, "leads nowhere"),
        ("default_left", 7, "leads nowhere"),
        ("split_type", 1, "leads nowhere"),
        ("split_conditions", 1e300, "has no number"),
        ("split_conditions", "x", "no model in XGBoost's JSON"),
        ("objective", "reg:squarederror", "its objective is 'reg:squarederror'"),
        ("base_score", "[2E0]", "base score"),
        ("base_score", "zero", "base score"),
        ("num_class", "3", "several classes"),
        ("trees", [], "0 trees"),
        ("names", ["a", "b"], "its features are not those"),
    ],
)
def test_a_model_that_cannot_be_walked_is_refused(name: str, value: Any, said: str) -> None:
    booster, _ = booster_of(np.random.default_rng(2), max_depth=4)
    model = json.loads(bytes(booster.save_raw("json")))
    spoiled(model, name, value)
    with pytest.raises(NoModelError, match=said):
        read_trees(json.dumps(model).encode())


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b"\xff\xfe", b"null"])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(NoModelError, match="no model in XGBoost's JSON"):
        read_trees(data)


def test_the_tail_says_how_many_ordinary_trades_reach_a_margin() -> None:
    """Of an exponential the answer is known: the share beyond x is exp(-x)."""
    random = np.random.default_rng(3)
    tail = fit_tail(random.exponential(size=200_000).astype(np.float32))
    fresh = random.exponential(size=2_000_000)
    for level in (0.5, 1.0, 2.0, 3.0, 4.0):
        share = (tail.severity(fresh) >= level).mean()
        assert share == pytest.approx(10**-level, rel=0.4 if level > 3 else 0.1), level
    rising = tail.severity(np.linspace(-5, 300, 5_000))
    assert (np.diff(rising) >= 0).all()
    assert rising[0] == 0
    assert tail.severity(np.array([1e30])).tolist() == [MOST]


def test_the_tail_of_margins_that_have_an_end_ends_there() -> None:
    """Of a uniform the share beyond x is 1 - x, and nothing is beyond 1."""
    tail = fit_tail(np.random.default_rng(3).random(200_000))
    fresh = np.random.default_rng(4).random(2_000_000)
    for level in (2.0, 3.0):
        share = (tail.severity(fresh) >= level).mean()
        assert share == pytest.approx(10**-level, rel=0.3), level
    assert tail.severity(np.array([1.1])).tolist() == [MOST]


def test_a_tail_of_equal_margins_is_one() -> None:
    tail = fit_tail(np.full(2_000, -3.0))
    assert tail.severity(np.array([-4.0, -3.0, 5.0])).tolist()[0] == 0
    assert np.isfinite(tail.severity(np.array([9.0]))).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"margins": (1.0, 0.0)},
        {"severities": (1.0, 1.0)},
        {"scale": 0.0},
        {"shape": 0.9},
        {"shape": -1.1},
        {"scale": float("nan")},
        {"margins": (0.0, 1.0, 2.0)},
    ],
)
def test_what_is_no_tail_is_refused(wrong: dict[str, Any]) -> None:
    told = {"margins": (0.0, 1.0), "severities": (0.3, 2.0), "scale": 1.0, "shape": 0.1}
    Tail(**told)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no tail"):
        Tail(**(told | wrong))
