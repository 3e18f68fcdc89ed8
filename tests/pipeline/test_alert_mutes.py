"""Mutes, and what was withheld, on a real broker: written by commands, known to who decides."""

import json
from collections.abc import Callable

import pytest

from tape.alerting.decider import Decider
from tape.alerting.kept import Mute, Record
from tape.kafka.alerts_topic import alert_records, put_record
from tape.kafka.local.broker import LocalKafka
from tape.model.fields import NANOS
from tape.process.clock import WALL_CLOCK
from tests.alert_states import kind_of, state
from tests.commands import tape

pytestmark = pytest.mark.broker


def test_a_mute_is_known_counts_and_can_be_ended(
    kafka: LocalKafka, topic_names: Callable[[str], str]
) -> None:
    topic, client = topic_names("alerts"), {"bootstrap.servers": kafka.address}
    env = {"Quix__Broker__Address": kafka.address, "ALERTS_TOPIC": topic}

    none = tape("alert", "withheld", **env)
    assert (none.returncode, json.loads(none.stdout)["episodes"]) == (0, [])
    made = tape("alert", "mute", "NVDA", "--until", "2h", "--why", "a\x1b split", **env)
    mute_id = json.loads(made.stdout)["mute_id"]
    assert json.loads(made.stdout)["why"] == "a\\x1b split"

    records, unreadable = alert_records(client, topic)
    assert unreadable == 0
    assert [one.mute_id for one in records if isinstance(one, Mute)] == [mute_id]
    decider = Decider(channels=["slack"], records=records)
    for decision in take(decider, "NVDA-1", "AAPL-1"):
        put_record(client, topic, decision)

    (listed,) = json.loads(tape("alert", "mutes", **env).stdout)["mutes"]
    assert (listed["mute_id"], listed["withheld"], listed["on"]) == (mute_id, 1, True)
    held = json.loads(tape("alert", "withheld", "--reason", "muted", **env).stdout)
    assert held["states_withheld"] == {f"muted {mute_id}": 1}
    assert [(one["symbol"], one["reason"]) for one in held["episodes"]] == [("NVDA", "muted")]

    assert tape("alert", "unmute", mute_id[:-3], **env).returncode == 0
    assert json.loads(tape("alert", "mutes", **env).stdout)["mutes"] == []
    (ended,) = json.loads(tape("alert", "mutes", "--all", **env).stdout)["mutes"]
    assert (ended["on"], ended["withheld"]) == (False, 1)
    again = tape("alert", "unmute", mute_id, **env)
    assert again.returncode == 2
    assert "those that do: none" in again.stderr
    later = Decider(channels=["slack"], records=alert_records(client, topic)[0])
    (found,) = later.take(state("NVDA-2"), int(WALL_CLOCK.now_s() + 1) * NANOS)
    assert kind_of(found) == "new"


def take(decider: Decider, *names: str) -> list[Record]:
    """Return what is kept of the decisions on a state of each of these episodes."""
    now_ns = int(WALL_CLOCK.now_s()) * NANOS
    found = [one for name in names for one in decider.take(state(name), now_ns)]
    assert [kind_of(one) for one in found] == ["muted", "new"]
    return [one.record for one in found if one.record is not None]
