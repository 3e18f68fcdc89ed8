"""What one channel is told of states written by hand; times are New York's on 2025-05-05."""

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tape.alerting.decider import Decider
from tape.alerting.decision import Announcement, Withheld
from tape.alerting.expected import Event, Expected
from tape.alerting.hours import QuietHours
from tape.alerting.kept import Mute, Sent
from tape.alerting.rules import AlertRule
from tape.model.fields import iso_time
from tests.alert_states import HOUR_NS, MINUTE_NS, TEN, kind_of, state, taken

NIGHT = QuietHours(time(22), time(7), ZoneInfo("America/New_York"))
TEN_PM = TEN + 12 * HOUR_NS


def decider(expected: Expected | None = None, **rule: Any) -> Decider:
    return Decider((AlertRule("r", **rule),), ["slack"], expected or Expected())


@pytest.mark.parametrize(
    ("rule", "given", "answer"),
    [
        ({}, {"priority": 6.0}, "new"),
        ({}, {"priority": 5.99}, "priority"),
        ({}, {"priority": None}, "priority"),
        ({"min_priority": 0.0}, {"priority": None}, "new"),
        ({"min_priority": 0.0, "min_severity": 4.0}, {"severity": 4.0}, "new"),
        ({"min_priority": 0.0, "min_severity": 4.0}, {"severity": None}, "severity"),
        ({"symbols": frozenset("B")}, {}, "symbol"),
        ({"not_symbols": frozenset("A")}, {}, "symbol"),
        ({"families": frozenset(["size"])}, {}, "family"),
        ({"rules": frozenset(["High Volume"])}, {}, "rule"),
        ({"rules": frozenset(["High Volume", "Calibrated"])}, {}, "new"),
        ({"marks": frozenset(["spike"])}, {}, "mark"),
        ({"marks": frozenset(["spike"])}, {"closed": True, "mark": "spike"}, "new"),
        ({"market_hours": "regular"}, {}, "new"),
        ({"market_hours": "regular"}, {"at_ns": TEN - HOUR_NS}, "closed market"),
        ({"market_hours": "extended"}, {"at_ns": TEN - HOUR_NS}, "new"),
        ({"channels": frozenset(["mail"])}, {}, "rule"),
    ],
)
def test_a_rule_takes_what_it_names(
    rule: dict[str, Any], given: dict[str, Any], answer: str
) -> None:
    assert taken(decider(**rule), state(**given)) == [answer]


def test_an_episode_is_announced_once_and_its_end_follows() -> None:
    states = [
        state(flags=1),
        state(flags=2, priority=9.9),
        state(flags=2, closed=True, priority=9.9, mark="bad print"),
    ]
    assert taken(decider(), *states) == ["new", "already known", "ended"]


def test_what_gets_worse_by_two_points_is_announced_again() -> None:
    states = [state(flags=n, priority=p) for n, p in [(1, 6.0), (2, 7.9), (3, 8.0), (4, 9.9)]]
    assert taken(decider(), *states) == ["new", "already known", "worse", "already known"]


def test_what_closes_worse_is_announced_as_worse_and_not_ended_twice() -> None:
    states = [
        state(priority=6.0),
        state(closed=True, priority=9.0),
        state(closed=True, priority=9.0),
    ]
    assert taken(decider(), *states) == ["new", "worse", "old state"]


def test_an_announcement_says_why_and_what_was_known() -> None:
    one = decider()
    (first,) = one.take(state(priority=7.0), TEN)
    (second,) = one.take(state(flags=2, priority=9.5), TEN)
    assert isinstance(first, Announcement)
    assert isinstance(second, Announcement)
    assert (first.because, first.before) == ("priority 7, at least 6", None)
    assert (second.because, second.before) == ("priority 9.5, after 7", first.record)


def test_the_first_rule_of_a_channel_decides_and_each_channel_for_itself() -> None:
    rules = (
        AlertRule("large", min_priority=9.0, channels=frozenset(["pager"])),
        AlertRule("all", min_priority=5.0),
    )
    one = Decider(rules, ["pager", "slack"])
    told = [
        (found.channel, found.rule)
        for found in one.take(state(priority=9.5), TEN)
        if isinstance(found, Announcement)
    ]
    assert told == [("pager", "large"), ("slack", "all")]


def test_a_cool_down_is_of_one_symbol_and_goes_by_the_trades_time() -> None:
    one = decider(cool_down_s=900.0)
    states = [
        state("A-1", TEN),
        state("A-2", TEN + 15 * MINUTE_NS - 1),
        state("B-1", TEN + MINUTE_NS),
        state("A-3", TEN + 15 * MINUTE_NS),
    ]
    assert taken(one, *states, now_ns=TEN) == ["new", "cool-down", "new", "new"]


def test_one_trade_with_a_clock_in_the_future_cools_nothing_for_good() -> None:
    one = decider(cool_down_s=900.0)
    states = [state("A-1", TEN + 9_000 * HOUR_NS), state("A-2", TEN)]
    assert taken(one, *states, now_ns=TEN) == ["new", "new"]


def test_more_than_the_cap_waits_for_the_digest_of_the_hour() -> None:
    one = decider(max_per_hour=2, cool_down_s=0.0)
    states = [state(f"A-{n}", TEN + n, priority=8.0 + n) for n in range(4)]
    assert taken(one, *states) == ["new", "new", "cap", "cap"]
    assert one.next_due_ns() == TEN + HOUR_NS
    assert one.due(TEN + HOUR_NS - 1) == []
    (digest,) = one.due(TEN + HOUR_NS)
    assert [found.episode_id for found in digest.digest] == ["A-3", "A-2"]
    assert digest.because == "2 episodes withheld: cap 2"
    assert one.due(TEN + HOUR_NS) == []
    assert taken(one, state("A-9", TEN + HOUR_NS)) == ["new"]


def test_an_episode_that_was_announced_after_all_is_in_no_digest() -> None:
    one = decider(max_per_hour=1, cool_down_s=0.0)
    later = state("A-1", TEN + HOUR_NS, flags=2)
    assert taken(one, state("A-0"), state("A-1"), later) == ["new", "cap", "new"]
    assert one.due(TEN + HOUR_NS) == []


def test_quiet_hours_hold_back_until_they_end() -> None:
    one = decider(quiet_hours=NIGHT)
    assert taken(one, state(at_ns=TEN_PM)) == ["quiet hours"]
    assert one.next_due_ns() == TEN_PM + 9 * HOUR_NS
    (digest,) = one.due(TEN_PM + 9 * HOUR_NS)
    assert digest.because == "1 episode withheld: quiet hours 1"


def test_a_digest_of_the_cap_waits_until_people_are_awake() -> None:
    one = decider(quiet_hours=NIGHT, max_per_hour=0)
    assert taken(one, state(at_ns=TEN_PM - MINUTE_NS)) == ["cap"]
    assert one.next_due_ns() == TEN_PM + 9 * HOUR_NS


def test_after_an_outage_what_is_late_comes_in_one_digest() -> None:
    one = decider(cool_down_s=0.0)
    found = []
    for n in range(3):
        (decision,) = one.take(state(f"A-{n}", TEN), TEN + 5 * HOUR_NS, TEN + HOUR_NS)
        found.append(kind_of(decision))
    (fresh,) = one.take(state("A-9", TEN), TEN + 5 * HOUR_NS, TEN + 5 * HOUR_NS)
    assert [*found, kind_of(fresh)] == ["late", "late", "late", "new"]
    (digest,) = one.due(TEN + 5 * HOUR_NS + 5 * MINUTE_NS)
    assert len(digest.digest) == 3


def mute(*symbols: str, ended: str | None = None) -> Mute:
    return Mute("m-1", symbols, iso_time(TEN), iso_time(TEN + HOUR_NS), "split", "me", ended)


def test_a_mute_silences_its_symbols_until_its_end_and_counts() -> None:
    one = decider(cool_down_s=0.0)
    one.heard(mute("A"))
    assert taken(one, state("A-1"), state("B-1")) == ["muted", "new"]
    (held,) = one.take(state("A-1", flags=2), TEN + 1)
    assert isinstance(held, Withheld)
    assert held.record is not None
    assert (held.by, held.record.withheld) == ("m-1", {"muted m-1": 2})
    assert taken(one, state("A-2", TEN + HOUR_NS)) == ["new"]


def test_a_mute_that_was_ended_does_not_count_and_stays_ended() -> None:
    one = decider()
    one.heard(mute(ended=iso_time(TEN + 1)))
    one.heard(mute())
    assert taken(one, state("A-1", TEN + 1)) == ["new"]


def test_what_a_calendar_expects_is_withheld_by_its_name() -> None:
    event = Event(TEN, TEN + HOUR_NS, "A earnings", ("A",))
    one = decider(Expected([event]), cool_down_s=0.0)
    assert taken(one, state("A-1"), state("B-1"), state("A-2", TEN + HOUR_NS)) == [
        "expected",
        "new",
        "new",
    ]


def test_the_id_of_a_message_is_known_to_what_follows_even_if_it_came_late() -> None:
    one = decider()
    (first,) = one.take(state(priority=6.0), TEN)
    one.take(state(flags=2, priority=9.0), TEN)
    assert isinstance(first, Announcement)
    assert isinstance(first.record, Sent)
    assert first.record.told is not None
    told = msgspec.structs.replace(first.record.told, message_id="17")
    one.heard(msgspec.structs.replace(first.record, told=told))
    (last,) = one.take(state(flags=2, closed=True, priority=9.0), TEN)
    assert isinstance(last, Announcement)
    assert last.before is not None
    assert last.before.told is not None
    assert (last.kind, last.before.told.message_id) == ("ended", "17")


def test_what_is_two_days_old_is_forgotten_with_all_that_it_counted_for() -> None:
    one = decider()
    assert taken(one, state("A-1")) == ["new"]
    one.due(TEN + 49 * HOUR_NS)
    assert (one._sent, one._announced, one._cool_downs._times) == ({}, {}, {})


def test_a_state_without_a_readable_time_is_decided_at_the_clocks() -> None:
    one = decider(market_hours="regular")
    (found,) = one.take(state(last_ts_event="yesterday"), TEN)
    assert kind_of(found) == "new"


def test_what_is_announced_again_counts_in_the_cap() -> None:
    one = decider(max_per_hour=2, cool_down_s=0.0)
    states = [state("A-1"), state("A-1", flags=2, priority=11.0), state("A-2")]
    assert taken(one, *states) == ["new", "worse", "cap"]
    assert taken(one, state("A-1", flags=2, closed=True, priority=11.0)) == ["ended"]


def test_trades_that_came_late_cool_down_as_those_in_order() -> None:
    one = decider(cool_down_s=300.0)
    minutes = [20, 0, 10, 12, 22, 2, 30]
    states = [state(f"A-{n}", TEN + at * MINUTE_NS) for n, at in enumerate(minutes)]
    told = ["new", "new", "new", "cool-down", "cool-down", "cool-down", "new"]
    assert taken(one, *states, now_ns=TEN) == told
