"""Days that no exchange has on an ordinary day, through every command that judges or makes them."""

import json
import math
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tape.settings.thresholds_file import read_thresholds
from tape.synthetic import SyntheticDay, make_day, write_day
from tape.synthetic.day import rows_of
from tests.commands import tape

KINDS = (
    "constant prices",
    "one trade a minute",
    "under a dollar",
    "sizes of millions",
    "ten trades",
    "one trade",
)
SHORT = ("one trade a minute", "ten trades", "one trade")
DATES = (date(2025, 3, 3), date(2025, 3, 4), date(2025, 3, 5))


def odd_day(kind: str, nth: int) -> SyntheticDay:
    trades = 10 if kind == "ten trades" else 2_500
    made = make_day(4 + nth, ["AAA"], trades, DATES[nth], anomalies=0)
    if kind == "constant prices":
        return replace(made, price_nanos=np.full_like(made.price_nanos, 142_500_000_000))
    if kind == "one trade a minute":
        return rows_of(made, np.flatnonzero(np.diff(made.ts_event_ns // 60 // 10**9, prepend=0)))
    if kind == "under a dollar":
        return replace(made, price_nanos=made.price_nanos // 50_000_000 * 100_000)
    if kind == "sizes of millions":
        return replace(made, size=made.size * 1_000_000 % 4_000_000_000 + 1)
    return rows_of(made, np.array([7])) if kind == "one trade" else made


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def days(kind: str, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three such days in a row."""
    folder = tmp_path_factory.mktemp(kind.replace(" ", "-"))
    return [write_day(odd_day(kind, nth), folder) for nth in range(len(DATES))]


def test_the_calibrated_profile_answers_soundly(days: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    done = tape("replay", *days, "--output", file, PROFILE="calibrated")
    assert done.returncode == 0, done.stderr
    trades = json.loads(done.stdout)["trades"]
    said = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(said) <= len(days) + trades / 500  # a late closing print a day
    for one in said:
        assert 0 < one["severity"] <= 8
        assert one["reasons"][0]["text"].endswith(".")
        assert not one["calibrated"]
        assert "not yet calibrated" in one["reasons"][0]["text"]
        assert math.isclose(sum(feature["share"] for feature in one["features"]), 1, abs_tol=0.01)


def test_anomalies_are_put_in_as_far_as_there_is_room(
    kind: str, days: list[Path], tmp_path: Path
) -> None:
    done = tape("inject", days[2], "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    labels = pd.read_csv(tmp_path / days[2].name.replace("trades.csv.zst", "labels.csv"))
    assert f"has room for {len(labels)} of 84 anomalies" in done.stderr
    assert (len(labels) == 0) == (kind == "sizes of millions")
    assert "prints of 50,000 shares and more are left alone" in done.stderr
    prices = pd.read_csv(tmp_path / days[2].name)["price"]
    units = np.rint(prices * 10_000)
    assert np.allclose(units, prices * 10_000)
    if kind == "constant prices":
        assert (units % 100 == 0).all()
    if kind == "under a dollar":
        assert "stuck feed" in set(labels["kind"])


def test_profiles_are_held_against_labels(kind: str, days: list[Path], tmp_path: Path) -> None:
    tape("inject", days[2], "--output", tmp_path)
    labels = tmp_path / days[2].name.replace("trades.csv.zst", "labels.csv")
    words = ("--calibrate-on", *days[:2], "--profiles", "classic-tuned,calibrated", "--json")
    done = tape("evaluate", tmp_path / days[2].name, "--labels", labels, *words)
    if kind == "sizes of millions":
        assert (done.returncode, done.stdout) == (2, "")
        assert "holds no label, so there is nothing to be found" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for one in (found["classic-tuned"], found["calibrated"]):
        assert one["events"] == len(pd.read_csv(labels)) > 0
        for name in ("pr_auc", "recall", "precision"):
            assert 0 <= one[name] <= 1
        assert one["alarms_per_10k"] >= 0
    assert ("judged nearly from a cold start" in " ".join(done.stderr.split())) == (kind in SHORT)


def test_what_has_no_place_for_an_anomaly_is_told(kind: str, days: list[Path]) -> None:
    done = tape("evaluate", *days, "--profiles", "calibrated", "--draws", "0")
    if kind == "sizes of millions":
        assert (done.returncode, done.stdout) == (2, "")
        assert "no anomaly fits into" in done.stderr
        assert "prints of 50,000 shares and more are left alone" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "of 84 anomalies" in done.stderr


def test_thresholds_come_with_their_reason_or_not_at_all(
    kind: str, days: list[Path], tmp_path: Path
) -> None:
    file = tmp_path / "t.toml"
    done = tape("tune", *days, "-o", file)
    if kind in SHORT:
        assert (done.returncode, done.stdout) == (2, "")
        assert "no symbol has 1,000 trades in these days" in done.stderr
        assert not file.exists()
        return
    assert done.returncode == 0, done.stderr
    own = read_thresholds(file)["AAA"]
    told = file.read_text()
    assert own.volume_threshold is not None
    assert own.alerts_per_day == 20
    tried = re.search(r"# +([0-9.]+) with this one, on the days that it comes from", told)
    assert tried is not None
    flat = kind == "constant prices"
    asked = 10 if flat else 20  # where no price is ever odd, the share of the price is left over
    assert asked / 1.5 < float(tried[1]) < asked * 1.5  # short as the days are
    assert ("the price hardly ever moves; the common one holds" in told) == flat
    for profile in ("classic", "calibrated"):
        again = tape("replay", days[2], PROFILE=profile, THRESHOLDS_FILE=str(file))
        assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("command", ["replay", "evaluate", "tune"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[AAA]\nvolume_threshold = -5",
            "volume_threshold is -5; write a whole number of shares above 0",
        ),
        ("[AAA]\nchange_threshold = -0.1", "change_threshold is -0.1; write a number above 0"),
        (
            "[AAA]\nalerts_per_day = -20",
            "alerts_per_day is -20; write a number above 0, at most 10,000",
        ),
        ("[AAA]\nalerts_per_10k = -1", "alerts_per_10k is -1; write a number from 0.001 to 100"),
        ('["a\'a"]\nalerts_per_day = 20', "[a'a] is not a symbol"),
        ("[BRK.B]\nalerts_per_day = 20", 'needs quotes; write ["BRK.B"]'),
    ],
)
def test_thresholds_that_cannot_be_are_one_sentence(
    text: str, told: str, command: str, tmp_path: Path
) -> None:
    (tmp_path / "t.toml").write_text(text)
    day = write_day(odd_day("ten trades", 0), tmp_path)
    words = ("-o", tmp_path / "new.toml") if command == "tune" else ()
    done = tape(command, day, *words, THRESHOLDS_FILE=str(tmp_path / "t.toml"))
    assert (done.returncode, done.stdout) == (4, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["replay", "evaluate"])
def test_thresholds_of_symbols_that_never_trade_are_told(command: str, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text("[ZZZ]\nvolume_threshold = 5\n[AAA]\nalerts_per_day = 5\n")
    day = write_day(odd_day("constant prices", 0), tmp_path)
    words = ("--profiles", "calibrated", "--draws", "0") if command == "evaluate" else ()
    done = tape(command, day, *words, THRESHOLDS_FILE=str(tmp_path / "t.toml"))
    assert done.returncode == 0, done.stderr
    assert "THRESHOLDS_FILE has ZZZ, of which" in " ".join(done.stderr.split())
