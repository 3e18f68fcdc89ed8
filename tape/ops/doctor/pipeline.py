"""The detector's group over some seconds: lag, trend, duplicate instances, open transactions."""

from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from tape.errors import BrokerError
from tape.kafka.group import GroupWatcher, Look, Member, open_transactions
from tape.ops.doctor.finding import Finding, first_cause
from tape.process.clock import CLOCK
from tape.settings.detector import DetectorSettings

EVERY_S: Final = 0.5
"""How often the group's members are looked at between the first look and the last."""

BEHIND_MAX_S: Final = 10.0
"""Work that a detector at work may have before it; more, and growing, is worth a warning."""

TAKING_TURNS: Final = 3
"""This many processes by one name in a few seconds are no restart: they end each other."""


@dataclass(slots=True)
class Watch:
    """What was seen of the group, and of open transactions, from a first look to a last.

    `open_…` are those on the output topic, `open_input_…` those of the producer, by partition:
    the offset from which on readers wait.

    `seen` holds every process that was a member at some moment, by its stable name.
    """

    first: Look
    last: Look
    open_first: dict[int, int]
    open_last: dict[int, int]
    seen: dict[str, dict[str, Member]] = field(default_factory=lambda: defaultdict(dict))
    open_input_first: dict[int, int] = field(default_factory=dict)
    open_input_last: dict[int, int] = field(default_factory=dict)

    @property
    def lasted_s(self) -> float:
        """Return the time between the two looks."""
        return self.last.at_s - self.first.at_s


def watch_group(settings: DetectorSettings, look_s: float) -> Watch:
    """Look at the group for this many seconds, at least one commit; raises `BrokerError`."""
    client = settings.client_config()
    with closing(GroupWatcher(client, settings.consumer_group, settings.input)) as group:
        return _watched(group, settings, look_s)


def _watched(group: GroupWatcher, settings: DetectorSettings, look_s: float) -> Watch:
    client = settings.client_config()
    first = group.look()
    watch = Watch(first, first, open_transactions(client, settings.output), {})
    watch.open_input_first = open_transactions(client, settings.input)
    until_s = first.at_s + max(look_s, 1.5 * settings.commit_interval_s)
    members = first.members
    while True:
        for member in members:
            if member.instance:
                watch.seen[member.instance][member.member_id] = member
        if CLOCK.now_s() >= until_s:
            break
        CLOCK.sleep(EVERY_S)
        members = group.members()
    watch.open_last = open_transactions(client, settings.output)
    watch.open_input_last = open_transactions(client, settings.input)
    watch.last = group.look()
    return watch


def check_group(settings: DetectorSettings, look_s: float) -> list[Finding]:
    """Return findings on lag, instances and transactions."""
    try:
        watch = watch_group(settings, look_s)
    except BrokerError as error:
        rest = [Finding(name, "not checked", "the group cannot be looked at") for name in CHECKS]
        return [first_cause(CHECKS[0], error), *rest[1:]]
    return [
        judge_lag(settings.consumer_group, watch),
        judge_instances(watch),
        judge_transactions(settings.output, watch, settings.input),
    ]


CHECKS: Final = ("lag", "instances", "transactions")


def judge_lag(group: str, watch: Watch) -> Finding:
    """Say how many trades wait, and whether they become fewer."""
    first, last, lasted_s = watch.first, watch.last, watch.lasted_s
    if last.deleted_unread:
        return Finding(
            "lag",
            "problem",
            f"{last.deleted_unread:,} trades were deleted before {group} had read them",
            "read docs/operations.md on retention; continue with a new Quix__Consumer_Group",
        )
    waiting = f"{last.lag:,} trades wait"
    if not last.members:
        if not last.lag:
            return Finding("lag", "ok", f"no lag; no detector of {group} is running")
        fix = "start one (`python anomaly_detector/main.py`), or see in its log why it ended"
        return Finding("lag", "problem", f"{waiting} and no detector of {group} is running", fix)
    taken = (last.taken - first.taken) / lasted_s
    written = (last.written - first.written) / lasted_s
    if not last.lag:
        return Finding("lag", "ok", f"no lag ({written:,.0f} trades/s in and out)")
    if not taken:
        why = (
            "the group is assigning its partitions; look again in half a minute"
            if last.moving or first.moving
            else "see the detector's log: it may hang, recover its state, or fail to commit"
        )
        text = f"{waiting}, and none was committed within {lasted_s:.0f} s"
        return Finding("lag", "warning" if last.moving else "problem", text, why)
    trend = f"{waiting}; {taken:,.0f} trades/s judged, {written:,.0f}/s written"
    if last.lag > first.lag and last.lag > BEHIND_MAX_S * taken:
        fix = "start another detector with its own INSTANCE, unless the lag shrinks by itself"
        return Finding("lag", "warning", f"the lag is growing: {trend}", fix)
    if taken > written:
        trend += f", caught up in about {last.lag / (taken - written):,.0f} s"
    return Finding("lag", "ok", trend)


def judge_instances(watch: Watch) -> Finding:
    """Say which processes work, and whether two of them have one name.

    The broker keeps one member per name: a second process by that name replaces the first, ends
    its transaction, and is replaced again when a supervisor restarts the first.
    """
    shared = {name: list(found.values()) for name, found in watch.seen.items() if len(found) > 1}
    if shared:
        faults = [
            f"{len(found)} processes were INSTANCE {name} within {watch.lasted_s:.0f} s "
            f"(from {', '.join(sorted({member.host for member in found}))})"
            for name, found in sorted(shared.items())
        ]
        often = any(len(found) >= TAKING_TURNS for found in shared.values())
        return Finding(
            "instances",
            "problem" if often else "warning",
            "; ".join(faults),
            "give each detector its own INSTANCE: two of one name end each other's transactions"
            + ("" if often else "; if it was just restarted, look again"),
        )
    members = watch.last.members
    if not members:
        return Finding("instances", "ok", "none is running")
    named = ", ".join(
        f"{m.instance or '(no name)'} ({m.host}, partitions: {m.partitions})" for m in members
    )
    return Finding("instances", "ok", f"no duplicate names: {named}")


def judge_transactions(topic: str, watch: Watch, input_topic: str = "stocks") -> Finding:
    """Say whether readers of the output, or of the input, wait for one that nobody ends."""
    for name, app, first, last in (
        (topic, "detector", watch.open_first, watch.open_last),
        (input_topic, "producer", watch.open_input_first, watch.open_input_last),
    ):
        if any(first.get(number) == offset for number, offset in last.items()):
            return Finding(
                "transactions",
                "warning",
                f"a transaction has been open on {name} for over {watch.lasted_s:.0f} s: its "
                "readers see nothing newer",
                f"start the {app} that left it, with the same INSTANCE; otherwise it ends "
                "by itself after 30 s",
            )
    return Finding("transactions", "ok", f"none stays open on {input_topic} and {topic}")
