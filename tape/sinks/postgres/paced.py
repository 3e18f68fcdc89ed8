"""Rows written a transaction at a time: fewer of them to a slow server, bad ones found alone."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import psycopg

from tape.sinks.postgres.session import Session
from tape.sinks.sink import Item, Poison, SinkBusyError

ROWS_MAX: Final = 5_000
"""Rows of one transaction; halved while the server is too slow for them."""

R = TypeVar("R")
Put = Callable[[Sequence[tuple[Item, R]]], None]
"""Writes rows in one transaction; all of them or none."""


class PacedWriter:
    """Says how many rows a transaction should have, and finds the one that is refused.

    Attributes:
        rows_max: most rows for the next transaction.
    """

    def __init__(
        self,
        session: Session,
        reason_of: Callable[[psycopg.Error], str],
        rows_max: int = ROWS_MAX,
    ) -> None:
        self.rows_max = rows_max
        self._most = rows_max
        self._session = session
        self._reason_of = reason_of

    def write(self, rows: Sequence[tuple[Item, R]], put: Put[R]) -> list[Poison]:
        """Write rows in one transaction, of which there are fewer next time if it is too slow."""
        try:
            poison = self._settled(rows, put)
        except SinkBusyError:
            if self._session.was_slow:
                self.rows_max = max(1, min(self.rows_max, len(rows)) // 2)
            raise
        self.rows_max = min(self._most, self.rows_max + self.rows_max // 8 + 1)
        return poison

    def _settled(self, rows: Sequence[tuple[Item, R]], put: Put[R]) -> list[Poison]:
        """Write rows; where one of them is refused, halve them until it stands alone."""
        try:
            put(rows)
        except psycopg.Error as error:  # of the others the session makes its own
            if len(rows) == 1:
                return [Poison(rows[0][0], self._reason_of(error))]
            middle = len(rows) // 2
            return self._settled(rows[:middle], put) + self._settled(rows[middle:], put)
        return []
