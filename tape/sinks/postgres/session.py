"""A connection that is made again when it was lost, and never waits for longer than agreed."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tape.errors import StoreError
from tape.process.clock import CLOCK, Clock
from tape.sinks.cut_after import cut_after
from tape.sinks.postgres.address import Address
from tape.sinks.postgres.refusals import (
    Meaning,
    away_error,
    first_line,
    has_answered,
    meaning_of,
    setup_error,
)
from tape.sinks.sink import SinkBusyError

log = logging.getLogger(__name__)

CONNECT_S: Final = 5
WAIT_S: Final = 120.0
"""Longest wait for a server that does not answer: containers start in any order."""

ANSWERED_S: Final = 25.0
"""The same for one that answers with an excuse."""

RETRY_S: Final = (0.5, 1.0, 2.0, 5.0)
"""Waits after the first, second … failure in a row."""

OLDEST: Final = 140_000
"""The oldest server, in the driver's form: 14, which has date_bin."""

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A schema of a database.

    Attributes:
        address: of the database.
        schema: that has our tables.
        timeout_s: longest that one transaction may take.
    """

    address: Address
    schema: str
    timeout_s: float = 15.0


class Session:
    """Gives a connection for one transaction at a time.

    A server that speaks PostgreSQL's protocol and is another one has a subclass of its own.

    Attributes:
        place: the schema that it works in.
        was_slow: whether the last failure was that a transaction took too long.
    """

    product: ClassVar[str] = "PostgreSQL"
    """As sentences call it."""

    def __init__(self, place: Place, *, clock: Clock = CLOCK) -> None:
        self.place = place
        self.was_slow = False
        self._clock = clock
        self._connection: Connection | None = None
        self._failures = 0

    def wait(self, *, wait_s: float = WAIT_S, answered_s: float = ANSWERED_S) -> None:
        """Return when there is a connection.

        Raises:
            StoreAwayError: there was none within `wait_s`; within `answered_s` of a server that
                answers, but not yet by its name.
            StoreError: the server refuses user, password, database or certificate.
        """
        start_s, said_s = self._clock.now_s(), 0.0
        while True:
            try:
                self._connect()
                return
            except psycopg.Error as error:
                self._refuse(error)
                why = first_line(error, self.place.address)
                limit_s = answered_s if has_answered(error) else wait_s
            waited_s = self._clock.now_s() - start_s
            if waited_s >= limit_s:
                raise away_error(self.place.address, why, self.product) from None
            if waited_s >= said_s:
                said_s = waited_s + 10
                facts = {"address": self.place.address.shown, "reason": why}
                log.warning("waiting for the store", extra=facts)
            self._clock.sleep(min(1.0, limit_s - waited_s))

    @contextmanager
    def work(self) -> Iterator[Connection]:
        """Give a connection; it is cut where a transaction does not end in time.

        Errors of a record come out as they are.

        Raises:
            SinkBusyError: the server is away, full, read-only or too slow just now.
            StoreError: the set-up is wrong.
        """
        cut = threading.Event()
        try:
            connection = self._connection
            if connection is None or connection.closed or connection.broken:
                connection = self._connect()
            with cut_after(connection.fileno(), self.place.timeout_s, cut):
                yield connection
        except psycopg.Error as error:
            meaning = self.meaning(error)
            if meaning is Meaning.RECORD:
                raise
            if meaning is Meaning.SETUP:
                raise self.setup_error(error) from None
            self._drop()
            self._failures += 1
            self.was_slow = cut.is_set() or isinstance(error, psycopg.errors.QueryCanceled)
            after_s = RETRY_S[min(self._failures, len(RETRY_S)) - 1]
            said = first_line(error, self.place.address)
            raise SinkBusyError(said, retry_after_s=after_s) from None
        self._failures = 0

    def close(self) -> None:
        """Let go of the connection."""
        self._drop()

    def meaning(self, error: psycopg.Error) -> Meaning:
        """Return what an error means."""
        return meaning_of(error)

    def setup_error(self, error: psycopg.Error) -> StoreError:
        """Return the sentence for what a person has to set right."""
        return setup_error(error, self.place.address)

    def _connect(self) -> Connection:
        self._drop()
        own = {
            "connect_timeout": str(CONNECT_S),
            "application_name": "tapewatch",
            "tcp_user_timeout": str(round(self.place.timeout_s * 1_000)),
            "keepalives_idle": "10",
            "keepalives_interval": "5",
            "keepalives_count": "3",
        }
        # Of a pooler each transaction may get another server process: nothing is prepared.
        made = psycopg.connect(
            make_conninfo(**own | dict(self.place.address.conninfo)),
            autocommit=True,
            prepare_threshold=None,
        )
        try:
            with cut_after(made.fileno(), self.place.timeout_s, threading.Event()):
                self._set_up(made)
        except BaseException:
            made.close()
            raise
        self._connection = made
        return made

    def _set_up(self, made: Connection) -> None:
        """See that a new connection is to a server that we can use, and say how we work there."""
        if made.info.server_version < OLDEST:
            raise StoreError(
                f"the database at {self.place.address.shown} is PostgreSQL "
                f"{made.info.server_version // 10_000}",
                f"use {OLDEST // 10_000} or newer",
            )
        name = sql.Identifier(self.place.schema)
        made.execute(sql.SQL("set search_path to {}, pg_catalog").format(name))
        made.execute("set timezone to 'UTC'")
        limit_ms = round(self.place.timeout_s * 900)
        for setting in ("statement_timeout", "lock_timeout"):
            made.execute(f"set {setting} to {limit_ms}".encode())

    def _refuse(self, error: psycopg.Error) -> None:
        if self.meaning(error) is Meaning.SETUP:
            raise self.setup_error(error) from None

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None
