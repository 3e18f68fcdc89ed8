"""What the sink and the alerter share as applications: they read topics, at least once."""

import shutil
import weakref
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, Protocol, TypeVar

from quixstreams.kafka import ConnectionConfig

from tape.errors import BrokerLostError
from tape.kafka.clients import PARTITIONER, PROMPT
from tape.kafka.errors import is_any, refuse_if_forbidden
from tape.process.interrupts import was_interrupted
from tape.streaming.application import StoppableApplication
from tape.streaming.errors import FATAL, FENCED, own_error

A = TypeVar("A", bound=StoppableApplication)

POLL_TIMEOUT_S: Final = 0.1
SESSION_TIMEOUT_MS: Final = 10_000
MAX_POLL_MS: Final = 300_000
"""Longer than any write into a store takes: each of its transactions is bounded."""


class ReaderSettings(Protocol):
    """What is asked of the settings of such an app."""

    @property
    def broker_address(self) -> str:
        """Return the bootstrap servers."""

    @property
    def consumer_group(self) -> str:
        """Return the group whose instances share the partitions."""

    @property
    def instance(self) -> str:
        """Return the stable name of this instance."""

    def client_config(self) -> dict[str, Any]:
        """Return how a client reaches the broker."""


def reader_application(
    kind: type[A],
    settings: ReaderSettings,
    *,
    name: str,
    commit_interval_s: float,
    consumer: Mapping[str, Any] | None = None,
    producer: Mapping[str, Any] | None = None,
) -> A:
    """Return an application of this class, not yet running.

    The library wants a folder for state, which stays empty.

    Args:
        kind: its class.
        settings: of the app.
        name: of the app, for that folder.
        commit_interval_s: seconds between two commits.
        consumer: further settings of the client that reads.
        producer: further settings of the client that writes.
    """
    folder = mkdtemp(prefix=f"tapewatch-{name}-")
    app = kind(
        broker_address=ConnectionConfig.from_librdkafka_dict(settings.client_config()),
        consumer_group=settings.consumer_group,
        auto_offset_reset="earliest",
        commit_interval=commit_interval_s,
        state_dir=Path(folder),
        consumer_poll_timeout=POLL_TIMEOUT_S,
        loglevel=None,  # at INFO the library would log connection settings; we log our own
        consumer_extra_config={
            "group.instance.id": settings.instance,
            "isolation.level": "read_committed",
            "session.timeout.ms": SESSION_TIMEOUT_MS,
            "max.poll.interval.ms": MAX_POLL_MS,
            **PROMPT,
            **(consumer or {}),
        },
        producer_extra_config={"enable.idempotence": True, **PARTITIONER, **(producer or {})},
    )
    weakref.finalize(app, shutil.rmtree, folder, ignore_errors=True)
    return app


def raise_plainly(error: Exception, settings: ReaderSettings, *, name: str, again: str) -> None:
    """Raise what an error means to an operator; return if it is a programmer's.

    Args:
        error: what ended the app.
        settings: of the app.
        name: of the app, in the sentence.
        again: what happens when it is started again.
    """
    if was_interrupted(error):
        raise KeyboardInterrupt from error
    if (ours := own_error(error)) is not None:
        raise ours from error
    refuse_if_forbidden(error, settings.broker_address)
    if is_any(error, FENCED):
        raise BrokerLostError(
            f"the broker took the work of {settings.instance} away: another {name} of the group "
            f"{settings.consumer_group} has the same INSTANCE, or this one was away for too long",
            "give each its own INSTANCE, and start it again",
        ) from error
    if isinstance(error, FATAL):
        raise BrokerLostError(
            f"the broker at {settings.broker_address} failed the {name} ({error})",
            f"start it again, {again}",
        ) from error
