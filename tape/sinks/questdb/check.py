"""A look at a QuestDB before work: connection, tables, whether they are at work."""

from collections.abc import Iterator
from typing import Final

from tape.errors import StoreError
from tape.sinks.checked import Checked
from tape.sinks.postgres.session import Connection, Place
from tape.sinks.questdb.session import QuestSession
from tape.sinks.questdb.tables import newest, refuse_foreign, suspended, unseen, version_of
from tape.sinks.sink import SinkBusyError

WAIT_S: Final = 6.0
BEHIND_MAX: Final = 1_000
"""Transactions that may wait to be shown: the sink makes a few per second."""


def check_questdb(place: Place) -> Iterator[Checked]:
    """Yield what is found, until something is wrong on which the rest depends."""
    session = QuestSession(place)
    try:
        session.wait(wait_s=WAIT_S, answered_s=WAIT_S)
        with session.work() as connection:
            yield Checked("connection", True, f"QuestDB {session.version} at {place.address.shown}")
            at = version_of(connection, session)
            yield _schema(place.schema, at)
            if at == newest():
                refuse_foreign(connection, session)
                yield _at_work(connection, session)
    except StoreError as error:
        yield Checked("connection", False, error.cause, error.remedy)
    except SinkBusyError as error:
        yield Checked("connection", False, str(error), "look again when the server is well")
    finally:
        session.close()


def _schema(prefix: str, version: int) -> Checked:
    if version == newest():
        return Checked("tables", True, f"{prefix}_… are of version {version}")
    text = f"there are no tables {prefix}_… yet"
    if version:
        text = f"{prefix}_… are of version {version}, this program needs {newest()}"
    return Checked("tables", False, text, "run `tape sink migrate`")


def _at_work(connection: Connection, session: QuestSession) -> Checked:
    stopped = suspended(connection, session)
    if stopped:
        fix = f"read its log, then run: ALTER TABLE {stopped[0]} RESUME WAL"
        return Checked("rows", False, f"suspended, show no new rows: {', '.join(stopped)}", fix)
    behind = unseen(connection, session)
    is_well = behind <= BEHIND_MAX
    text = f"{behind:,} transactions are not shown yet"
    return Checked("rows", is_well, text, "" if is_well else "see its disk and its processors")
