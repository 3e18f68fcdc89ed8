"""A rank is what a person calculates by hand from the weights; suppression has its bounds."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tape.detection.calibrated.reasons import NAMES
from tape.detection.parameters import Parameters
from tape.detection.ranking import NUMBERS, PROPERTIES, Weight, numbers_of, shown_anyway
from tape.detection.registry import lineup
from tape.errors import SettingsError
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.settings.ranking_file import read_ranking
from tests.flagged import flagged
from tests.rankings import alert, message, ranking, ranking_file, weight


@pytest.mark.parametrize(
    ("log_odds", "rank"),
    [(0.0, 7.0), (math.log(2), 8.0), (-math.log(8), 4.0), (50.0, 14.0), (-50.0, 0.0)],
)
def test_seven_is_even_odds_and_one_more_is_twice_the_odds(log_odds: float, rank: float) -> None:
    assert ranking(bias=log_odds).rank(alert(1)) == rank


def test_a_rank_is_what_is_calculated_by_hand() -> None:
    """Severity 3 counts as ln 4 = 1.386294, 1,000 shares as ln 1001 = 6.908755.

    -1 + 2 x (1.386294 - 1) / 0.5 - 0.3 x (6.908755 - 5) / 1.5 = 0.163425 log odds, which is
    0.235772 in powers of two.
    """
    learnt = ranking(
        weight("severity", 2.0, mean=1.0, deviation=0.5),
        weight("shares", -0.3, mean=5.0, deviation=1.5),
        bias=-1.0,
    )
    assert learnt.rank(alert(1, severity=3.0, size=1_000)) == 7.24


def test_what_lies_beyond_all_that_was_reviewed_counts_as_its_edge() -> None:
    of_shares = Weight("shares", 1.0, 0.0, 1.0, least=math.log(11), most=math.log(101))
    ranks = [ranking(of_shares, bias=-3.0).rank(alert(1, size=n)) for n in (1, 10, 100, 10**6)]
    assert ranks[0] == ranks[1] < ranks[2] == ranks[3]


def test_every_number_of_an_alert_has_its_meaning() -> None:
    raw = flagged(
        ["High Volume", "Rapid Price Change", "Isolation Forest", "Calibrated"],
        ["a", "b", "c", "d"],
        price=-2.5,
        size=400,
        side="N",
        severity=5.5,
        priority=6.25,
        context="opening auction, odd lot",
        features=json.loads(message(1, oddest="stuck run"))["features"],
    )
    found = json.loads(raw)
    pairs = [(60_000, 20_000), (0.05, 0.01), (-5.0, -4.0), (5.5, 4.0)]
    for reason, (value, threshold) in zip(found["reasons"], pairs, strict=True):
        reason |= {"value": value, "threshold": threshold}
    read = decode_anomaly(json.dumps(found).encode())
    assert isinstance(read, Anomaly)
    assert numbers_of(read) == pytest.approx(
        {
            "severity": 5.5,
            "priority": 6.25,
            "shares": 400,
            "notional": 1_000,
            "distance": 0.05,
            "jump": 0.05,
            "ten trades": 0.05,
            "size": 0.05,
            "stuck": 3.0,
            "burst": 0.05,
            "volume": 3,
            "price": 5,
            "forest": 2,
            "side N": 1,
            "not regular": 1,
        }
    )
    assert list(numbers_of(read)) == list(NUMBERS)


def test_the_names_of_the_properties_are_those_of_the_profile() -> None:
    assert tuple(PROPERTIES) == NAMES


@pytest.mark.parametrize(
    "odd",
    [
        {"severity": None, "priority": None, "features": [], "context": ""},
        {"severity": -1e308, "priority": 1e308},
        {"size": 4_294_967_295, "price": 10_000_000},
        {"price": 0},
    ],
)
def test_any_message_has_a_rank(odd: dict[str, Any]) -> None:
    every = ranking(*(weight(name, 1.0) for name in NUMBERS), bias=-7.0)
    assert 0.0 <= every.rank(alert(1, **odd)) <= 14.0


def test_numbers_of_any_length_are_a_rank_too() -> None:
    every = ranking(*(weight(name, 1.0) for name in NUMBERS))
    found = json.loads(flagged(["High Volume", "Isolation Forest"], ["a", "b"]))
    for value, threshold in ((10**400, 1), (1, 10**400), (-(10**400), 0), (1e308, 1e-308)):
        for reason in found["reasons"]:
            reason |= {"value": value, "threshold": threshold}
        read = decode_anomaly(json.dumps(found).encode())
        if isinstance(read, Anomaly):
            assert 0.0 <= every.rank(read) <= 14.0


LOW = {
    "suppress_below": 3.0,
    "suppress_kinds": frozenset({("size", "B")}),
    "suppress_up_to_priority": 5.0,
}


def hidden(number: int, bias: float = -7.0, **fields: Any) -> bool:
    value, suppressed = ranking(bias=bias, **LOW).marked(message(number, **fields))
    assert json.loads(value)["suppressed"] is suppressed
    return suppressed


def test_only_what_is_like_dismissed_alerts_is_suppressed() -> None:
    number = next(n for n in range(100) if not shown_anyway(f"NVDA-2-{n}-1"))
    assert hidden(number)
    assert hidden(number, priority=5.0)
    assert not hidden(number, priority=5.01)  # higher than all that were dismissed
    assert not hidden(number, side="A")  # of a kind that nobody dismissed again and again
    assert not hidden(number, oddest="stuck run")
    assert not hidden(number, bias=-math.log(2) * 4)  # rank 3 is not below 3
    assert hidden(number, bias=-math.log(2) * 4.1)


def test_one_episode_in_twenty_is_shown_whatever_its_rank() -> None:
    shown = [n for n in range(20_000) if not hidden(n)]
    assert 850 < len(shown) < 1_150  # 1,000; five standard deviations are 154
    one = shown[0]
    assert not hidden(one)  # again, and each trade of the episode
    assert not hidden(one + 1, episode_id=f"NVDA-2-{one}-1")


def test_the_message_stays_as_it_is_before_the_two_fields() -> None:
    before = message(7)
    value, _ = ranking(bias=math.log(4)).marked(before)
    assert value == before[:-1] + b',"rank":9.0,"suppressed":false}'
    found = decode_anomaly(value)
    assert isinstance(found, Anomaly)
    assert (found.rank, found.suppressed) == (9.0, False)


def test_a_message_that_no_reader_takes_is_not_ranked() -> None:
    long = message(1, context="x" * 200_000)
    assert ranking(bias=-7.0, **LOW).marked(long) == (long, False)


@pytest.mark.parametrize("profile", ["classic", "calibrated", "classic,calibrated"])
def test_the_settings_of_a_message_name_the_ranking_and_those_of_a_state_do_not(
    profile: str,
) -> None:
    without = Parameters(profile=profile)
    one, other = (
        Parameters(profile=profile, ranking=ranking(digest=digest)) for digest in ("a", "b")
    )
    found = lineup(profile)
    prints = [found.fingerprint(run) for run in (without, one, other)]
    assert len(set(prints)) == 3
    for kind in found.kinds:
        learnt = {kind.parameters.of(run).learnt_fingerprint() for run in (without, one, other)}
        assert len(learnt) == 1


def test_a_file_gives_back_the_ranking_that_was_written(tmp_path: Path) -> None:
    wanted = ranking(weight("shares", 0.1), weight("stuck", -1 / 3), bias=0.1 + 0.2, **LOW)
    found = read_ranking(ranking_file(wanted, tmp_path / "ranking.json"))
    assert len(found.digest) == 64
    assert ranking(*found.weights, bias=found.bias, **LOW) == wanted


def changed(text: str, old: str, new: str) -> bytes:
    assert old in text
    return text.replace(old, new).encode()


DAMAGES = {
    "empty": (lambda text: b"", "damaged, or no JSON"),
    "half": (lambda text: text[: len(text) // 2].encode(), "damaged, or no JSON"),
    "binary": (lambda text: b"\x80\x04\x95pickle", "damaged, or no JSON"),
    "nested": (lambda text: b'{"x": ' + b"[" * 100_000, "damaged, or no JSON"),
    "a list": (lambda text: b"[1, 2]", "not a file of `tape learn`"),
    "foreign": (lambda text: b'{"weights": [1, 2]}', "not a file of `tape learn`"),
    "later": (
        lambda text: changed(text, '"version": 1', '"version": 2'),
        "of version 2, and this program reads version 1",
    ),
    "a digit": (lambda text: changed(text, '"bias": 0.25', '"bias": 0.26'), "changed by hand"),
    "a field less": (lambda text: changed(text, '"bias": 0.25,', ""), "damaged (Object missing"),
    "a field more": (lambda text: changed(text, '"bias"', '"x": 1, "bias"'), "damaged (Object"),
    "a text": (lambda text: changed(text, '"bias": 0.25', '"bias": "x"'), "damaged (Expected"),
    "endless": (lambda text: changed(text, '"bias": 0.25', '"bias": 1e999'), "damaged"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_file_that_is_none_is_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    path = ranking_file(ranking(weight("shares", 0.1), bias=0.25), tmp_path / "ranking.json")
    damage, words = DAMAGES[case]
    path.write_bytes(damage(path.read_text()))
    with pytest.raises(SettingsError) as caught:
        read_ranking(path)
    text = str(caught.value)
    assert text.startswith(f"RANKING_FILE: {path} is ")
    assert words in text
    assert text.endswith("write one with `tape learn`, or unset it")
    assert "\n" not in text
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "odd",
    [Weight("weather", 1.0, 0.0, 1.0, 0.0, 1.0), Weight("shares", 1.0, 0.0, 0.0, 0.0, 1.0)],
)
def test_weights_that_cannot_be_are_refused(odd: Weight, tmp_path: Path) -> None:
    path = ranking_file(ranking(odd), tmp_path / "ranking.json")
    with pytest.raises(SettingsError, match="a number in it cannot be"):
        read_ranking(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"RANKING_FILE: cannot read .*none\.json"):
        read_ranking(tmp_path / "none.json")
    with pytest.raises(SettingsError, match="it is a folder, not a file"):
        read_ranking(tmp_path)


def test_a_file_that_was_laid_out_again_is_the_same(tmp_path: Path) -> None:
    path = ranking_file(ranking(weight("shares", 0.1), bias=0.25), tmp_path / "ranking.json")
    before = read_ranking(path)
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert read_ranking(path) == before
