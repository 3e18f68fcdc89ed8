"""What the page knows is bounded, filtered over all of it, and never loses a change in silence."""

import json
from collections.abc import Iterable

import pytest

from tape.model.fields import iso_time
from tape.model.review import Review, after, checked_step, encode_review
from tape.page import board as board_module
from tape.page.board import Board, Source
from tape.page.case import case_of
from tape.page.filters import Wanted
from tape.page.pulse import Pulse
from tests.flagged_days import changed, told

DAY = told(12)
HOSTILE = "<img src=x onerror=alert(1)>"


def filled(count: int = 12) -> Board:
    board, day = Board(), told(count)
    for value in day.anomalies:
        board.add_anomaly(value, Source("anomalies", 0, 5, 1_000, (0, 7)))
    for _, value in day.episodes:
        board.add_episode(value, 1.0)
    for _, value in day.bars:
        board.add_bar(value)
    return board


def decided(before: Review | None, name: str, state: str, by: str) -> Review:
    step = checked_step(state, "news", "", (), by=by, at="2025-05-05T14:00:00Z")
    return after(before, name, step)


def test_episodes_come_by_priority_or_by_time_and_all_of_them_are_searched() -> None:
    board = filled()
    worst, count = board.wanted(Wanted(), 3)
    assert count == 12
    priorities = [row["priority"] for row in worst]
    assert priorities == sorted(priorities, reverse=True)
    newest, _ = board.wanted(Wanted.of({"order": "newest"}), 3)
    assert [row["first"] for row in newest] == sorted(row["first"] for row in newest)[::-1]
    last = board.wanted(Wanted(), 12)[0][-1]
    found, count = board.wanted(Wanted.of({"text": last["id"].upper()}), 3)
    assert ([row["id"] for row in found], count) == ([last["id"]], 1)
    assert board.wanted(Wanted.of({"rule": "Isolation Forest"}), 3) == ([], 0)
    assert board.wanted(Wanted.of({"symbols": "AMD,nvda"}), 3)[1] == 12
    assert (
        board.wanted(Wanted.of({"severity": "nonsense", "review": "?", "order": "?"}), 3)[1] == 12
    )


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("", range(5, 61, 5)),
        ("13:30:20", [20]),
        ("13:30:15-13:30:30", [15, 20, 25, 30]),
        ("2025-05-05 13:30", range(5, 60, 5)),
        ("2025-05-05T13:31", [60]),
        ("2025-05-05", range(5, 61, 5)),
        ("2025-05-06", []),
        ("about noon", range(5, 61, 5)),
    ],
)
def test_a_time_of_day_a_day_or_both_can_be_wanted(time: str, seconds: Iterable[int]) -> None:
    rows, _ = filled().wanted(Wanted.of({"time": time, "order": "newest"}), 100)
    found = sorted(int(row["first"][14:16]) * 60 + int(row["first"][17:19]) for row in rows)
    assert found == [30 * 60 + one for one in seconds]


def test_a_viewer_gets_what_changed_since_and_everything_where_that_is_too_long_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board = filled(3)
    since = board.seq
    assert board.changes(since) == []
    key, value = DAY.episodes[0]
    board.add_episode(changed(value, flags=99), 2.0)
    (row,) = board.changes(since) or []
    assert (row["id"], row["flags"]) == (key, 99)
    seq = board.seq
    board.add_episode(changed(value, flags=99), 3.0)
    assert board.seq == seq, "the same state is no change"
    for flags in range(board_module.CHANGES_MAX + 1):
        board.add_episode(changed(value, flags=flags + 100), 2.0)
    assert board.changes(since) is None
    assert board.changes(board.seq + 1) is None, "of a server before this one"


def test_memory_is_bounded_and_what_is_dropped_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "EPISODES_MAX", 5)
    monkeypatch.setattr(board_module, "ANOMALIES_MAX", 4)
    board = filled()
    assert board.wanted(Wanted(), 100)[1] == 5
    assert board.lost == 7
    kept = [board.episode_of(json.loads(value)["anomaly_id"]) for value in DAY.anomalies]
    assert kept[:8] == [None] * 8
    assert None not in kept[8:]


def test_all_of_an_episode_is_told_with_its_trades_and_where_they_lie() -> None:
    board = filled()
    name = DAY.ids[3]
    detail = board.detail(name)
    assert detail is not None
    trade = json.loads(DAY.anomalies[3])
    assert detail["trades"][0]["anomaly_id"] == trade["anomaly_id"]
    assert int(detail["trades"][0]["ns"]) > 2**53, "as text: a JSON number would lose ns"
    assert json.loads(detail["raw"]) == trade
    assert board.episode_of(trade["anomaly_id"]) == name
    found = board.source_of(name)
    assert found is not None
    assert found[1].trade == (0, 7)
    assert board.detail("nobody") is None


def test_bars_of_one_second_replace_one_another_and_count_once() -> None:
    board = Board()
    (_, value), *_ = DAY.bars
    board.add_bar(value)
    board.add_bar(changed(value, trades=5, close=101.0))
    assert [bar.close for bar in board.bars("NVDA")] == [101.0]
    assert board.trades == 5
    assert [bar.close for bar in board.new_bars()["NVDA"]] == [101.0]
    assert board.new_bars() == {}


def test_what_cannot_be_read_is_counted() -> None:
    board = Board()
    for add in (board.add_anomaly, board.add_bar, board.add_review):
        add(b"{}")
    board.add_episode(b"no JSON", 0.0)
    board.add_episode(b"", 0.0)  # compacted away
    assert board.unreadable == 4


def test_of_two_decisions_about_one_state_the_first_on_the_topic_counts() -> None:
    board = filled()
    name = DAY.ids[0]
    first = decided(None, name, "dismissed", "anna")
    second = decided(None, name, "escalated", "bo")
    assert board.add_review(encode_review(first)) is None
    assert board.add_review(encode_review(second)) == first
    assert board.review(name) == first
    later = decided(first, name, "escalated", "bo")
    assert board.add_review(encode_review(later)) is None
    assert board.add_review(encode_review(first)) == later, "an old record changes nothing"
    detail = board.detail(name)
    assert detail is not None
    assert (detail["review"], detail["by"], detail["steps"]) == ("escalated", "bo", 2)
    assert [step["by"] for step in detail["history"]] == ["anna", "bo"]
    assert board.wanted(Wanted(review="escalated"), 9)[1] == 1


def test_a_decision_that_came_before_its_episode_is_on_its_row() -> None:
    board, (name, value) = Board(), DAY.episodes[0]
    board.add_review(encode_review(decided(None, name, "acknowledged", "anna")))
    board.add_episode(value, 1.0)
    assert board.wanted(Wanted(), 1)[0][0]["review"] == "acknowledged"


def test_a_quiet_page_is_not_a_dead_one() -> None:
    pulse = Pulse()
    assert pulse.state(100.0) == "disconnected"
    pulse.connected, pulse.news_s = True, 95.0
    assert pulse.state(100.0) == "live"
    assert pulse.state(200.0) == "idle"
    pulse.waiting = 50_000
    assert pulse.state(100.0) == "behind"
    for second in range(20):
        pulse.note(100.0 + second, 100 * second, second)
    rate, per_minute = pulse.rates(119.0)
    assert rate == pytest.approx(100, rel=0.01)
    assert per_minute == pytest.approx(60, rel=0.01)


def test_a_case_is_one_document_in_which_what_strangers_wrote_is_text() -> None:
    board = Board()
    _, value = DAY.episodes[0]
    name = "hostile"
    board.add_episode(changed(value, episode_id=name, symbol=HOSTILE, reason=HOSTILE), 1.0)
    board.add_review(encode_review(decided(None, name, "escalated", HOSTILE)))
    made = case_of(board.detail(name) or {}, {"error": HOSTILE}, "html").decode()
    assert HOSTILE not in made
    assert "&lt;img src=x" in made
    assert "default-src 'none'" in made
    document = json.loads(case_of(board.detail(name) or {}, {}, "json"))
    assert document["episode"]["history"][0]["by"] == HOSTILE


def test_a_bar_says_how_far_the_tape_is_and_one_without_a_time_is_counted() -> None:
    board = Board()
    board.add_bar(DAY.bars[-1][1])
    assert iso_time(board.newest_ns).startswith(json.loads(DAY.bars[-1][1])["bar_start"][:-1])
    before = board.newest_ns
    good = json.loads(DAY.bars[-1][1])
    for start in ("", "z", "9999-99-99T00:00:00Z", "2025-05-05T14:00:00.5Z", "+999999999-01-01"):
        board.add_bar(json.dumps(good | {"bar_start": start}).encode())
    assert (board.unreadable, board.newest_ns) == (5, before)
    assert board.recent()["until"] == good["bar_start"]
