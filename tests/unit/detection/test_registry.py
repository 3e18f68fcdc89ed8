"""Names of PROFILE to kinds: what is found, what is refused, and by what fingerprints differ."""

import sys
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tape.detection import registry
from tape.detection.calibrated.parameters import CalibratedParameters
from tape.detection.classic.parameters import ClassicParameters
from tape.detection.kind import Kind
from tape.detection.parameters import OwnParameters, Parameters, SymbolThresholds
from tape.detection.registry import BUILT_IN, lineup
from tape.errors import SettingsError
from tape.model.rules import RULES, Rule
from tests.sub_penny_days import EXAMPLE, PROFILE


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module `own_kinds` to which tests give kinds, and the example."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    module = ModuleType("own_kinds")
    monkeypatch.setitem(sys.modules, "own_kinds", module)
    return module


def kind(name: str, *rules: str, **changes: object) -> Kind:
    import sub_penny

    rows = tuple(replace(sub_penny.SUB_PENNY, name=rule) for rule in rules or (f"Rule of {name}",))
    return replace(sub_penny.KIND, name=name, rules=rows, **changes)  # type: ignore[arg-type]


def refused(profile: str) -> str:
    with pytest.raises(SettingsError) as error:
        lineup(profile)
    assert error.value.exit_code == 4
    text = str(error.value)
    assert text.startswith("PROFILE: ")
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("profile", "names"),
    [
        ("classic", ["classic"]),
        ("calibrated", ["calibrated"]),
        ("classic,calibrated", ["classic", "calibrated"]),
        ("calibrated, classic", ["calibrated", "classic"]),
        (f"classic,{PROFILE}", ["classic", "sub_penny"]),
    ],
)
def test_a_profile_is_its_detectors_in_order(profile: str, names: list[str]) -> None:
    assert list(lineup(profile).names) == names


def test_bits_of_own_rules_come_after_ours_in_the_order_of_the_profile(own: Any) -> None:
    own.A = kind("a", "A one", "A two")
    own.B = kind("b", "B one")
    ours = {rule.name: rule.bit for rule in RULES}
    assert ours == {
        "High Volume": 1,
        "Rapid Price Change": 2,
        "Isolation Forest": 4,
        "Calibrated": 8,
        "Supervised Model": 128,
    }
    found = {rule.name: rule.bit for rule in lineup("own_kinds:A,classic,own_kinds:B").rules}
    assert found == {
        "A one": 16,
        "A two": 32,
        "High Volume": 1,
        "Rapid Price Change": 2,
        "Isolation Forest": 4,
        "B one": 64,
    }
    assert list(found) == ["A one", "A two", *list(ours)[:3], "B one"]
    turned = {rule.name: rule.bit for rule in lineup("own_kinds:B,own_kinds:A").rules}
    assert turned == {"B one": 16, "A one": 32, "A two": 64}


def test_an_installed_package_names_its_detector_by_an_entry_point(
    own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.KIND = kind("named")
    point = EntryPoint("from_elsewhere", "own_kinds:KIND", registry.GROUP)

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [point] if group == "tapewatch.detectors" else []

    monkeypatch.setattr(registry, "entry_points", entry_points)
    assert lineup("from_elsewhere,classic").names == ("named", "classic")
    assert "from_elsewhere" in refused("from_elsewere")


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("clasic", "there is no detector 'clasic'; did you mean classic?"),
        ("", "there is no detector ''"),
        ("classic,", "there is no detector ''"),
        ("classic,classic", "has the detector classic twice"),
        ("no_such_module:KIND", "the module no_such_module cannot be imported"),
        ("sub_penny:KINDS", "the module sub_penny has no KINDS"),
        ("sub_penny:CENT_NANOS", "it is a int, not a Kind"),
        (":KIND", "cannot be imported"),
        ("sub_penny:", "the module sub_penny has no "),
        (f"{PROFILE},{PROFILE}", "has the detector sub_penny twice"),
    ],
)
def test_a_wrong_name_is_refused_in_one_sentence(profile: str, said: str) -> None:
    assert said in refused(profile)


@pytest.mark.parametrize(
    "code", ["def f(:\n", "1 / 0\n", "raise SystemExit(3)\n", "import no_such_thing\n"]
)
def test_a_module_that_fails_when_it_is_imported_is_named_with_its_reason(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_rules.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("broken_rules", None)
    assert "the module broken_rules cannot be imported" in refused("broken_rules:KIND")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Too Long And Wrong"}, "its name"),
        ({"name": "thirteen_long"}, "its name"),
        ({"name": "classic"}, "is taken"),
        ({"name": "literal"}, "is taken"),
        ({"rules": ()}, "at least one Rule"),
        ({"rules": ("My Rule",)}, "must be a Rule"),
        ({"rules": (RULES[0],)}, "name of a rule of this program"),
        ({"parameters": dict}, "have no of()"),
        ({"build": None}, "its build cannot be called"),
        ({"memory_trades": 7}, "its memory_trades cannot be called"),
        ({"finds_duplicates": True}, "only detectors of this program"),
    ],
)
def test_a_kind_of_the_wrong_shape_is_refused(
    own: Any, change: dict[str, object], said: str
) -> None:
    import sub_penny

    own.KIND = replace(sub_penny.KIND, **change)  # type: ignore[arg-type]
    assert said in refused("own_kinds:KIND")


def test_two_detectors_or_rules_of_one_name_and_too_many_rules_are_refused(
    own: Any,
) -> None:
    own.A, own.B, own.C = kind("a", "Same"), kind("b", "Same"), kind("a", "Other")
    own.MANY = kind("many", *(f"Rule {n}" for n in range(5)))
    own.FOUR = kind("four", *(f"Rule {n}" for n in range(4)))
    assert "a rule 'Same'" in refused("own_kinds:A,own_kinds:B")
    assert "the detector a twice" in refused("own_kinds:A,own_kinds:C")
    assert "more than 4 rules" in refused("own_kinds:MANY")
    bits = [rule.bit for rule in lineup("classic,own_kinds:FOUR").rules]
    assert bits == [1, 2, 4, 16, 32, 64, 128]
    assert "more than 3 rules" in refused("supervised,own_kinds:FOUR")


TABLE = {"NVDA": SymbolThresholds(5_000, 0.02), "AAPL": SymbolThresholds(None, 0.5)}


def fingerprint(parameters: Parameters) -> str:
    return lineup(parameters.profile).fingerprint(parameters)


def learnt(parameters: Parameters) -> str:
    (one,) = lineup(parameters.profile).kinds
    return one.parameters.of(parameters).learnt_fingerprint()


def test_a_fingerprint_differs_by_what_its_kind_uses_only() -> None:
    """The hashes were taken before there were budgets of symbols: kept states stay usable."""
    budget = {"NVDA": SymbolThresholds(5_000, 0.02, None, 12.0)}
    budget |= {"AAPL": SymbolThresholds(None, 0.5, 3.0), "SPY": SymbolThresholds(None, None, 1.0)}
    classic = Parameters(overrides=TABLE)
    calibrated = replace(classic, profile="calibrated")
    assert fingerprint(classic) == "ffbe233b306c"
    assert fingerprint(replace(classic, overrides=budget)) == "ffbe233b306c"
    assert fingerprint(replace(classic, alerts_per_10k=5)) == "ffbe233b306c"
    assert fingerprint(calibrated) == "653cf0f9372f"
    assert fingerprint(replace(calibrated, overrides=budget)) != "653cf0f9372f"
    for one in (classic, calibrated):  # state kept with the defaults fits all of them
        assert learnt(one) == fingerprint(Parameters(profile=one.profile))


def test_a_new_parameter_of_one_kind_changes_no_other_fingerprint() -> None:
    @dataclass(frozen=True)
    class Later(Parameters):
        """The settings of a later version, with a parameter more for some other kind."""

        tomorrows: float = 0.5

    for profile, pinned in (("classic", "ffbe233b306c"), ("calibrated", "653cf0f9372f")):
        run = Later(overrides=TABLE, profile=profile, tomorrows=9.0)
        assert fingerprint(run) == pinned
        (one,) = lineup(profile).kinds
        assert learnt(run) == one.parameters.of(Parameters()).learnt_fingerprint()


def test_a_new_parameter_of_a_symbol_changes_no_fingerprint() -> None:
    @dataclass(frozen=True, slots=True)
    class Later(SymbolThresholds):
        tomorrows: float | None = None

    table = {name: Later(own.volume_threshold, own.change_threshold) for name, own in TABLE.items()}
    for profile, pinned in (("classic", "ffbe233b306c"), ("calibrated", "653cf0f9372f")):
        assert fingerprint(Parameters(overrides=table, profile=profile)) == pinned  # type: ignore[arg-type]


def test_every_parameter_that_a_kind_names_counts() -> None:
    changed = {"window": 7, "trees": 3, "volume_threshold": 9, "episode_gap_s": 3.0}
    for of in (ClassicParameters, CalibratedParameters):
        hashes = {
            of.of(Parameters(**{name: value})).fingerprint() for name, value in changed.items()
        }  # type: ignore[arg-type]
        assert len(hashes | {of().fingerprint()}) == 1 + len(changed)


def test_own_parameters_count_for_their_own_kind_only(own: Any) -> None:
    import sub_penny

    @dataclass(frozen=True)
    class Other(OwnParameters):
        shares: int = 2_000

    own.KIND = kind("other", parameters=Other)
    plain, both = Parameters(profile=PROFILE), Parameters(profile=f"{PROFILE},own_kinds:KIND")
    assert fingerprint(plain) != fingerprint(both) != fingerprint(Parameters())
    assert fingerprint(plain) != fingerprint(replace(plain, episode_gap_s=2.0))
    assert fingerprint(plain) == fingerprint(replace(plain, window=5))
    assert sub_penny.SubPennyParameters().fingerprint() != Other().fingerprint()
    turned = Parameters(profile=f"own_kinds:KIND,{PROFILE}")
    assert fingerprint(turned) != fingerprint(both), "the order of what is said differs"


def test_every_built_in_kind_is_sound() -> None:
    for name in BUILT_IN:
        (one,) = lineup(name).kinds
        assert one.name == name
        assert all(isinstance(rule, Rule) and rule in RULES for rule in one.rules)
        assert one.layout is not None
