"""Running an application to its end, and what is said when it ends."""

import logging
from contextlib import closing
from typing import Final

from quixstreams.exceptions import PartitionAssignmentError

from tape.errors import (
    BrokerError,
    BrokerLostError,
    IdExpiredError,
    SettingsError,
    StateError,
)
from tape.kafka.errors import LARGE, causes, is_any, refuse_if_forbidden
from tape.kafka.group import GroupWatcher
from tape.kafka.topics import (
    changelog_name,
    partition_counts,
    pipeline_topics,
    too_small_topics,
)
from tape.model.counts import Counts
from tape.model.fields import NANOS
from tape.process.clock import CLOCK, Clock
from tape.process.interrupts import was_interrupted
from tape.settings.detector import DetectorSettings
from tape.streaming.detector_app import BatchApplication
from tape.streaming.errors import EXPIRED, FATAL, FENCED, own_error, storage_fault

log = logging.getLogger(__name__)

JOINED_S: Final = 2.0
"""A detector takes its transactional id a moment before it joins its group."""


def _before_work(error: Exception, counts: Counts) -> bool:
    """Return whether a detector was only being given its first partitions when this happened."""
    return isinstance(error, PartitionAssignmentError) and not counts.trades


def _raise_plainly(error: Exception, settings: DetectorSettings, member_id: str) -> None:
    """Raise what an error means to an operator; return if it is a programmer's."""
    if was_interrupted(error):
        raise KeyboardInterrupt from error
    if (ours := own_error(error)) is not None:
        raise ours from error
    if (fault := storage_fault(error)) is not None:
        raise StateError(
            f"the state directory {settings.state_dir} cannot be written ({fault})",
            "free space or fix the disk and start the detector again, nothing is lost",
        ) from error
    refuse_if_forbidden(error, settings.broker_address)
    if is_any(error, EXPIRED):
        raise IdExpiredError(
            f"the broker has forgotten the transactional id of {settings.instance}, which was not "
            "used for a long time",
            "start the detector again, nothing is lost",
        ) from error
    if is_any(error, FENCED):
        refuse_if_doubled(settings, member_id)
        raise BrokerLostError(
            f"the detector {settings.instance} was away for so long that the broker took its work "
            "away",
            "start it again; nothing of the last transaction was committed",
        ) from error
    if is_any(error, frozenset({LARGE})):
        specs = pipeline_topics(
            *settings.topics(),
            settings.consumer_group,
            state_bytes=settings.state_bytes_max,
            bars=settings.bars_to,
        )
        written = [spec for spec in specs if spec.name != settings.input]
        raise too_small_topics(settings.client_config(), written) from error
    if any(isinstance(one, FATAL) for one in causes(error)):
        if missing := _missing_topics(settings):
            raise BrokerLostError(
                f"on the broker {missing} has been deleted",
                "start the detector again, it makes what is missing",
            ) from error
        raise BrokerLostError(
            f"the broker at {settings.broker_address} failed the detector ({error})",
            "start the detector again; nothing of the last transaction was committed",
        ) from error


def refuse_if_doubled(settings: DetectorSettings, member_id: str, *, clock: Clock = CLOCK) -> None:
    """Raise `SettingsError` if another process of the group has our INSTANCE now.

    `member_id` is what the group last called us: a process that has just ended is listed until
    its session is over. Without one we were never in the group, and whoever is there is another.
    """
    client, group = settings.client_config(), settings.consumer_group
    until_s, doubled = clock.now_s() + JOINED_S, False
    with closing(GroupWatcher(client, group, settings.input)) as watcher:
        while not doubled and clock.now_s() < until_s:
            doubled = any(
                member.instance == settings.instance and member.member_id != member_id
                for member in watcher.members()
            )
            if not doubled:
                clock.sleep(0.2)
    if doubled:
        raise SettingsError(
            f"another detector of the group {group} was started with the same "
            f"INSTANCE={settings.instance}, and this one had to end",
            "give each its own INSTANCE",
        )


def _missing_topics(settings: DetectorSettings) -> str:
    """Return the topics that are not there, by name; none if the broker cannot be asked."""
    names = [*settings.topics(), changelog_name(settings.consumer_group, settings.input)]
    names += [settings.bars_to] if settings.bars_to else []
    try:
        counts = partition_counts(settings.client_config(), names)
    except BrokerError:
        return ""
    return ", ".join(name for name, count in zip(names, counts, strict=True) if not count)


def run_detector(
    app: BatchApplication, settings: DetectorSettings, counts: Counts, *, batches: int = 0
) -> int:
    """Run the detector until SIGTERM, or until the input was idle for STOP_WHEN_IDLE_S.

    Args:
        app: the application, with its topics wired.
        settings: those of the environment.
        counts: what it counts; its last log line says them.
        batches: ends after this many too; 0 for no end.

    Returns:
        0, the exit code of an orderly end.

    Raises:
        BrokerLostError: a commit failed or the broker stayed away. Nothing of the open
            transaction is visible, and a new start takes it up from the last commit.
        StateError: the disk of the state failed or is full. What the topics say is right, and a
            new start rebuilds the state from them.
    """
    log.info(
        "detector started",
        extra={
            "input": settings.input,
            "output": settings.output,
            "group": app.config.consumer_group,
        },
    )
    try:
        app.run(timeout=settings.stop_when_idle_s, count=batches, collect=False)
    except Exception as error:
        if not (app.told_to_stop and _before_work(error, counts)):
            _raise_plainly(error, settings, app.consumer.member_id)
            raise
    log.info(
        "detector stopped",
        extra={
            "records": counts.records,
            "trades": counts.trades,
            "flagged": dict(counts.flagged),
            "suppressed": counts.suppressed,
            "rejected": dict(counts.rejected),
            "duplicate": counts.duplicate,
            "late": counts.late,
            "late_seconds_max": counts.late_max_ns / NANOS,
            "symbols_forgotten": counts.symbols_forgotten,
        },
    )
    return 0
