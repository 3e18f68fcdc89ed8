"""A connection to a QuestDB through its PostgreSQL protocol."""

import re
from typing import ClassVar, Final

import psycopg

from tape.errors import StoreError
from tape.sinks.postgres.refusals import Meaning
from tape.sinks.postgres.session import Connection, Session
from tape.sinks.questdb.refusals import OLDEST, meaning_of, setup_error

VERSION: Final = re.compile(r"QuestDB (\d+)\.(\d+)[.\d]*")


class QuestSession(Session):
    """The same for a QuestDB; the place's schema is what its tables' names begin with.

    Attributes:
        version: of the server, once there was a connection.
    """

    product: ClassVar[str] = "QuestDB"
    version: str = ""

    def meaning(self, error: psycopg.Error) -> Meaning:
        """Return what an error means."""
        return meaning_of(error)

    def setup_error(self, error: psycopg.Error) -> StoreError:
        """Return the sentence for what a person has to set right."""
        return setup_error(error, self.place.address)

    def table(self, name: str) -> str:
        """Return what a table of ours is called there."""
        return f"{self.place.schema}_{name}"

    def _set_up(self, made: Connection) -> None:
        said = made.execute("select version()").fetchone()
        if said is None or "QuestDB" not in str(said[0]):
            raise StoreError(
                f"the database at {self.place.address.shown} is no QuestDB",
                "correct SINK or DATABASE_URL",
            )
        # Only what is prepared is fast there: the same rows take 20 times as long without.
        made.prepare_threshold = 0
        row = made.execute("select build()").fetchone()
        found = VERSION.search(str(row[0])) if row else None
        if found is None:  # a build of somebody's own
            return
        self.version = found[0].removeprefix("QuestDB ")
        if (int(found[1]), int(found[2])) < tuple(map(int, OLDEST.split("."))):
            raise StoreError(
                f"the database at {self.place.address.shown} is QuestDB {self.version}",
                f"use {OLDEST} or newer",
            )
