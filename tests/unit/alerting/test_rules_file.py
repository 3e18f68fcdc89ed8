from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tape.alerting.hours import QuietHours
from tape.alerting.rules import AlertRule
from tape.alerting.rules_file import KEYS, read_rules, rule_text
from tape.errors import SettingsError

WHOLE = """
[[rule]]
name = "large moves"
min_priority = 7
families = ["price"]
symbols = ["NVDA", "BRK.B"]
not_symbols = ["SPY"]
rules = ["price", "High Volume", "Sub-Penny Print"]
marks = ["bad print", "spike"]
market_hours = "regular"
channels = ["slack"]
cool_down = "10m"
max_per_hour = 5
quiet_hours = "22:00-07:30"
time_zone = "Europe/Berlin"
escalate = 1.5
follow_up = false
max_age = "2h"

[[rule]]
min_severity = 4
escalate = false
cool_down = 0
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_is_read(tmp_path: Path) -> None:
    first, second = read_rules(written(tmp_path, WHOLE), ["slack", "mail"])
    assert first == AlertRule(
        name="large moves",
        min_priority=7.0,
        symbols=frozenset(["NVDA", "BRK.B"]),
        not_symbols=frozenset(["SPY"]),
        families=frozenset(["price"]),
        rules=frozenset(["Rapid Price Change", "High Volume", "Sub-Penny Print"]),
        marks=frozenset(["bad print", "spike"]),
        market_hours="regular",
        channels=frozenset(["slack"]),
        cool_down_s=600.0,
        max_per_hour=5,
        quiet_hours=QuietHours(time(22), time(7, 30), ZoneInfo("Europe/Berlin")),
        escalate=1.5,
        follow_up=False,
        max_age_s=7_200.0,
    )
    assert second == AlertRule(
        "rule 2", min_priority=0.0, min_severity=4.0, escalate=None, cool_down_s=0.0
    )
    assert KEYS.keys() <= rule_text(first).keys()


def test_without_a_file_there_is_one_rule() -> None:
    (rule,) = read_rules(None)
    assert rule == AlertRule("default")


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        ("min_prority = 3", "unknown key 'min_prority'", "did you mean min_priority?"),
        ("min_priority = 15", "min_priority is 15", "write a number from 0 to 14"),
        ("min_priority = nan", "min_priority is nan", "from 0 to 14"),
        ("min_priority = true", "min_priority is True", "from 0 to 14"),
        ("min_severity = -1", "min_severity is -1", "from 0 to 8"),
        ('families = ["prise"]', "families is ['prise']", "did you mean price?"),
        ('families = "price"', "families is 'price'", "in brackets"),
        ("symbols = []", "symbols is []", "in brackets"),
        ('symbols = ["A\\u001b"]', "symbols is ['A\\x1b']", "is no symbol"),
        ('rules = ["calibratd"]', "rules is ['calibratd']", "did you mean calibrated?"),
        ('marks = ["bad-print"]', "marks is ['bad-print']", "did you mean bad print?"),
        ('market_hours = "night"', "market_hours is 'night'", "regular, extended, all"),
        ('channels = ["slak"]', "there is no channel 'slak'", "did you mean slack?"),
        ('cool_down = "15"', "cool_down is '15'", '"15m"'),
        ('cool_down = "999h"', "cool_down is '999h'", "168 hours at most"),
        ("max_per_hour = 1.5", "max_per_hour is 1.5", "whole number"),
        ('quiet_hours = "22-7"', "quiet_hours is '22-7'", '"22:00-07:00"'),
        ('quiet_hours = "25:00-07:00"', "quiet_hours is '25:00-07:00'", '"22:00-07:00"'),
        ('quiet_hours = "07:00-07:00"', "quiet_hours is '07:00-07:00'", "different"),
        (
            'quiet_hours = "22:00-07:00"\ntime_zone = "Mars/Base"',
            "time_zone is 'Mars/Base'",
            "America/New_York",
        ),
        ('time_zone = "UTC"', "time_zone stands alone", "quiet_hours"),
        ("escalate = true", "escalate is True", "or false"),
        ("escalate = 0", "escalate is 0", "or false"),
        ("follow_up = 1", "follow_up is 1", "true or false"),
        ('name = ""', "name is ''", "1 to 60"),
        ('name = "a"\n[[rule]]\nname = "a"', "'a' is there twice", "rename"),
    ],
)
def test_a_wrong_value_is_one_sentence(tmp_path: Path, text: str, cause: str, remedy: str) -> None:
    path = written(tmp_path, f"[[rule]]\n{text}\n")
    with pytest.raises(SettingsError) as found:
        read_rules(path, ["slack"])
    assert cause in found.value.cause
    assert str(path) in found.value.cause
    assert "[[rule]]" in found.value.cause
    assert remedy in found.value.remedy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no rule"),
        ("min_priority = 3", "unknown key 'min_priority'"),
        ("rule = 3", "has no rule"),
        ("rule = [3]", "[[rule]] 1 is no table"),
        ("[[rule]]\nname = =\n", "line 2"),
        ("[[rule]]\n" * 101, "has 101 rules"),
        ("a" * (1 << 20) + "b", "larger than 1 MiB"),
        ("x = " + "[" * 9_000, "not valid TOML"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match="ALERT_RULES") as found:
        read_rules(written(tmp_path, text))
    assert words in str(found.value)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        read_rules(tmp_path / "none.toml")
