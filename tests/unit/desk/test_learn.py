"""From reviews to a ranking: what counts, what is refused, and that it ranks better."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tape.archives import find_archives
from tape.archives.outcome import Outcome
from tape.desk.learn.alerts import Alerts
from tape.desk.learn.answers import Answered, Answers, answers_of
from tape.desk.learn.learn import average_precision, learn
from tape.desk.learn.reviews import Review, read_reviews, review_of
from tape.detection.parameters import Parameters
from tape.detection.ranking import NUMBERS, Ranking, numbers_of
from tape.detection.ranking_file import RankingFile, decode_ranking, encode_ranking
from tape.errors import ArchiveError
from tape.judging.judge import Judge
from tape.judging.replay import Replay
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.counts import Counts
from tape.model.fields import Unreadable
from tape.synthetic import make_day, write_day
from tests.rankings import alert, review


def answers(lines: Iterable[str], *known: Anomaly) -> Answers:
    reviews = [review_of(line.encode()) for line in lines]
    alerts = Alerts(frozenset(one.id for one in reviews))
    for one in known:
        alerts.add(one)
    return answers_of(reviews, alerts)


def counted(found: Answers) -> dict[str, bool]:
    return {one.alert.anomaly_id: one.confirmed for one in found.answered}


ONE, TWO = "NVDA-2-1-1", "NVDA-2-2-1"


def test_the_last_review_of_an_alert_counts_wherever_it_stands() -> None:
    lines = [
        review(ONE, "confirmed", at="2025-03-06T09:00:00Z"),
        review(ONE, "dismissed", at="2025-03-05T23:00:00Z"),
        review(TWO, "confirmed", at="2025-03-05T23:00:00-05:00"),
        review(TWO, "dismissed", at="2025-03-06T03:00:00"),
    ]
    assert counted(answers(lines, alert(1), alert(2))) == {ONE: True, TWO: True}


def test_states_of_the_page_are_answers_or_none() -> None:
    lines = [review(ONE, "escalated"), review(TWO, "dismissed", at="2025-03-05T09:00:00Z")]
    lines += [review(TWO, "open")]
    found = answers(lines, alert(1), alert(2))
    assert counted(found) == {ONE: True}
    assert list(found.sentences()) == ["open: 1 reviewed alerts have no answer and do not count"]


def test_an_episode_is_known_by_its_trade_of_the_highest_priority() -> None:
    trades = [alert(n, episode_id=ONE, priority=p) for n, p in ((1, 3.0), (2, 7.0), (3, 5.0))]
    line = json.dumps({"episode_id": ONE, "state": "confirmed", "at": "2025-03-05"})
    for order in (trades, trades[::-1]):
        assert counted(answers([line], *order)) == {TWO: True}


def test_unknown_ids_are_counted_each_once() -> None:
    lines = [review("a", "confirmed"), review("a", "dismissed"), review("b", "confirmed")]
    found = answers([*lines, review(ONE, "confirmed")], alert(1))
    assert (found.unknown, len(found.answered)) == (["a", "b"], 1)
    (text,) = found.sentences()
    assert text == (
        "unknown: 2 reviewed ids are not among these anomalies and do not count; the first: a"
    )


def test_reviews_that_contradict_each_other_at_one_time_do_not_count() -> None:
    lines = [review(ONE, "confirmed"), review(ONE, "dismissed"), review(TWO, "dismissed")]
    found = answers(lines, alert(1), alert(2))
    assert counted(found) == {TWO: False}
    (text,) = found.sentences()
    assert text.startswith("contradictory: 1 reviewed id is answered in two ways at the same time")
    assert "neither answer counts" in text
    assert text.endswith(ONE)
    later = review(ONE, "dismissed", at="2025-03-07T00:00:00Z")
    assert counted(answers([*lines, later], alert(1), alert(2))) == {ONE: False, TWO: False}


def test_two_people_at_odds_are_named_and_the_last_one_counts() -> None:
    lines = [
        review(ONE, "dismissed", by="bob", at="2025-03-05T09:00:00Z"),
        review(ONE, "confirmed", by="ann", at="2025-03-05T10:00:00Z"),
        review(TWO, "dismissed", by="ann", at="2025-03-05T09:00:00Z"),
        review(TWO, "confirmed", by="ann", at="2025-03-05T10:00:00Z"),
    ]
    found = answers(lines, alert(1), alert(2))
    assert counted(found) == {ONE: True, TWO: True}
    assert found.at_odds == [f"{ONE} (ann confirmed, bob dismissed)"]
    assert "the last answer counts" in next(found.sentences())


BAD_LINES = {
    b"price 1": ("message_not_json", ""),
    b"\xff\xfe": ("message_not_json", ""),
    b"[" * 100_000: ("message_too_deep", ""),
    b"[]": ("message_shape", ""),
    b'{"state": "confirmed", "at": "2025-03-05"}': ("field_missing", "neither anomaly_id"),
    b'{"anomaly_id": "a", "at": "2025-03-05"}': ("field_missing", "state"),
    b'{"anomaly_id": "a", "state": "confirmed"}': ("field_missing", "at"),
    b'{"anomaly_id": 7, "state": "confirmed", "at": "2025-03-05"}': ("field_type", ""),
    b'{"anomaly_id": "a", "state": "maybe", "at": "2025-03-05"}': ("field_type", "'maybe'"),
    b'{"anomaly_id": "a", "state": "confirmed", "at": "noon"}': ("time_syntax", "'noon'"),
    b'{"anomaly_id": "a", "state": "confirmed", "at": ""}': ("time_syntax", "''"),
}


@pytest.mark.parametrize("line", BAD_LINES, ids=lambda line: line[:40])
def test_a_line_that_is_no_review_is_told_from_one(line: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        review_of(line)
    reason, words = BAD_LINES[line]
    assert caught.value.rejected.reason == reason
    assert words in caught.value.rejected.detail


def test_bad_lines_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(
        b"\xef\xbb\xbf" + review("a", "open").encode() + b"\r\n\nnothing\n" + b'{"state": 1}\n'
    )
    outcome = Outcome()
    found = read_reviews([path], outcome)
    assert found == [Review("a", False, None, "ann", 1_741_168_800_000_000)]
    assert dict(outcome.rejected) == {"message_not_json": 1, "field_type": 1}
    assert outcome.examples["message_not_json"].source == "reviews.jsonl:3"
    with pytest.raises(ArchiveError, match=r"cannot read the reviews in .*none"):
        read_reviews([tmp_path / "none"], outcome)


def consistent(many: int, days: Iterable[int] = (3, 4), *, odd: int = 0) -> list[Answered]:
    """Return alerts of which an analyst confirms what is of the price, whatever its priority.

    `odd` of them have the other answer.
    """
    found = []
    for n in range(many):
        is_price = n % 3 == 0
        one = alert(
            n,
            day=list(days)[n % len(list(days))],
            oddest="jump in one trade" if is_price else "stuck run",
            priority=3.0 + (n * 7 % 11) / 10,
            severity=3.0 + (n * 5 % 7) / 10,
            size=100 + n,
        )
        found.append(Answered(one, is_price != (n < odd)))
    return found


def ranked(content: RankingFile) -> Ranking:
    return decode_ranking(encode_ranking(content))


def test_what_is_learnt_is_the_logistic_regression_of_scikit_learn() -> None:
    """On ln(1 + number), standardised, with its own default penalty; ranks in powers of two."""
    answered = consistent(60, odd=5)
    learnt = ranked(learn(answered))
    varying = [one.name for one in learnt.weights]
    assert "priority" in varying
    assert "side N" not in varying
    table = np.log1p([[numbers_of(one.alert)[n] for n in varying] for one in answered])
    model = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-8))
    model.fit(table, [one.confirmed for one in answered])
    chances = model.predict_proba(table)[:, 1]
    for one, chance in zip(answered, chances, strict=True):
        assert learnt.rank(one.alert) == pytest.approx(7 + np.log2(chance / (1 - chance)), abs=0.01)


def test_the_order_of_the_reviews_changes_nothing() -> None:
    lines = [review(f"NVDA-2-{n}-1", "confirmed" if n % 3 else "dismissed") for n in range(30)]
    known = [one.alert for one in consistent(30)]
    one, other = answers(lines, *known), answers(lines[::-1], *known[::-1])
    assert encode_ranking(learn(one.answered)) == encode_ranking(learn(other.answered))


@pytest.mark.parametrize("seed", range(20))
def test_average_precision_is_that_of_scikit_learn(seed: int) -> None:
    dice = np.random.default_rng(seed)
    scores = dice.integers(0, 5 + 20 * (seed % 2), 40) / 2.0
    confirmed = dice.random(40) < 0.3
    confirmed[0] = True
    expected = average_precision_score(confirmed, scores)
    assert average_precision(scores.tolist(), confirmed.tolist()) == pytest.approx(expected)


def refusal(answered: list[Answered]) -> str:
    with pytest.raises(ArchiveError) as caught:
        learn(answered)
    assert caught.value.exit_code == 2
    text = str(caught.value)
    assert text.startswith("nothing is written: ")
    assert "\n" not in text
    return text


def test_fewer_than_twenty_answers_are_refused() -> None:
    assert "19 alerts have an answer that counts, and 20 are needed" in refusal(consistent(19))
    assert "1 alert has" in refusal(consistent(1))
    assert "0 alerts have" in refusal([])
    learn(consistent(20))


@pytest.mark.parametrize("confirmed", [True, False])
def test_one_answer_only_is_refused(confirmed: bool) -> None:
    same = [Answered(one.alert, confirmed) for one in consistent(25)]
    word = "confirmed" if confirmed else "dismissed"
    assert f"all 25 answered alerts are {word}" in refusal(same)


def test_one_day_only_is_refused() -> None:
    assert "the answered alerts are of 2025-03-03, and no day" in refusal(consistent(30, [3]))


def test_days_that_do_not_have_both_answers_are_refused() -> None:
    days = [Answered(alert(n, day=3 + n % 2), n % 2 == 0) for n in range(30)]
    assert "of 2025-03-03 to 2025-03-04, and no day parts them" in refusal(days)


def test_the_day_is_that_of_new_york() -> None:
    """Half past midnight in UTC is still the evening of the day before."""
    answered = consistent(30, [3])
    late = [
        Answered(alert(n, ts_event="2025-03-04T00:30:00.000000000Z"), n % 2 == 0)
        for n in range(100, 104)
    ]
    assert "of 2025-03-03, and" in refusal([*answered, *late])


def test_what_does_not_beat_the_priority_is_refused_with_both_figures() -> None:
    """The analyst goes by the priority itself, so nothing can be better."""
    days = [Answered(alert(n, day=3 + n % 2, priority=3 + n / 10), n >= 15) for n in range(30)]
    text = refusal(days)
    assert "does not beat the priority on 2025-03-04, the latest reviewed" in text
    assert "average precision 1.000, the priority's 1.000" in text


def test_what_was_learnt_of_earlier_days_is_measured_on_the_latest() -> None:
    """An analyst who changes his mind on the last day: what was learnt before is worth nothing."""
    before = consistent(40, [3, 4])
    after = [Answered(one.alert, not one.confirmed) for one in consistent(20, [5])]
    assert "does not beat the priority on 2025-03-05" in refusal([*before, *after])
    content = learn([*before, *consistent(20, [5])])
    assert content.held_out.days == ["2025-03-05"]
    assert (content.held_out.alerts, content.held_out.confirmed) == (20, 7)
    assert content.held_out.average_precision == 1.0
    assert content.held_out.average_precision_of_priority < 0.9


def test_the_latest_day_teaches_nothing_of_what_it_is_measured_on() -> None:
    """What tells its alerts apart, their size, was never another before."""
    before = [
        Answered(replace_size(one.alert, 100), one.confirmed) for one in consistent(40, [3, 4])
    ]
    latest = [
        Answered(
            alert(
                100 + n,
                day=5,
                oddest="stuck run",
                size=5_000 if n < 5 else 100,
                priority=3.0 if n == 4 else 3.5 if n < 4 else 3.4,
            ),
            n < 5,
        )
        for n in range(20)
    ]
    assert "does not beat the priority on 2025-03-05" in refusal([*before, *latest])


def replace_size(one: Anomaly, size: int) -> Anomaly:
    return replace(one, trade=msgspec.structs.replace(one.trade, size=size))


def test_a_latest_day_of_one_answer_takes_the_day_before_with_it() -> None:
    dismissed = [one for one in consistent(20, [6]) if not one.confirmed]
    content = learn([*consistent(40, [3, 4]), *dismissed])
    assert content.held_out.days == ["2025-03-04", "2025-03-06"]


def test_only_what_was_dismissed_three_times_is_suppressed() -> None:
    content = learn(consistent(60))
    cut = content.suppressed
    assert cut.below is not None
    assert cut.below <= 4.0
    assert cut.kinds == [("stuck", "B")]
    assert cut.up_to_priority == 4.0
    assert cut.dismissed > 20
    learnt = ranked(content)
    for one in consistent(60):
        assert not (one.confirmed and learnt.suppresses(one.alert, learnt.rank(one.alert)))


def test_nothing_is_suppressed_where_a_confirmed_alert_looks_like_the_dismissed() -> None:
    answered = consistent(60)
    assert not answered[10].confirmed
    answered[10] = Answered(answered[10].alert, True)
    assert learn(answered).suppressed.below is None


def test_nothing_is_suppressed_where_that_is_not_wanted() -> None:
    assert learn(consistent(60), may_suppress=False).suppressed.below is None


def test_the_file_explains_itself() -> None:
    content = learn(consistent(60))
    assert content.explained[0] == "dismissed 40 of 40 times: stuck, side B, 101 to 159 shares"
    assert content.explained[1] == "confirmed 20 of 20 times: jump, side B, 100 to 157 shares"
    by_name = {one.name: one for one in content.numbers}
    assert by_name["stuck"].weight < 0.0 < by_name["jump"].weight
    assert by_name["jump"].text == (
        "confirmed 20 of the 20 alerts with most, 0 of the 20 with least"
    )
    assert by_name["jump"].unit == NUMBERS["jump"]


@pytest.fixture(scope="module")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> list[list[Anomaly]]:
    """The alerts of three synthetic days, one for each episode."""
    folder = tmp_path_factory.mktemp("days")
    for n in range(3):
        write_day(make_day(5, ["AAA"], 25_000, date(2025, 3, 3 + n)), folder / str(n))
    run = Parameters(profile="calibrated", alerts_per_10k=20.0)
    replay = Replay(find_archives([folder]).archives, Judge(run, 10, Counts()))
    episodes: dict[str, Anomaly] = {}
    for shown in replay.batches():
        for value in shown.flagged:
            one = decode_anomaly(value)
            assert isinstance(one, Anomaly)
            known = episodes.setdefault(one.episode_id, one)
            if (one.priority or 0.0) > (known.priority or 0.0):
                episodes[one.episode_id] = one
    days: dict[int, list[Anomaly]] = {}
    for one in episodes.values():
        days.setdefault(one.trade.ts_event_ns // 86_400_000_000_000, []).append(one)
    return list(days.values())


ANALYSTS: dict[str, Any] = {
    "prices only": lambda one: one.family == "price",
    "sizes only": lambda one: one.family == "size",
    "hundred shares or more": lambda one: one.trade.size >= 100,
}


@pytest.mark.parametrize("analyst", ANALYSTS)
def test_a_consistent_analyst_lifts_the_ranking_of_a_day_that_nobody_reviewed(
    analyst: str, three_days: list[list[Anomaly]]
) -> None:
    first, second, fresh = three_days
    confirms = ANALYSTS[analyst]
    learnt = ranked(learn([Answered(one, confirms(one)) for one in (*first, *second)]))
    wanted = [confirms(one) for one in fresh]
    assert 0 < sum(wanted) < len(wanted)
    by_rank = average_precision_score(wanted, [learnt.rank(one) for one in fresh])
    by_priority = average_precision_score(wanted, [one.priority for one in fresh])
    assert by_rank > by_priority
