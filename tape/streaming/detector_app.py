"""The detector as a Quix Streams application: exactly once, in batches."""

from functools import partial
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryFile
from typing import Any

from confluent_kafka import KafkaError
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.models.topics.exceptions import TopicConfigurationMismatch
from quixstreams.state.rocksdb import RocksDBOptions

from tape.errors import StateError
from tape.kafka.clients import PARTITIONER, PROMPT
from tape.kafka.errors import is_any
from tape.kafka.kept_states import kept_states, make_room
from tape.kafka.probe import BrokerProbe
from tape.kafka.specs import state_batch_bytes
from tape.kafka.topics import changelog_name, partition_counts
from tape.process.own_folder import make_private
from tape.settings.detector import DetectorSettings
from tape.streaming.application import StoppableApplication, connection
from tape.streaming.consumer import BatchConsumer
from tape.streaming.detector import JudgeBatches
from tape.streaming.local_state import forget_old_copies, own_folder

TRANSACTION_TIMEOUT_MS = 30_000
"""Longest that a killed detector blocks readers; above the commit interval and slowest flush."""


SESSION_TIMEOUT_MS = 10_000


FREE_MIN_BYTES = 16 * 2**20
"""Room that the state of a few partitions needs before it is worth starting."""


ROCKSDB = RocksDBOptions(
    write_buffer_size=4 * 2**20, max_write_buffer_number=2, block_cache_size=16 * 2**20
)
"""A partition's unflushed state; the default of 64 MB each grew for twenty minutes to 120 MB."""


POLL_TIMEOUT_MAX_S = 0.1
"""Longest wait for a batch to fill; an upper bound on what batching adds to the delay."""
POLLS_A_COMMIT = 5
"""Whether a commit is due is asked between batches: five of them in an interval keep it to a
fifth more. A prototype at COMMIT_INTERVAL_S=0.1 and 10,000 trades/s had a p99 of 177 ms in place
of 314, for 0.111 cores in place of 0.093; docs/operations.md has what this code has."""


class BatchApplication(StoppableApplication):
    """The same with a consumer that hands out batches."""

    def about_to_fail(self, error: BaseException) -> None:
        """Learn why a transaction failed, of which a write says only that it has."""
        if is_any(error, frozenset({KafkaError._STATE})):
            error.__cause__ = self.why_it_failed() or error.__cause__

    def make_consumer(self, **settings: Any) -> BatchConsumer:
        """Return the consumer; a partition without a commit begins at its beginning."""
        return BatchConsumer(**{**settings, "auto_offset_reset": "error"})

    @property
    def consumer(self) -> BatchConsumer:
        """Return the consumer that the dataframes read from."""
        consumer: BatchConsumer = self.internal_consumer
        return consumer


def ensure_writable(folder: Path) -> None:
    """Raise `StateError` if a folder, which is made if missing, has no room for the state."""
    try:
        make_private(folder)
        with TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
    except OSError as error:
        raise StateError(
            f"the state directory {folder} cannot be written ({error.strerror})",
            "correct its rights, free space, or set Quix__Deployment__State__Path",
        ) from None
    free_bytes = disk_usage(folder).free
    if free_bytes < FREE_MIN_BYTES:
        # Later the library would take RocksDB's complaint for a lock and try again for minutes.
        raise StateError(
            f"the disk of the state directory {folder} has {free_bytes / 2**20:.1f} MB of free "
            f"space, {FREE_MIN_BYTES // 2**20} MB are needed",
            "free space, or set Quix__Deployment__State__Path",
        )


def poll_timeout_s(commit_interval_s: float) -> float:
    """Return the longest wait for a batch to fill.

    >>> poll_timeout_s(1.0), poll_timeout_s(0.1)
    (0.1, 0.02)
    """
    return min(POLL_TIMEOUT_MAX_S, commit_interval_s / POLLS_A_COMMIT)


def detector_application(settings: DetectorSettings) -> BatchApplication:
    """Return the exactly-once application of the detector, not yet running."""
    state_dir = own_folder(settings)
    ensure_writable(state_dir)
    forget_old_copies(settings)
    app = BatchApplication(
        broker_address=connection(settings),
        consumer_group=settings.consumer_group,
        auto_offset_reset="earliest",
        commit_interval=settings.commit_interval_s,
        processing_guarantee="exactly-once",
        state_dir=state_dir,
        rocksdb_options=ROCKSDB,
        consumer_poll_timeout=poll_timeout_s(settings.commit_interval_s),
        loglevel=None,  # at INFO the library would log connection settings; we log our own
        auto_recover_from_source_offset_out_of_range=False,
        consumer_extra_config={
            # A static member: after a kill its next start gets its partitions back at once; by
            # a new name it would wait until the session of the dead one has timed out.
            "group.instance.id": settings.instance,
            "isolation.level": "read_committed",  # the producer's transactions: each row once
            "session.timeout.ms": SESSION_TIMEOUT_MS,
            "queued.min.messages": 200_000,
            "queued.max.messages.kbytes": 16_384,  # a partition; bounds the memory of a backlog
            "fetch.message.max.bytes": 4 * 1024 * 1024,
            **PROMPT,
            # How long a topic may be unknown before the client says so; by itself it waits 30 s.
            "topic.metadata.propagation.max.ms": 10_000,
        },
        producer_extra_config={
            # A stable id per instance: its next start ends what a killed one left open.
            "transactional.id": f"{settings.consumer_group}-{settings.instance}",
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "linger.ms": 20,
            "compression.type": "zstd",
            "message.max.bytes": state_batch_bytes(settings.state_bytes_max),
            **PARTITIONER,
        },
    )
    app.consumer.batch_size = settings.batch_size
    return app


def refuse_state_without_commit(settings: DetectorSettings, partitions: list[int]) -> None:
    """Raise `StateError` if there is state of partitions that the group has no commit of.

    They are written together, so the commit was deleted: with the topic, or because the group was
    away for longer than the broker keeps its offsets.
    """
    changelog = changelog_name(settings.consumer_group, settings.input)
    kept = kept_states(settings.client_config(), changelog, partitions=partitions)
    if kept:
        raise StateError(
            f"the group {settings.consumer_group} has state of "
            f"{settings.input}[{kept[0].partition}], but its commit is gone: the topic was made "
            "again, or the group was away for longer than the broker keeps commits",
            "`tape state reset --all --yes` starts over with what is on the topic; a new `output` "
            "and EPISODES_TOPIC keep what is judged again apart",
        )


def grown_topic(settings: DetectorSettings) -> tuple[str, str]:
    """Say that `input` has other partitions than the kept state, why that matters, what to do."""
    names = settings.input, changelog_name(settings.consumer_group, settings.input)
    stocks, changelog = partition_counts(settings.client_config(), names)
    if stocks < changelog:
        return (
            f"the topic {settings.input} was made again with {stocks} partitions, the state of the "
            f"group {settings.consumer_group} was kept for {changelog}: symbols have moved to "
            "other partitions, away from their state",
            "take a new Quix__Consumer_Group, and a new `output` and EPISODES_TOPIC for what is "
            "judged again",
        )
    return (
        f"the topic {settings.input} has {stocks} partitions, the state of the group "
        f"{settings.consumer_group} was kept for {changelog}: with another number symbols move to "
        "other partitions, away from their state",
        "`tape state reset --all --yes` lets the detector continue where it was with fresh state; "
        "a new `input`, `output`, EPISODES_TOPIC and Quix__Consumer_Group, to which the files are "
        "sent again, judges everything in order",
    )


def judging(
    app: BatchApplication, settings: DetectorSettings, sdf: StreamingDataFrame
) -> JudgeBatches:
    """Return the function for `sdf.update` that judges batches, with its state in each commit.

    It writes to the settings' `output`, `episodes` and `rejected`.
    """
    make_room(settings)
    try:
        judge = JudgeBatches(settings, sdf)
    except TopicConfigurationMismatch:
        raise StateError(*grown_topic(settings)) from None
    app.consumer.on_partitions_gone = judge.forget
    app.consumer.on_no_commit = partial(refuse_state_without_commit, settings)
    app.consumer.on_begin = judge.breakers.begin
    app.consumer.on_poll = judge.polled
    app.consumer.on_lag = judge.metrics.told_lag
    if settings.metrics_port:
        judge.metrics.answers = BrokerProbe(settings.client_config())
        judge.metrics.serve(settings.metrics_host, settings.metrics_port)
    return judge
