"""Laws that hold whatever comes: nothing twice, nothing lost, and restarts change nothing."""

from collections import Counter
from datetime import time
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tape.alerting.decider import Decider
from tape.alerting.decision import Announcement, Decision, step_of
from tape.alerting.expected import Event, Expected
from tape.alerting.hours import QuietHours
from tape.alerting.kept import Mute, Record, decode_record, encode_record
from tape.alerting.rules import AlertRule
from tape.model.episode import Episode
from tape.model.fields import iso_time
from tape.model.rejected import Rejected
from tests.alert_states import HOUR_NS, MINUTE_NS, TEN, state

CHANNELS = ["slack", "mail"]
RULES = (
    AlertRule("large", min_priority=9.0, cool_down_s=0.0, max_per_hour=3, escalate=1.0),
    AlertRule(
        "usual",
        channels=frozenset(["slack"]),
        cool_down_s=300.0,
        max_per_hour=2,
        quiet_hours=QuietHours(time(12), time(13), ZoneInfo("America/New_York")),
    ),
    AlertRule("marked", min_priority=0.0, marks=frozenset(["spike"]), follow_up=False),
)
EXPECTED = Expected([Event(TEN, TEN + 20 * MINUTE_NS, "rebalance", ("B",))])
MUTE = Mute("m-1", ("C",), iso_time(TEN), iso_time(TEN + HOUR_NS), "why")

Step = tuple[Episode, int]
"""A state, and when it came."""

moments = st.tuples(
    st.sampled_from("AAABC"),
    st.integers(1, 9),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from([None, 5.0, 6.5, 8.0, 8.9, 9.5, 11.0]),
    st.sampled_from([0, 1, 3, 30]),
    st.sampled_from([0, 0, 7, 40]),
)


def steps_of(drawn: list[tuple[str, int, int, bool, float | None, int, int]]) -> list[Step]:
    """Return states as the clock went on, some of them again or older than what came before."""
    found, now_ns = [], TEN
    for symbol, nth, flags, closed, priority, minutes, age in drawn:
        now_ns += minutes * MINUTE_NS
        one = state(
            f"{symbol}-{nth}",
            now_ns - nth - age * MINUTE_NS,
            flags=flags,
            closed=closed,
            priority=priority,
            mark="spike" if closed and nth == 1 else None,
        )
        found.append((one, now_ns))
    return found


steps = st.lists(moments, min_size=6, max_size=40).map(steps_of)


def new(*records: Record) -> Decider:
    return Decider(RULES, CHANNELS, EXPECTED, [MUTE, *records])


def run(decider: Decider, states: list[Step]) -> list[Decision]:
    return [one for episode, now_ns in states for one in decider.take(episode, now_ns)]


def written(found: list[Decision]) -> list[Record]:
    """Return what a topic would have, read from its bytes."""
    records = []
    for one in found:
        if one.record is not None:
            record = decode_record(encode_record(one.record))
            assert not isinstance(record, Rejected)
            records.append(record)
    return records


@given(steps)
def test_every_state_is_announced_or_withheld_once_on_each_channel(states: list[Step]) -> None:
    decider = new()
    found = run(decider, states)
    assert Counter(one.channel for one in found) == Counter(
        {channel: len(states) for channel in CHANNELS if states}
    )
    assert decider.counts.total() == len(found)


@given(steps)
def test_a_channel_is_never_told_twice_of_one_state(states: list[Step]) -> None:
    found = run(new(), [*states, *states])
    told = Counter(
        (one.episode.episode_id, step_of(one.episode), one.channel)
        for one in found
        if isinstance(one, Announcement) and one.episode is not None
    )
    assert not [name for name, count in told.items() if count > 1]
    assert len({one.once for one in found if isinstance(one, Announcement)}) == told.total()


@given(steps, st.integers(0, 40), st.randoms(use_true_random=False))
def test_who_takes_up_the_records_decides_as_if_nothing_had_happened(
    states: list[Step], cut: int, dice: object
) -> None:
    whole = new()
    first, last = run(whole, states[:cut]), run(whole, states[cut:])
    newest = {
        (one.episode_id, one.channel): one  # type: ignore[union-attr]
        for one in written(first)
    }
    kept = list(newest.values())
    dice.shuffle(kept)  # type: ignore[attr-defined]
    again = new(*kept)
    assert run(again, states[cut:]) == last
    end_ns = TEN + 100 * HOUR_NS
    assert [one.digest for one in again.due(end_ns)] == [one.digest for one in whole.due(end_ns)]


@given(steps, st.integers(0, 40))
def test_all_records_heard_again_in_their_order_change_nothing(
    states: list[Step], cut: int
) -> None:
    plain, other = new(), new()
    for record in written(run(other, states[:cut])):
        other.heard(record)
    run(plain, states[:cut])
    assert run(other, states[cut:]) == run(plain, states[cut:])


@given(steps, st.sets(st.integers(0, 40)))
def test_how_often_digests_are_asked_for_changes_no_decision_and_loses_none(
    states: list[Step], asked: set[int]
) -> None:
    often, never = new(), new()
    decided, listed = [], []
    for nth, (episode, now_ns) in enumerate(states):
        if nth in asked:
            listed += often.due(now_ns)
        decided += often.take(episode, now_ns)
    assert [_plain(one) for one in decided] == [_plain(one) for one in run(never, states)]
    end_ns = TEN + 100 * HOUR_NS
    in_some = {
        (d.channel, one.episode_id) for d in [*listed, *often.due(end_ns)] for one in d.digest
    }
    in_one = {(d.channel, one.episode_id) for d in never.due(end_ns) for one in d.digest}
    assert in_one <= in_some
    assert often.due(end_ns) == []
    assert often.next_due_ns() is None


def _plain(one: Decision) -> tuple[object, ...]:
    """Return a decision without the digest that its record waits for."""
    return type(one), one.channel, getattr(one, "kind", None), getattr(one, "reason", None)


@given(steps)
@settings(max_examples=50)
def test_no_more_than_the_cap_are_announced_in_an_hour(states: list[Step]) -> None:
    told = Counter(
        (one.rule, one.channel, now_ns // HOUR_NS)
        for decider in [new()]
        for episode, now_ns in states
        for one in decider.take(episode, now_ns)
        if isinstance(one, Announcement) and one.kind in ("new", "worse")
    )
    most = {"large": 3, "usual": 2, "marked": 20}
    assert all(count <= most[rule] for (rule, _, _), count in told.items())


@given(steps, st.integers(0, 40))
def test_what_was_dropped_is_decided_as_if_it_had_not_been_taken(
    states: list[Step], cut: int
) -> None:
    plain, other = new(), new()
    run(plain, states[:cut])
    run(other, states[:cut])
    now_ns = states[-1][1] + 30 * HOUR_NS
    dropped = [*other.due(now_ns), *run(other, states[cut:])]
    announced = [one for one in dropped if isinstance(one, Announcement)]
    if len(announced) < len(dropped):
        return  # what is withheld is final
    for one in reversed(announced):
        other.dropped(one)
    assert run(other, states[cut:]) == run(plain, states[cut:])
    assert [one.digest for one in other.due(now_ns)] == [one.digest for one in plain.due(now_ns)]
