"""`tape alert preview` and `rules` over a day by hand, and what docs/alerts.md shows."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tape.alerting.calendar_files import read_calendars
from tape.alerting.rules_file import KEYS, read_rules
from tape.model.fields import TIME_MAX_NS
from tests.apps import ROOT
from tests.commands import on_terminal, plain, tape
from tests.made_files import changed, walk, written
from tests.made_files import csv as as_csv

PAGE = (ROOT / "docs/alerts.md").read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quiet walk with a block of fifty times and one of five times the usual limit."""
    rows = changed(changed(walk(300), 150, size=1_000_000), 280, size=100_000)
    folder = tmp_path_factory.mktemp("day")
    return written(folder / "XNAS-20250305.trades.csv", as_csv(rows))


def test_a_preview_says_how_many_which_and_what_to_change(day: Path, tmp_path: Path) -> None:
    calendar = written(tmp_path / "c.csv", "start,end,symbols,name\n2025-03-05,,ACME,ACME split\n")
    found = tape("alert", "preview", day, "--per-day", "1")
    summary = json.loads(found.stdout)
    assert found.returncode == 0
    assert (summary["days"], summary["alerts"], summary["alerts_per_day"]) == (1, 1, 1.0)
    assert [line["kind"] for line in summary["lines"]] == ["new", "ended"]
    assert summary["withheld_by_reason"]["priority"] == summary["episodes"] - 1
    last = found.stderr.strip().splitlines()[-1]
    assert re.fullmatch(
        r"min_priority = [0-9.]+ in the rule 'default' \(now 6\) gives 1 alerts per day", last
    )
    expected = tape("alert", "preview", day, "--withheld", ALERT_CALENDARS=str(calendar))
    reasons = [one["because"] for one in json.loads(expected.stdout)["withheld"]]
    assert "expected: ACME split" in reasons


def test_the_other_formats_have_the_same_lines(day: Path) -> None:
    lines = tape("alert", "preview", day, "--format", "jsonl").stdout.splitlines()
    rows = list(
        csv.DictReader(io.StringIO(tape("alert", "preview", day, "--format", "csv").stdout))
    )
    assert [json.loads(one)["episode_id"] for one in lines] == [one["episode_id"] for one in rows]
    code, shown = on_terminal("alert", "preview", day, columns=160)
    assert code == 0
    text = "\n".join(plain(shown))
    assert "2025-03-05" in text
    assert "ACME" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["preview", "DAY", "--json", "--format", "csv"], "--json and --format csv are two forms"),
        (["preview", "DAY", "--rules", "none.toml"], "cannot read none.toml"),
        (["mute", "--until", "2h", "--why", "x"], "nothing says whom to mute"),
        (["mute", "NVDA", "--all", "--until", "2h", "--why", "x"], "nothing says whom to mute"),
        (["mute", "NVDA", "--why", "x"], "every mute has an end"),
        (["mute", "NVDA", "--until", "2h"], "every mute says why"),
        (["mute", "NVDA", "--until", "soon", "--why", "x"], "'soon' is no time"),
        (["mute", "NVDA", "--until", "2001-01-01", "--why", "x"], "2001-01-01 is over"),
        (["mute", "NVDA", "--until", "9999d", "--why", "x"], "more than a year away"),
        (["withheld", "--reason", "mutd"], "--reason mutd is not known"),
    ],
)
def test_a_mistake_is_one_sentence(day: Path, words: list[str], sentence: str) -> None:
    found = tape("alert", *(str(day) if word == "DAY" else word for word in words))
    assert found.returncode == 4
    assert sentence in found.stderr


def test_rules_are_shown_and_checked(tmp_path: Path) -> None:
    path = written(tmp_path / "rules.toml", block("toml"))
    calendar = written(tmp_path / "c.csv", block("csv"))
    env = {"ALERT_RULES": str(path), "ALERT_CALENDARS": str(calendar)}
    shown = json.loads(tape("alert", "rules", **env).stdout)
    assert [rule["name"] for rule in shown["rules"]] == ["large misprints", "my stocks"]
    assert shown["channels"] == ["slack"]
    checked = tape("alert", "rules", "--check", **env)
    assert (checked.returncode, checked.stdout) == (0, "")
    assert "2 rules" in checked.stderr
    assert "3 events in calendars" in checked.stderr
    path.write_text(path.read_text().replace("max_age", "max_agee"))
    wrong = tape("alert", "rules", "--check", **env)
    assert wrong.returncode == 4
    assert "did you mean max_age?" in wrong.stderr


def test_the_page_shows_every_key_and_what_it_shows_can_be_read(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path / "rules.toml", block("toml")))
    assert len(rules) == 2
    assert not [key for key in KEYS if key not in PAGE]
    calendars = read_calendars([written(tmp_path / "c.csv", block("csv"))], TIME_MAX_NS)
    assert [one.symbols for one in sorted(calendars.events)] == [
        ("NVDA",),
        ("QQQ", "SPY"),
        (),
    ]
