"""`tape tune`: thresholds from past days that hold on others."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tape.desk.tune.past import Past, count_alerts
from tape.desk.tune.thresholds import rounded_up, threshold, tune
from tape.desk.tune.thresholds_file import thresholds_text
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.settings.thresholds_file import read_thresholds
from tape.synthetic import make_day, write_day
from tests.commands import tape

SECOND = 10**9
DAY = 86_400
HOUR = 3_600 * SECOND
NOON_S = 1_741_280_400  # 2025-03-06 12:00 in New York
DATES = [date(2025, 3, 3), date(2025, 3, 4), date(2025, 3, 5), date(2025, 3, 6)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days in a row, a folder each; one with an odd symbol of ten trades."""
    folder = tmp_path_factory.mktemp("days")
    for nth, day in enumerate(DATES):
        made = make_day(nth + 1, ["AAA", "B.B"], 30_000, day, anomalies=0)
        write_day(made, folder / f"{day:%d}")
    write_day(make_day(9, ["TEN"], 10, DATES[0], anomalies=0), folder / "03", "ten-20250303")
    return folder


def test_flags_within_a_second_of_each_other_are_one_alert() -> None:
    times = np.array([0, 5, 14, 16, 25, 36, 37]) * SECOND // 10
    for flags, alerts in (("1.1....", 2), ("11.....", 1), ("1.1.1.1", 4), ("....1.1", 2)):
        flagged = np.array([one == "1" for one in flags])
        assert count_alerts(times, flagged) == alerts, flags
    assert count_alerts(times, np.array([1, 0, 1, 0, 0, 0, 0], np.bool_), 2 * SECOND) == 1
    assert count_alerts(times, np.zeros(7, np.bool_)) == 0
    # 2.5 and 3.6 s are 1.1 s apart, and the one is the very next trade after the other.
    assert count_alerts(times, np.array([0, 0, 0, 0, 1, 1, 0], np.bool_)) == 1
    assert count_alerts(times * 2_000, np.ones(7, np.bool_)) == 2  # over half an hour, once


def test_a_threshold_lets_through_as_many_alerts_as_asked_for() -> None:
    values = np.array([100, 900, 300, 700, 500, 100, 800, 200.0])
    apart = np.arange(8) * HOUR
    # Above 500 lie 900, 700 and 800; above 300 also 500.
    assert threshold(values, apart, 3) == 500
    assert threshold(values, apart, 4) == 300
    assert threshold(values, apart, 0) == 900
    # At once they are all one alert, so none needs to be left out but the smallest value's.
    assert threshold(values, apart // 7_200, 1) == 100


@pytest.mark.parametrize(
    ("value", "told"), [(12_341, 12_400), (0.00123001, 0.00124), (7, 7), (0.01, 0.01), (0, 0)]
)
def test_a_threshold_has_three_digits_and_is_never_rounded_down(value: float, told: float) -> None:
    assert rounded_up(value) == told


def past(
    sizes: list[int], changes: list[float], days: int = 2, forest: tuple[int, ...] = ()
) -> Past:
    n = len(sizes)
    day = np.sort(np.arange(n) % days)
    return Past(
        "AAA",
        day,
        (NOON_S + day * DAY) * SECOND + np.arange(n) * HOUR,
        np.array(sizes),
        np.array(changes),
        np.isin(np.arange(n), forest),
    )


def test_tuning_by_hand() -> None:
    """2,000 trades on two days: sizes 1 to 2,000, falling; two moves of 5 % on each day."""
    changes = [0.0001] * 2_000
    for at in (10, 20, 1_010, 1_020):
        changes[at] = 0.05
    one = past(list(range(2_000, 0, -1)), changes)
    found = tune(one, 4, Parameters(volume_threshold=1_500, change_threshold=0.01))
    # Two alerts a day by each rule: over both days the four largest sizes, all on the first day.
    assert found.own == SymbolThresholds(1_996 + 4, 0.0001)  # 1,996 with three digits is 2,000
    assert (found.days, found.trades) == (2, 2_000)
    assert found.before == (500 + 2) / 2  # the moves of the first day are among the 500
    assert (found.by_volume, found.by_change, found.after) == (0, 2, 2)
    assert found.left_out == (1_000 + 2) / 2  # all sizes of the first day exceed the second's


FEW, MANY = tuple(range(0, 2_000, 500)), tuple(range(0, 2_000, 20))
"""Trades that the forest flags, on two days: 2 and 50 alerts a day."""


def test_the_forest_counts_and_is_off_where_it_would_have_more_than_its_share() -> None:
    sizes, still = list(range(2_000, 0, -1)), [0.0001] * 2_000
    kept = tune(past(sizes, still, forest=FEW), 8, Parameters())
    assert (kept.own.forest, kept.forest, kept.by_forest, kept.before) == (None, True, 2, 2)
    # Of 16 alerts on both days 4 are the forest's, 6 of 12 are due to the largest sizes.
    assert (kept.by_volume, kept.own.volume_threshold, kept.after) == (0, 2_000, 2)
    off = tune(past(sizes, still, forest=MANY), 8, Parameters())
    assert (off.own.forest, off.forest, off.by_forest, off.before) == (False, False, 50, 50)
    assert off.after == off.by_volume
    text = thresholds_text([kept, off], {}, Parameters(), alerts_per_day=8, sources=[])
    assert "# The forest alone: 2.0 alerts a day, counted above.\n" in text
    assert "\nforest = false  # it alone would have 50.0 alerts a day\n" in text
    few = tune(past(sizes[:900], still[:900], forest=MANY), 8, Parameters())
    assert few.own == SymbolThresholds(forest=False)
    made = thresholds_text([few], {}, Parameters(), alerts_per_day=8, sources=[])
    assert "[AAA]\n# 2 days, 450 trades a day." in made


def test_rules_that_do_not_flag_get_no_alerts_and_the_others_all() -> None:
    sizes, still = list(range(2_000, 0, -1)), [0.0001] * 2_000
    volume = tune(past(sizes, still, forest=MANY), 8, Parameters(rules=("volume",)))
    assert (volume.own, volume.forest) == (SymbolThresholds(1_990, None), False)
    assert volume.before == 0
    price = tune(past(sizes, still, forest=MANY), 8, Parameters(rules=("price", "forest")))
    assert (price.own.volume_threshold, price.own.forest) == (None, False)
    assert price.own.change_threshold == 0.0001


def test_the_switch_of_an_older_file_is_no_reason_for_the_next() -> None:
    sizes, still = list(range(2_000, 0, -1)), [0.0001] * 2_000
    older = Parameters(overrides={"AAA": SymbolThresholds(forest=False)})
    again = tune(past(sizes, still, forest=MANY), 8, older)
    assert (again.own.forest, again.before) == (False, 0)


def test_constant_prices_and_few_trades_keep_the_common_thresholds() -> None:
    flat = tune(past([100] * 1_500, [0.0] * 1_500), 20, Parameters())
    assert flat.own == SymbolThresholds(100, None)
    assert "hardly ever moves" in flat.why_not
    few = tune(past([100] * 10, [0.0] * 10), 20, Parameters())
    assert few.own == SymbolThresholds()
    assert "10 trades, fewer than 1,000" in few.why_not
    text = thresholds_text([flat, few], {}, Parameters(), alerts_per_day=20, sources=["a\nb.csv"])
    assert "#   a?b.csv\n" in text
    assert "# AAA: 10 trades, fewer than 1,000; the common thresholds hold." in text


def test_of_the_largest_trades_there_are_a_file_is_made_that_can_be_read(tmp_path: Path) -> None:
    """Three digits of 4,294,967,295 would be 4,300,000,000, which no threshold may be."""
    largest = tune(past([2**32 - 1] * 1_500, [0.0] * 1_500), 20, Parameters())
    text = thresholds_text([largest], {}, Parameters(), alerts_per_day=20, sources=["a.csv"])
    (tmp_path / "t.toml").write_text(text)
    assert read_thresholds(tmp_path / "t.toml")["AAA"].volume_threshold == 2**32 - 1


def alerts(*words: str | Path, **env: str) -> dict[str, int]:
    """Episodes by symbol, as replay writes them."""
    out = Path(words[0]) / "episodes.jsonl"
    done = tape("replay", *words, "--episodes", out, **env)
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = {}
    for line in out.read_text().splitlines():
        episode = json.loads(line)
        if episode["state"] == "opened":
            counts[episode["symbol"]] = counts.get(episode["symbol"], 0) + 1
    out.unlink()
    return counts


def test_tuned_thresholds_hold_on_a_day_that_tuning_has_not_seen(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "thresholds.toml"
    done = tape("tune", folder / "03", folder / "04", folder / "05", "-o", file)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    thresholds = read_thresholds(file)
    assert set(thresholds) == {"AAA", "B.B"}
    assert "# TEN: 10 trades, fewer than 1,000; the common thresholds hold." in file.read_text()
    before = alerts(folder / "06")
    after = alerts(folder / "06", THRESHOLDS_FILE=str(file))
    for symbol in ("AAA", "B.B"):
        assert figures[symbol]["volume_threshold"] == thresholds[symbol].volume_threshold
        assert figures[symbol]["after"] <= 20
        assert 20 / 2 < figures[symbol]["left_out"] < 20 * 2
        assert thresholds[symbol].forest is False
        assert before[symbol] > 20 / 2  # the forest and the common thresholds
        assert 20 / 2 < after[symbol] < 20 * 2
    again = tmp_path / "again.toml"
    tape("tune", folder / "03", folder / "04", folder / "05", "-o", again)
    assert again.read_bytes() == file.read_bytes()


def test_what_the_file_says_of_its_days_is_what_replay_counts(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "thresholds.toml"
    done = tape("tune", folder / "04", "-o", file, "--alerts-per-day", "10")
    figures = json.loads(done.stdout)
    assert {s: figures[s]["before"] for s in figures} == alerts(folder / "04")
    assert {s: figures[s]["after"] for s in figures} == alerts(
        folder / "04", THRESHOLDS_FILE=str(file)
    )


MIDNIGHT = "2025-03-{}T00:00-05:00"
"""In New York, before a day of March."""


def test_tuned_budgets_hold_on_a_day_that_tuning_has_not_seen(folder: Path, tmp_path: Path) -> None:
    """And what the file says of its days is what replay counts there."""
    file = tmp_path / "thresholds.toml"
    past = (folder / "03", folder / "04", folder / "05")
    done = tape("tune", *past, "-o", file, "--alerts-per-day", "30")
    assert done.returncode == 0, done.stderr
    figures = {s: one for s, one in json.loads(done.stdout).items() if s != "TEN"}
    budgets = {symbol: own.alerts_per_day for symbol, own in read_thresholds(file).items()}
    assert budgets == {symbol: one["alerts_per_day"] for symbol, one in figures.items()}
    tuned = {"PROFILE": "calibrated", "THRESHOLDS_FILE": str(file)}
    there = alerts(*past, "--from", MIDNIGHT.format("04"), **tuned)
    assert {s: 2 * one["calibrated_after"] for s, one in figures.items()} == there
    before = alerts(*past, "--from", MIDNIGHT.format("04"), PROFILE="calibrated")
    assert {s: 2 * one["calibrated_before"] for s, one in figures.items()} == before
    unseen = alerts(*past, folder / "06", "--from", MIDNIGHT.format("06"), **tuned)
    for symbol, one in figures.items():
        assert before[symbol] / 2 < 20 < unseen[symbol] < 45, symbol
        assert 20 < one["calibrated_after"] < 45
        comment = f"#   {one['calibrated_after']:.1f} with this one, on the days that it comes from"
        assert comment in file.read_text()


def test_a_last_day_does_not_decide_what_is_said_of_it(folder: Path, tmp_path: Path) -> None:
    """Budgets of the days before it alone have these alerts on it."""
    words = ("-o", tmp_path / "a.toml", "--alerts-per-day", "30")
    three = tape("tune", folder / "04", folder / "05", folder / "06", *words)
    two = tape("tune", folder / "04", folder / "05", *words)
    assert (three.returncode, two.returncode) == (0, 0)
    last = {s: one["calibrated_last_day"] for s, one in json.loads(three.stdout).items()}
    assert last == alerts(
        folder / "04",
        folder / "05",
        folder / "06",
        "--from",
        MIDNIGHT.format("06"),
        PROFILE="calibrated",
        THRESHOLDS_FILE=str(tmp_path / "a.toml"),
    )


def test_one_day_cannot_try_a_budget(folder: Path, tmp_path: Path) -> None:
    done = tape("tune", folder / "04", "-o", tmp_path / "one.toml", "--alerts-per-day", "7")
    figures = json.loads(done.stdout)
    assert {one["alerts_per_day"] for one in figures.values()} == {7.0}
    assert {one["calibrated_after"] for one in figures.values()} == {None}
    assert (
        "the requested budget, unchanged: one day cannot test it"
        in (tmp_path / "one.toml").read_text()
    )


def test_profiles_that_judge_together_share_the_alerts(folder: Path, tmp_path: Path) -> None:
    alone, both = tmp_path / "alone.toml", tmp_path / "both.toml"
    tape("tune", folder / "04", "-o", alone, "--alerts-per-day", "7")
    words = ("--alerts-per-day", "14", "--profile", "classic,calibrated")
    assert tape("tune", folder / "04", "-o", both, *words).returncode == 0
    assert read_thresholds(both) == read_thresholds(alone)
    assert "# Profiles that judge together get 7 alerts a day each.\n" in both.read_text()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["{folder}/03", "-o", "{folder}/a.txt"], 4, "does not end in .toml"),
        (["{folder}/none", "-o", "{folder}/a.toml"], 2, "does not exist"),
        (
            ["{folder}/03/ten-20250303.trades.csv.zst", "-o", "{folder}/a.toml"],
            2,
            "no symbol has 1,000 trades",
        ),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], code: int, told: str, folder: Path) -> None:
    done = tape("tune", *(word.format(folder=folder) for word in words))
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert told in done.stderr
    assert not (folder / "a.toml").exists()
