"""Several detectors together: each says what it says alone, and it is merged in their order."""

import numpy as np
import pytest

from tape.codec.symbols import SymbolTable
from tape.detection.bundle import decode_bundle, encode_bundle
from tape.detection.composed import Composed
from tape.detection.parameters import Parameters
from tape.detection.protocol import (
    DUPLICATE,
    LATE,
    NEW,
    Explanation,
    Verdicts,
    WithoutMemory,
)
from tape.detection.registry import lineup, make_detector
from tape.errors import StateError
from tape.model.anomaly import Feature, Reason
from tape.model.columns import TradeColumns
from tape.testing.laws import NAMES, Answer, maker, odd_trades, taken, told
from tests.sub_penny_days import EXAMPLE, PROFILE

N = 6_000
SMALL = {"window": 40, "stride": 2, "history": 60, "refit_every": 100, "trees": 5}


@pytest.fixture(autouse=True)
def the_example_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))


def run(profile: str) -> Parameters:
    more = {"alerts_per_10k": 1_000, "volume_threshold": 900}
    return Parameters(**SMALL, **more, profile=profile)  # type: ignore[arg-type]


def alone(profile: str, trades: TradeColumns) -> list[Answer]:
    return told(maker(run(profile))(NAMES), trades)


@pytest.mark.parametrize(
    "profile",
    ["classic,calibrated", "calibrated,classic", f"classic,{PROFILE}", f"{PROFILE},calibrated"],
)
def test_a_trade_is_flagged_if_any_flags_it_and_each_says_what_it_says_alone(profile: str) -> None:
    trades = odd_trades(5, N)
    together = told(maker(run(profile))(NAMES), trades)
    words = profile.split(",")
    found = lineup(profile)
    bits = {word: found.bits_of(kind) for word, kind in zip(words, found.kinds, strict=True)}
    each = {word: alone(word, trades) for word in words}
    flagged_by = []
    for row, one in enumerate(together):
        of_each = [each[word][row] for word in words]
        assert {(its.outcome, its.behind_ns, its.shared) for its in of_each} == {
            (one.outcome, one.behind_ns, one.shared)
        }
        reasons = [reason for its in of_each if its.why for reason in its.why.reasons]
        assert (list(one.why.reasons) if one.why else []) == reasons
        assert bool(one.rules) == bool(reasons)
        for word, answer in zip(words, of_each, strict=True):
            assert bool(one.rules & sum(bits[word])) == bool(answer.rules)
        flagged_by.append(sum(bool(answer.rules) for answer in of_each))
    assert {1, 2} <= set(flagged_by), "some by one, some by both"


def test_what_calibrated_adds_is_there_with_classic_in_either_order() -> None:
    trades = odd_trades(5, N)
    for profile in ("classic,calibrated", "calibrated,classic"):
        found = [one.why for one in told(maker(run(profile))(NAMES), trades) if one.why]
        by_calibrated = [why for why in found if "Calibrated" in [r.rule for r in why.reasons]]
        assert by_calibrated
        assert all(sorted(why.extras) == EXTRAS for why in by_calibrated)
        others = [why for why in found if why not in by_calibrated]
        assert others
        assert all(list(why.extras) == ["priority"] for why in others)


EXTRAS = ["calibrated", "context", "family", "features", "priority", "severity"]


class Stub(WithoutMemory):
    """Flags every n-th trade that it is given, and says so with fields of its own."""

    def __init__(self, name: str, nth: int, *, knows: frozenset[int] = frozenset(), **extras):
        self.name, self.nth, self.knows, self.extras = name, nth, knows, extras
        self.given: list[int] = []

    def detect(self, trades: TradeColumns) -> Verdicts:
        self.given += trades.sequence.tolist()
        found = Verdicts.of(trades.sequence % self.nth == 0)
        duplicate = np.isin(trades.sequence, list(self.knows))
        found.outcome[duplicate] = DUPLICATE
        found.rules[duplicate] = 0
        found.outcome[(trades.sequence % 10 == 9) & ~duplicate] = LATE
        found.behind_ns[found.outcome == LATE] = self.nth
        return Verdicts(
            found.outcome,
            found.rules,
            np.flatnonzero(found.rules),
            np.zeros(int((found.rules != 0).sum())),
            found.behind_ns,
            found.shared,
        )

    def explain(self, trades: TradeColumns, verdicts: Verdicts, nth: int) -> Explanation:
        number = int(trades.sequence[verdicts.flagged[nth]])
        return Explanation([Reason(self.name, number, self.nth, "")], self.extras)


def numbered(n: int) -> TradeColumns:
    trades = taken(odd_trades(1, n), slice(0, n))
    trades.sequence[:] = np.arange(1, n + 1)
    return trades


def test_a_duplicate_that_any_of_them_knows_is_dropped_for_all_and_once() -> None:
    first, second, third = (
        Stub("A", 2, knows=frozenset({4, 5})),
        Stub("B", 3, knows=frozenset({6, 10})),
        Stub("C", 5),
    )
    detector = Composed(("a", "b", "c"), (first, second, third))
    found = detector.detect(numbered(12))
    assert np.flatnonzero(found.outcome == DUPLICATE).tolist() == [3, 4, 5, 9]
    assert found.rules[found.outcome == DUPLICATE].tolist() == [0, 0, 0, 0]
    assert (found.flagged + 1).tolist() == [2, 3, 8, 9, 12]
    assert second.given == [1, 2, 3, 6, 7, 8, 9, 10, 11, 12]
    assert third.given == [1, 2, 3, 7, 8, 9, 11, 12]
    assert found.outcome[8] == LATE
    assert found.behind_ns[8] == 5, "the farthest"
    assert (found.outcome[[0, 1, 2]] == NEW).all()
    whys = [detector.explain(numbered(12), found, nth) for nth in range(5)]
    assert [[(r.rule, r.value) for r in why.reasons] for why in whys] == [
        [("A", 2)],
        [("B", 3)],
        [("A", 8)],
        [("B", 9)],
        [("A", 12), ("B", 12)],
    ]


def test_the_largest_severity_and_priority_count_features_add_up_and_of_the_rest_the_first() -> (
    None
):
    one, two = (Feature(name, "", 1.0, 0.0, 0.0, 1.0) for name in "ab")
    detector = Composed(
        ("a", "b"),
        (
            Stub("A", 2, severity=2.0, priority=5.0, context="mine", features=[one]),
            Stub("B", 2, severity=3.5, priority=4.0, context="yours", features=[two], more=7),
        ),
    )
    trades = numbered(4)
    extras = detector.explain(trades, detector.detect(trades), 0).extras
    assert list(extras.items()) == [
        ("severity", 3.5),
        ("priority", 5.0),
        ("context", "mine"),
        ("features", [one, two]),
        ("more", 7),
    ]


def test_a_detector_without_a_state_starts_over_and_the_others_go_on() -> None:
    trades = odd_trades(7, N)
    both, classic = maker(run("classic,calibrated")), maker(run("classic"))
    before = classic(NAMES)
    told(before, taken(trades, slice(0, 3_000)))
    after = both(NAMES)
    told(after, taken(trades, slice(0, 500)))  # another life, of which nothing may be left
    for row in range(len(NAMES)):
        after.restore(row, encode_bundle({"classic": before.snapshot(row)}))
    rest = taken(trades, slice(3_000, None))
    together, mine = told(after, rest), told(before, rest)
    bits = 1 | 2 | 4
    assert [one.rules & bits for one in together] == [one.rules for one in mine]
    fresh = maker(run("calibrated"))(NAMES)
    accepted = taken(rest, np.array([one.outcome != DUPLICATE for one in together]))
    theirs = [one.rules for one in told(fresh, accepted)]
    assert [one.rules & 8 for one in together if one.outcome != DUPLICATE] == theirs


def test_a_bundle_that_is_none_or_damaged_is_refused() -> None:
    detector = maker(run("classic,calibrated"))(NAMES)
    whole = detector.snapshot(0)
    assert list(decode_bundle(whole)) == ["classic", "calibrated"]
    for bad in (b"", b"MANY", whole[:-1], whole + b"x", b"TAPE" + whole[4:], whole[:30]):
        with pytest.raises(StateError):
            detector.restore(0, bad)


def test_one_detector_is_no_composition() -> None:
    table = SymbolTable()
    for profile in ("classic", "calibrated", PROFILE):
        assert not isinstance(make_detector(Parameters(profile=profile), table), Composed)
