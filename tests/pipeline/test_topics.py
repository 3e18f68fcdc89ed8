"""`tape topics` as a program, on a real broker whose own tools give the answers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from tape.kafka.local.broker import LocalKafka
from tests.apps import ROOT

pytestmark = pytest.mark.broker
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def names(topic_names: Callable[[str], str]) -> dict[str, str]:
    roles = ("input", "output", "rejected", "episodes", "alerts", "bars", "reviews", "group")
    return {name: topic_names(name) for name in roles}


@pytest.fixture
def topics(kafka: LocalKafka, names: dict[str, str]) -> Command:
    env = {
        **os.environ,
        "Quix__Broker__Address": kafka.address,
        "Quix__Consumer_Group": names["group"],
        "EPISODES_TOPIC": names["episodes"],
        "ALERTS_TOPIC": names["alerts"],
        "BARS_TOPIC": names["bars"],
        "REVIEWS_TOPIC": names["reviews"],
        "TAPE_FORMAT": "json",
        **{name: names[name] for name in ("input", "output", "rejected")},
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tape", "topics", *words]
        return subprocess.run(
            command, capture_output=True, text=True, env=env, cwd=ROOT, timeout=60
        )

    return run


def test_topics_are_created_once_and_are_right_then(
    kafka: LocalKafka, topics: Command, names: dict[str, str]
) -> None:
    first, again = topics("create"), topics("create")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    changelog = f"changelog__{names['group']}--{names['input']}--default"
    positions = f"{names['input']}-positions"
    four = (names[name] for name in ("input", "output", "rejected", "episodes"))
    own = (names[name] for name in ("alerts", "reviews", "bars"))
    wanted = [*four, positions, *own, changelog]
    assert sorted(json.loads(first.stdout)["created"]) == sorted(wanted)
    assert json.loads(again.stdout)["created"] == []
    there = AdminClient({"bootstrap.servers": kafka.address}).list_topics(timeout=10).topics
    assert [len(there[name].partitions) for name in wanted] == [4, 4, 1, 4, 1, 1, 1, 4, 4]
    assert topics("check").returncode == 0


def test_missing_topics_end_the_check_with_the_way_to_fix_it(
    topics: Command, names: dict[str, str]
) -> None:
    done = topics("check")
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert f"{names['input']}: the topic is missing" in done.stderr
    assert "`tape topics create`" in done.stderr


def test_a_topic_of_other_partitions_is_told_by_create_check_and_show(
    kafka: LocalKafka, topics: Command, names: dict[str, str]
) -> None:
    assert topics("create").returncode == 0
    admin = AdminClient({"bootstrap.servers": kafka.address})
    for name in ("output", "input"):
        more = admin.create_partitions([NewPartitions(names[name], 6)])
        more[names[name]].result(10)
    changelog = f"changelog__{names['group']}--{names['input']}--default"
    told = f"{changelog}: 4 partitions instead of 6, as {names['input']} has"
    for word in ("create", "check"):
        done = topics(word)
        assert (done.returncode, told in done.stderr) == (4, True), done.stderr
        assert "`tape state reset --all --yes`" in done.stderr
    shown = topics("show")
    assert shown.returncode == 0
    by_name = {topic["name"]: topic for topic in json.loads(shown.stdout)["topics"]}
    assert by_name[names["output"]]["partitions"] == 6
    assert by_name[names["output"]]["differences"] == []
    assert by_name[changelog]["differences"] == [told]
    assert by_name[names["input"]]["differences"] == []
