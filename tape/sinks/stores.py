"""Stores by name; the module of one, and its driver, is loaded when it is asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tape.errors import StoreError
from tape.sinks.sink import Store

if TYPE_CHECKING:
    from tape.sinks.postgres.migrations import Migration
    from tape.sinks.postgres.session import Place, Session
    from tape.sinks.search.place import SearchPlace

PACKAGES: Final = "pip install 'tapewatch[sink]'"


def postgres_place(
    url: str, schema: str, *, password_file: Path | None, timeout_s: float
) -> "Place":
    """Return where a schema of a PostgreSQL is.

    Raises:
        StoreError: the driver is missing.
        SettingsError: the URL is none.
    """
    try:
        from tape.sinks.postgres.address import address_of
        from tape.sinks.postgres.session import Place
    except ImportError as error:
        raise StoreError(f"PostgreSQL needs its driver ({error.name})", PACKAGES) from None
    return Place(address_of(url, password_file), schema, timeout_s)


def postgres_store(place: "Place", *, may_migrate: bool) -> Store:
    """Return the store that is a schema of a PostgreSQL, not yet opened."""
    from tape.sinks.postgres.store import PostgresStore

    return PostgresStore(place, may_migrate=may_migrate)


def migrating(place: "Place", sink: str) -> "tuple[Session, Callable[[], list[Migration]]]":
    """Return a session of a database, and what brings its tables up to this program's version."""
    if sink == "questdb":
        from tape.sinks.questdb.session import QuestSession
        from tape.sinks.questdb.tables import migrate as quest

        quest_session = QuestSession(place)
        return quest_session, lambda: quest(quest_session)
    from tape.sinks.postgres.migrations import migrate
    from tape.sinks.postgres.session import Session

    session = Session(place)
    return session, lambda: migrate(session)


def questdb_store(place: "Place", *, may_migrate: bool) -> Store:
    """Return the store that is a QuestDB's tables, not yet opened."""
    from tape.sinks.questdb.store import QuestStore

    return QuestStore(place, may_migrate=may_migrate)


def look(place: "Place", sink: str) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
    """Return the rows by table of a database, and its first few anomalies as people read them."""
    if sink == "questdb":
        from tape.sinks.questdb.look import look as look_at_quest

        return look_at_quest(place)
    from tape.sinks.postgres.look import look as look_at_postgres

    seen = look_at_postgres(place)
    return seen.rows, seen.top


def search_place(url: str, *, timeout_s: float, prefix: str, **who: Any) -> "SearchPlace":
    """Return where the indexes of an Elasticsearch or OpenSearch are.

    `who` says who we are there, as `tape.sinks.search.place.search_place` takes it.

    Raises:
        SettingsError: the URL is none, or who we are is said twice.
    """
    from tape.sinks.search.place import search_place as place

    return place(url, timeout_s=timeout_s, prefix=prefix, **who)


def search_store(place: "SearchPlace", *, may_migrate: bool) -> Store:
    """Return the store that is an Elasticsearch or OpenSearch, not yet opened."""
    from tape.sinks.search.store import SearchStore

    return SearchStore(place, may_migrate=may_migrate)


def files_store(folder: Path) -> Store:
    """Return the store that is a folder of Parquet files, not yet opened."""
    from tape.sinks.parquet_store import ParquetStore

    return ParquetStore(folder)
