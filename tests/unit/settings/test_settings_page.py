"""Every list of settings says what the code says of them."""

import importlib.util
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tape.detection.parameters import Parameters, SymbolThresholds
from tape.detection.registry import lineup
from tape.settings.all_settings import APPS, all_settings, kind_of, names
from tape.settings.in_hash import settings_hashed
from tape.settings.names import NAMES

ROOT = Path(__file__).parents[3]
OTHER: dict[str, object] = {
    "training": "window",
    "overrides": {"NVDA": SymbolThresholds(volume_threshold=7, alerts_per_day=3.0)},
    "profile": "classic",
    "model": "models/a",
    "ranking": None,
}
"""Another value of a parameter that is no number."""


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("settings_page", ROOT / "docs" / "settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_the_example_and_the_descriptors_are_current() -> None:
    for name, text in script().made().items():
        assert (ROOT / name).read_text() == text, f"{name}: run `python docs/settings.py`"


def test_a_setting_that_a_list_lacks_is_written_into_each_and_values_stay() -> None:
    module = script()
    rows = all_settings()
    app = (ROOT / "alerter/app.yaml").read_text()
    head = app[: app.index("  - name: PAGE_URL")]
    tail = app[app.index("\n", app.index("required:", app.index("PAGE_URL"))) + 1 :]
    declared = yaml.safe_load(module.app_yaml(head + tail, "alerter", rows))["variables"]
    assert {one["name"] for one in declared} == {one["name"] for one in yaml_of(app)["variables"]}
    quix = (ROOT / "quix.yaml").read_text()
    changed = quix.replace('value: "postgres-sink-1"', 'value: "another"')
    assert module.quix_yaml(changed, rows) == changed


def yaml_of(text: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = yaml.safe_load(text)
    return found


def test_each_setting_has_one_line_that_says_what_it_means() -> None:
    rows = all_settings()
    assert {row.name for row in rows} == set(NAMES)
    for row in rows:
        assert row.meaning, row.name
        assert "\n" not in row.meaning
        assert len(row.meaning) <= 100, row.name
        assert row.secret == row.meaning.endswith("a secret"), row.name


def test_an_app_means_the_same_by_a_setting_as_another_one_does() -> None:
    meant: dict[str, tuple[object, ...]] = {}
    for app in APPS:
        for name, field in names(kind_of(app)).items():
            own = (field.description, field.json_schema_extra)
            assert meant.setdefault(name, own) == own, name


@pytest.mark.parametrize("profile", ["classic", "calibrated"])
def test_the_hash_differs_by_the_settings_that_are_said_to_be_in_it_and_no_others(
    profile: str,
) -> None:
    found, default = lineup(profile), Parameters(profile=profile)
    aliases = {field_name(one): alias for alias, one in names(kind_of("anomaly_detector")).items()}
    said = set(settings_hashed(found.kinds[0])) - {"PROFILE", "RANKING_FILE"}
    differs = set()
    for one in fields(Parameters):
        value = getattr(default, one.name)
        other = OTHER.get(one.name, value * 2 if value else 1.0)
        if one.name == "profile" or other is None:
            continue
        if one.name == "rules":
            other = (found.rules[0].word,)
        changed = replace(default, **{one.name: other})
        if found.fingerprint(changed) != found.fingerprint(default):
            setting = "thresholds_file" if one.name == "overrides" else one.name
            differs.add(aliases[setting])
    assert differs == said


def field_name(field: object) -> str:
    kind = kind_of("anomaly_detector")
    return next(name for name, one in kind.model_fields.items() if one is field)
