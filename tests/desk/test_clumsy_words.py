"""Words of a command line as a hurried person types them: none is taken for another in silence."""

from pathlib import Path

import annotated_types
import pytest

from tape.settings.all_settings import APPS, kind_of, names
from tape.synthetic import make_day, write_day
from tests.commands import tape

END = annotated_types.Le | annotated_types.Lt
TWICE = [
    ["replay", "day", "--symbols", "NVDA", "--symbols", "AAPL"],
    ["replay", "day", "-o", "a.csv", "--output", "b.csv"],
    ["tune", "day", "-o", "t.toml", "--alerts-per-day", "5", "--alerts-per-day", "6"],
    ["broker", "start", "--port", "1", "--port", "2"],
    ["rejected", "list", "--format", "csv", "--format", "json"],
]
EMPTY = [["replay", ""], ["replay", "day", "-o", ""], ["inspect", "day", ""]]


@pytest.mark.parametrize("words", TWICE)
def test_an_option_of_one_value_is_refused_twice(words: list[str]) -> None:
    ended = tape(*words)
    assert ended.returncode == 2
    assert "it is given twice" in " ".join(ended.stderr.split())


@pytest.mark.parametrize("words", EMPTY)
def test_an_empty_path_is_not_the_current_folder(words: list[str]) -> None:
    ended = tape(*words)
    assert ended.returncode == 2
    assert "it is empty; is a variable of the shell" in " ".join(ended.stderr.split())


def test_what_may_be_given_several_times_still_may(tmp_path: Path) -> None:
    write_day(make_day(trades=100), tmp_path)
    settings = ("--set", "WINDOW=50", "--set", "TREES=10")
    assert tape("replay", tmp_path, tmp_path, "--json", "--json", *settings).returncode == 0


REFUSED = {
    "--symbols ,": "--symbols: ',' names no symbol",
    "--rules ,": "RULES: ',' names no rule",
    "--set STRIDE=99999999999999999999": "STRIDE should be at most 9223372036854775807",
    "--volume-threshold 99999999999999999999": "VOLUME_THRESHOLD should be at most",
    "--volume-threshold abc": "VOLUME_THRESHOLD should be a whole number (found 'abc')",
    "--change-threshold 1%": "CHANGE_THRESHOLD should be a number (found '1%')",
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_value_that_cannot_be_is_said_in_plain_words(words: str, tmp_path: Path) -> None:
    write_day(make_day(trades=10), tmp_path)
    ended = tape("replay", tmp_path, *words.split())
    assert ended.returncode == 4
    assert REFUSED[words] in ended.stderr
    assert tape("settings", "--check", "--hash").returncode == 4


def test_a_name_that_no_topic_can_have_is_told_without_a_pattern() -> None:
    ended = tape("settings", "--check", "--set", "input=a/b", "--format", "table")
    assert ended.stdout.startswith("input should have 1 to 249 letters, digits, dots, _ and - (")


@pytest.mark.parametrize("app", APPS)
def test_every_number_of_the_settings_has_an_end(app: str) -> None:
    for name, field in names(kind_of(app)).items():
        ends = any(
            isinstance(one, annotated_types.Le | annotated_types.Lt) for one in field.metadata
        )
        finite = any(getattr(one, "allow_inf_nan", None) is False for one in field.metadata)
        assert field.annotation not in (int, float) or ends or finite, name
        assert field.annotation is not int or ends, name
