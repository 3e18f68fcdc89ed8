"""Running an application to its end, and what is said when it ends."""

import logging

from quixstreams import Application
from quixstreams.exceptions import PartitionAssignmentError

from tape.errors import BrokerLostError, StateError
from tape.judge import Counts
from tape.settings import DetectorSettings, ProducerSettings
from tape.streaming.application import BatchApplication
from tape.streaming.failures import FATAL, refuse_if_forbidden, storage_fault
from tape.streaming.source import ArchiveSource
from tape.trade_fields import NANOS

log = logging.getLogger(__name__)


def _before_work(error: Exception, counts: Counts) -> bool:
    """Return whether a detector was only being given its first partitions when this happened."""
    return isinstance(error, PartitionAssignmentError) and not counts.trades


def run_detector(
    app: BatchApplication, settings: DetectorSettings, counts: Counts, *, batches: int = 0
) -> int:
    """Run the detector until SIGTERM, or until the input was idle for STOP_WHEN_IDLE_S.

    With `batches` it ends after so many as well.

    Raises `BrokerLostError` when a commit fails or the broker stays away: nothing of the open
    transaction is visible then, and a new start takes it up from the last commit. Raises
    `StateError` when the disk of the state fails or is full: what the topics say is right then
    too, and a new start rebuilds the state from them.
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
        if (fault := storage_fault(error)) is not None:
            raise StateError(
                f"the state directory {settings.state_dir} cannot be written ({fault}); free "
                "space or mend the disk and start the detector again, nothing is lost"
            ) from error
        if not isinstance(error, FATAL):
            raise
        if not (app.told_to_stop and _before_work(error, counts)):
            refuse_if_forbidden(error, settings.broker_address)
            raise BrokerLostError(
                f"the broker at {settings.broker_address} failed the detector ({error}); nothing "
                "of the last transaction was committed, start the detector again"
            ) from error
    log.info(
        "detector stopped",
        extra={
            "trades": counts.trades,
            "flagged": dict(counts.flagged),
            "rejected": dict(counts.rejected),
            "duplicate": counts.duplicate,
            "late": counts.late,
            "late_seconds_max": counts.late_max_ns / NANOS,
        },
    )
    return 0


def run_producer(app: Application, settings: ProducerSettings, source: ArchiveSource) -> int:
    """Run the producer until everything is sent, and return its exit code."""
    try:
        app.run()
    except FATAL as error:
        refuse_if_forbidden(error, settings.broker_address)
        raise BrokerLostError(
            f"the broker at {settings.broker_address} failed the producer ({error}); start it "
            "again, it goes on where the last acknowledged trade was"
        ) from error
    return int(source.exit_code.value)
