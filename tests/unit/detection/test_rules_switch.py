"""RULES, and `forest` of a symbol: which rules flag, and nothing else of what a detector does."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tape.detection.parameters import Parameters, SymbolThresholds
from tape.detection.protocol import Explanation, Verdicts
from tape.detection.registry import lineup
from tape.errors import SettingsError
from tape.model.anomaly import Reason
from tape.model.rules import HIGH_VOLUME, ISOLATION_FOREST, RAPID_PRICE_CHANGE, RULES
from tape.testing.laws import NAMES, maker, odd_trades
from tests.unit.detection.test_own import make_own  # noqa: F401 - a fixture

SMALL = Parameters(
    volume_threshold=300,
    change_threshold=0.002,
    window=40,
    stride=2,
    history=60,
    refit_every=50,
    trees=7,
)
LITERAL = replace(SMALL, training="window")
BIT = {rule.word: rule.bit for rule in RULES}


def words_of(bits: int) -> tuple[str, ...]:
    return tuple(word for word, bit in BIT.items() if bits & bit)


@pytest.mark.parametrize("parameters", [SMALL, LITERAL], ids=["compiled", "literal"])
@pytest.mark.parametrize("bits", [1, 2, 4, 3, 5, 6])
def test_what_flags_is_what_was_flagged_by_these_rules_and_the_state_is_the_same(
    parameters: Parameters, bits: int
) -> None:
    trades = odd_trades(3, 1_500)
    every = maker(parameters)(NAMES)
    some = maker(replace(parameters, rules=words_of(bits)))(NAMES)
    whole, part = every.detect(trades), some.detect(trades)
    assert len(np.flatnonzero(whole.rules & 7)) > len(part.flagged) > 3
    assert part.rules.tolist() == (whole.rules & bits).tolist()
    assert part.flagged.tolist() == np.flatnonzero(whole.rules & bits).tolist()
    nth_of_whole = {int(row): nth for nth, row in enumerate(whole.flagged)}
    names = {rule.name for rule in RULES if rule.bit & bits}
    for nth, row in enumerate(part.flagged[:40].tolist()):
        told = every.explain(trades, whole, nth_of_whole[row]).reasons
        kept = [reason for reason in told if reason.rule in names]
        assert list(some.explain(trades, part, nth).reasons) == kept
    for symbol in some.changed_symbols():
        assert some.snapshot(symbol) == every.snapshot(symbol), "so it may change with kept state"


def test_a_symbol_may_be_without_the_forest_or_with_it_alone() -> None:
    trades = odd_trades(3, 1_500)
    whole = maker(SMALL)(NAMES).detect(trades)
    symbol = int(trades.symbol[whole.rules & ISOLATION_FOREST.bit != 0][0])
    of_symbol = trades.symbol == symbol
    off = {NAMES[symbol]: SymbolThresholds(forest=False)}
    on = {NAMES[symbol]: SymbolThresholds(forest=True)}
    without = maker(replace(SMALL, overrides=off))(NAMES).detect(trades).rules
    assert without.tolist() == np.where(of_symbol, whole.rules & 3, whole.rules).tolist()
    alone = maker(replace(SMALL, overrides=on, rules=("volume",)))(NAMES).detect(trades).rules
    assert alone.tolist() == np.where(of_symbol, whole.rules & 5, whole.rules & 1).tolist()


def hash_of(**given: object) -> str:
    parameters = replace(Parameters(), **given)
    return lineup(parameters.profile).fingerprint(parameters)


def test_the_hash_differs_only_where_a_rule_is_off() -> None:
    same = hash_of()
    assert hash_of(rules=("forest", "volume", "price")) == same
    assert hash_of(rules=("volume", "price")) == hash_of(rules=("price", "volume")) != same
    assert hash_of(overrides={"A": SymbolThresholds(forest=False)}) not in (
        same,
        hash_of(overrides={"A": SymbolThresholds(forest=True)}),
    )
    assert hash_of(profile="calibrated", rules=("calibrated",)) == hash_of(profile="calibrated")
    both = "classic,calibrated"
    assert hash_of(profile=both, rules=("price", "calibrated")) != hash_of(profile=both)


@pytest.mark.parametrize(
    ("profile", "rules", "said"),
    [
        ("classic", ("volumes",), "RULES: PROFILE has no rule 'volumes'; did you mean volume? "),
        ("classic", ("calibrated",), "choose from volume, price, forest"),
        ("calibrated", ("volume",), "choose from calibrated"),
        ("classic,calibrated", ("volume",), "RULES: no rule of calibrated is among volume; take"),
    ],
)
def test_a_rule_that_is_none_is_refused(profile: str, rules: tuple[str, ...], said: str) -> None:
    parameters = Parameters(profile=profile, rules=rules)
    for use in (lineup(profile).fingerprint, lambda p: maker(p)(NAMES)):
        with pytest.raises(SettingsError) as refused:
            use(parameters)
        assert said in str(refused.value)


def test_a_rule_of_one_s_own_can_be_off_as_well(make_own) -> None:  # noqa: F811
    def detect(self, trades) -> Verdicts:
        large, dear = trades.size > 300, trades.price_nanos % 3 == 0
        return Verdicts.of(large.astype(np.uint8) | dear.astype(np.uint8) << 1)

    def explain(self, trades, verdicts, nth) -> Explanation:
        row = verdicts.flagged[nth]
        fired = [("Large", trades.size[row] > 300), ("Dear", trades.price_nanos[row] % 3 == 0)]
        return Explanation([Reason(name, 1, 0, f"{name}.") for name, is_so in fired if is_so])

    make_own(detect=detect, explain=explain)
    module: Any = sys.modules["own_kinds"]
    kind = module.KIND
    one = kind.rules[0]
    two = (replace(one, name="Large", word="large"), replace(one, name="Dear", word="dear"))
    module.KIND = replace(kind, rules=two)
    trades = odd_trades(3, 1_500)
    run = Parameters(profile="own_kinds:KIND")
    every, some = maker(run)(NAMES), maker(replace(run, rules=("dear",)))(NAMES)
    whole, part = every.detect(trades), some.detect(trades)
    (bit,) = {int(bits) for bits in part.rules.tolist() if bits}
    assert part.rules.tolist() == (whole.rules & bit).tolist()
    assert 10 < len(part.flagged) < len(whole.flagged)
    for nth in range(10):
        (reason,) = some.explain(trades, part, nth).reasons
        assert reason.rule == "Dear"
    found = lineup(run.profile)
    assert found.fingerprint(replace(run, rules=("dear",))) != found.fingerprint(run)
    assert found.fingerprint(replace(run, rules=("dear", "large"))) == found.fingerprint(run)


def test_the_words_of_the_rules_are_those_that_settings_have() -> None:
    classic = lineup("classic").rules
    assert classic == (HIGH_VOLUME, RAPID_PRICE_CHANGE, ISOLATION_FOREST)
    assert [rule.word for rule in classic] == ["volume", "price", "forest"]
