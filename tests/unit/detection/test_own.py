"""A detector that is not of this program: what it is given, and what happens when it is wrong."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest

from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE, Explanation, Verdicts
from tape.errors import DetectorError, StateError
from tape.judging.judge import Judge
from tape.model.anomaly import Feature, Reason
from tape.model.counts import Counts
from tape.testing.laws import NAMES, maker, odd_trades, taken
from tests.sub_penny_days import EXAMPLE, PROFILE
from tests.unit.codec.test_places import trade

RUN = Parameters(profile="own_kinds:KIND")


@pytest.fixture
def make_own(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return what makes a detector like the example's, with other methods."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    module: Any = ModuleType("own_kinds")
    monkeypatch.setitem(sys.modules, "own_kinds", module)

    def make(profile: str = RUN.profile, kind: dict[str, Any] | None = None, **methods: Any):
        import sub_penny

        changed = type("Changed", (sub_penny.SubPenny,), methods)
        module.KIND = replace(sub_penny.KIND, name="changed", build=changed, **(kind or {}))
        return maker(Parameters(profile=profile))(NAMES)

    return make


def test_it_is_given_each_trade_once_and_read_only(make_own) -> None:
    seen = []

    def detect(self, trades) -> Verdicts:
        seen.append(trades)
        return Verdicts.of(np.zeros(len(trades), bool))

    detector = make_own(detect=detect)
    trades = odd_trades(1, 2_000)
    outcome = detector.detect(trades).outcome
    new = taken(trades, outcome != DUPLICATE)
    assert 10 < (outcome == DUPLICATE).sum() < 100
    assert seen[0].price_nanos.tolist() == new.price_nanos.tolist()
    with pytest.raises(ValueError, match="read-only"):
        seen[0].size[0] = 1
    assert trades.size.flags.writeable
    again = detector.detect(taken(trades, slice(-500, None)))
    assert (again.outcome == DUPLICATE).all()
    assert len(seen) == 1, "nothing to judge, nothing asked"


def wrong_length(self, trades) -> Verdicts:
    return Verdicts.of(np.zeros(len(trades) + 1, bool))


def wrong_score(self, trades) -> Verdicts:
    return Verdicts.of(np.zeros(len(trades), bool), score=np.zeros(3))


def nan_score(self, trades) -> Verdicts:
    return Verdicts.of(np.zeros(len(trades), bool), score=np.full(len(trades), np.nan))


def wrong_flagged(self, trades) -> Verdicts:
    return replace(Verdicts.of(np.zeros(len(trades), bool)), flagged=np.array([1]))


def wrong_evidence(self, trades) -> Verdicts:
    return replace(Verdicts.of(np.ones(len(trades), bool)), evidence=np.zeros(1))


def wrong_bit(self, trades) -> Verdicts:
    return Verdicts.of(np.full(len(trades), 2))


def wrong_type(self, trades) -> Verdicts:
    return replace(Verdicts.of(np.ones(len(trades), bool)), rules=np.ones(len(trades)))


def raises(self, *_: object) -> None:
    raise ZeroDivisionError("of mine")


def writes(self, trades) -> Verdicts:
    trades.price_nanos[0] = 0
    return Verdicts.of(np.zeros(len(trades), bool))


@pytest.mark.parametrize(
    ("detect", "said"),
    [
        (wrong_length, "detect() returned rules of shape (501,) for 500 trades"),
        (wrong_score, "detect() returned score of shape (3,) for 500 trades"),
        (nan_score, "score that is no finite number"),
        (wrong_flagged, "other flagged trades"),
        (wrong_evidence, "evidence of 1 trades where 500 are flagged"),
        (wrong_bit, "a bit beyond those of its 1 rules"),
        (wrong_type, "rules of type float64"),
        (raises, "detect() failed with ZeroDivisionError: of mine (test_own.py, line "),
        (writes, "read-only"),
        (lambda self, trades: None, "returned a NoneType, not Verdicts"),
        (lambda self, trades: [0] * len(trades), "returned a list, not Verdicts"),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(make_own, detect, said: str) -> None:
    trades = taken(odd_trades(1, 500), slice(0, 500))
    trades.sequence[:] = 0  # no duplicates
    detector = make_own(detect=detect)
    with pytest.raises(DetectorError) as error:
        detector.detect(trades)
    assert error.value.exit_code == 4
    assert said in str(error.value)
    assert "the detector changed of PROFILE is at fault" in str(error.value)
    assert "\n" not in str(error.value)


OK = Reason("Sub-Penny Print", 5, 1, "why")


@pytest.mark.parametrize(
    ("explain", "said"),
    [
        (raises, "explain() failed with ZeroDivisionError"),
        (lambda *_: [OK], "returned a list, not an Explanation"),
        (lambda *_: Explanation([]), "gave reasons for [] where ['Sub-Penny Print'] fired"),
        (lambda *_: Explanation([OK, OK]), "gave reasons for"),
        (lambda *_: Explanation(cast("list[Reason]", ["why"])), "reasons that are not Reasons"),
        (lambda *_: Explanation([Reason("Other", 1, 1, "")]), "gave reasons for ['Other']"),
        (lambda *_: Explanation([OK], {"price": 3}), "added the field 'price'"),
        (lambda *_: Explanation([OK], {"mine": object()}), "unsupported"),
        (lambda *_: Explanation([OK], {"severity": "high"}), "severity"),
        (lambda *_: Explanation([OK], {"features": [1]}), "features"),
        (lambda *_: Explanation([Reason(OK.rule, np.int64(3), 1, "")]), "int64"),
        (lambda *_: Explanation([Reason(OK.rule, float("nan"), 1, "")]), "value"),
    ],
)
def test_a_wrong_explanation_is_told_in_one_sentence(make_own, explain, said: str) -> None:
    detector = make_own(explain=explain)
    trades = odd_trades(1, 3_000)
    verdicts = detector.detect(trades)
    with pytest.raises(DetectorError) as error:
        detector.explain(trades, verdicts, 0)
    assert said in str(error.value)


def test_its_own_fields_stand_behind_the_verdict(make_own) -> None:
    feature = Feature("cents", "cents", 0.5, 0.0, 0.0, 1.0)

    def explain(*_: object) -> Explanation:
        return Explanation([OK], {"severity": 3.5, "features": [feature], "mine": [1, {"a": None}]})

    detector = make_own(explain=explain)
    trades = odd_trades(1, 3_000)
    found = detector.explain(trades, detector.detect(trades), 0)
    assert dict(found.extras)["mine"] == [1, {"a": None}]


@pytest.mark.parametrize(
    ("method", "value", "said"),
    [
        ("snapshot", raises, "snapshot() failed with"),
        ("snapshot", lambda *_: "text", "returned a str, not bytes"),
        ("snapshot", lambda *_: bytes(100_000), "100,000 bytes where its kind's"),
        ("restore", raises, "restore() failed with"),
        ("forget", raises, "forget() failed with"),
        ("__init__", raises, "build() failed with"),
    ],
)
def test_a_fault_in_its_memory_is_told_in_one_sentence(make_own, method, value, said) -> None:
    with pytest.raises(DetectorError) as error:  # noqa: PT012 - any of these may raise
        detector = make_own(**{method: value})
        detector.detect(odd_trades(1, 100))
        detector.restore(0, detector.snapshot(0))
        detector.forget(0)
    assert said in str(error.value)


def test_its_state_is_refused_when_it_is_another_ones_or_damaged(make_own) -> None:
    detector, example = make_own(), maker(Parameters(profile=PROFILE))(NAMES)
    detector.detect(odd_trades(1, 500))
    blob = detector.snapshot(0)
    with pytest.raises(StateError, match="belongs to profile 'changed'"):
        example.restore(0, blob)
    for bad in (blob[:-1], blob[:20], blob[:40] + b"x" + blob[41:], b""):
        with pytest.raises(StateError):
            detector.restore(0, bad)
    detector.restore(0, blob)


def test_state_that_another_parameter_of_it_made_is_refused(make_own) -> None:
    import sub_penny

    class More(sub_penny.SubPennyParameters):
        shares = 7

        def fingerprint(self) -> str:
            return "of seven"

    detector = make_own()
    blob = detector.snapshot(0)
    with pytest.raises(StateError, match="with other parameters"):
        make_own(kind={"parameters": More}).restore(0, blob)


def test_a_judge_that_fails_has_counted_nothing_of_the_batch(make_own) -> None:
    make_own(explain=raises)
    counts = Counts()
    judge = Judge(RUN, 10, counts)
    values = [trade("A", n, 10_000, 5_000) for n in range(1, 40)]
    broken = [value.replace(b'"price":100.00', b'"price":100.005') for value in values]
    with pytest.raises(DetectorError):
        judge.judge([b"A"] * len(broken), broken)
    assert counts.records == 0
