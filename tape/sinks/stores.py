"""Stores by name; the module of one, and its driver, is loaded when it is asked for."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tape.errors import StoreError
from tape.sinks.sink import Store

if TYPE_CHECKING:
    from tape.sinks.postgres.session import Place

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


def files_store(folder: Path) -> Store:
    """Return the store that is a folder of Parquet files, not yet opened."""
    from tape.sinks.parquet_store import ParquetStore

    return ParquetStore(folder)
