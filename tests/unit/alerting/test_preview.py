"""What past days would have brought: states by hand, in New York on 2025-05-05."""

from datetime import time
from zoneinfo import ZoneInfo

from tape.alerting.expected import Event, Expected
from tape.alerting.hours import QuietHours
from tape.alerting.preview import Preview, State, busiest, by_day, least_priority
from tape.alerting.rules import AlertRule
from tape.model.episode import Episode
from tape.model.fields import time_ns
from tests.alert_states import HOUR_NS, MINUTE_NS, TEN, state

RULES = (AlertRule("large", min_priority=9.0), AlertRule("usual", max_per_hour=2, cool_down_s=60.0))
EXPECTED = Expected([Event(TEN, TEN + HOUR_NS, "E earnings", ("E",))])


def at(one: Episode) -> int:
    return time_ns(one.last_ts_event, "last_ts_event")


STATES = [
    state("A-1", TEN, priority=7.0),
    state("A-1", TEN + MINUTE_NS, flags=2, priority=9.5),
    state("A-1", TEN + MINUTE_NS, flags=2, closed=True, priority=9.5, mark="spike"),
    state("A-2", TEN + 2, priority=8.0),
    state("B-1", TEN + 2 * MINUTE_NS, priority=9.2),
    state("C-1", TEN + 3 * MINUTE_NS, priority=6.2),
    state("D-1", TEN + 4 * MINUTE_NS, priority=3.0),
    state("E-1", TEN + 5 * MINUTE_NS, priority=8.0),
    state("F-1", TEN + 24 * HOUR_NS, priority=6.5),
]


def previewed(*channels: str) -> Preview:
    preview = Preview(RULES, channels, EXPECTED)
    for one in STATES:
        preview.take(one, at(one))
    preview.end()
    return preview


def test_each_alert_is_listed_once_with_its_rule_and_channels() -> None:
    found = previewed("slack", "mail").lines
    assert [(one.kind, one.symbol, one.rule, one.channels) for one in found] == [
        ("new", "A", "usual", ("slack", "mail")),
        ("worse", "A", "usual", ("slack", "mail")),
        ("ended", "A", "usual", ("slack", "mail")),
        ("new", "B", "large", ("slack", "mail")),
        ("digest", "C", "", ("slack",)),
        ("digest", "C", "", ("mail",)),
        ("new", "F", "usual", ("slack", "mail")),
    ]


def test_an_alert_says_why_and_an_end_what_became_of_it() -> None:
    preview = Preview((AlertRule("r"),), ["any"], Expected())
    for closed in (False, True):
        preview.take(state(closed=closed, reason="a large trade", text="and back"), TEN)
    assert [one.text for one in preview.lines] == ["a large trade", "and back"]


def test_a_digest_has_the_time_at_which_it_was_due() -> None:
    digest = next(one for one in previewed("slack").lines if one.kind == "digest")
    assert (digest.at[:16], digest.because) == (
        "2025-05-05T15:00",
        "1 episode withheld: cap 1",
    )


def test_what_nobody_was_told_of_is_listed_with_the_reason() -> None:
    preview = previewed("slack")
    assert [(one.episode_id, one.because) for one in preview.withheld()] == [
        ("A-2", "cool-down"),
        ("C-1", "cap"),
        ("D-1", "priority"),
        ("E-1", "expected: E earnings"),
    ]
    assert preview.announced() + len(preview.withheld()) == preview.episodes == 7


def test_days_without_an_alert_count() -> None:
    days = by_day(previewed("slack").lines, ["2025-05-05", "2025-05-06", "2025-05-07"])
    assert {day: counts["new"] for day, counts in days.items()} == {
        "2025-05-05": 2,
        "2025-05-06": 1,
        "2025-05-07": 0,
    }


def test_the_least_priority_for_a_number_of_alerts_is_found() -> None:
    states: list[State] = [
        (TEN + n * HOUR_NS, state(f"S{n}-1", TEN + n * HOUR_NS, priority=n / 2)) for n in range(20)
    ]
    rules = (AlertRule("r"),)
    found = [least_priority(states, rules, "r", ["any"], Expected(), most) for most in (3, 0, 99)]
    assert found == [(8.1, 3), (9.6, 0), (0.0, 20)]


def test_the_rule_to_change_is_the_one_that_announced_most() -> None:
    assert busiest(previewed("slack").lines, RULES).name == "usual"
    assert busiest([], RULES).name == "large"


def test_a_digest_of_a_night_comes_after_the_last_state() -> None:
    night = QuietHours(time(9), time(18), ZoneInfo("America/New_York"))
    preview = Preview((AlertRule("r", quiet_hours=night),), ["any"], Expected())
    preview.take(state("A-1", TEN), TEN)
    assert preview.lines == []
    preview.end()
    assert [(one.kind, one.at[:16]) for one in preview.lines] == [("digest", "2025-05-05T22:00")]
