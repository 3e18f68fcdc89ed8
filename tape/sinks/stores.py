"""Stores by name; the module of one, and its driver, is loaded when it is asked for."""

from pathlib import Path
from typing import Final

from tape.errors import StoreError
from tape.sinks.sink import Store

PACKAGES: Final = "pip install 'tapewatch[sink]'"


def postgres_store(
    url: str, schema: str, *, password_file: Path | None, timeout_s: float, may_migrate: bool
) -> Store:
    """Return the store that is a schema of a PostgreSQL, not yet opened.

    Raises:
        StoreError: the driver is missing.
        SettingsError: the URL is none.
    """
    try:
        from tape.sinks.postgres.address import address_of
        from tape.sinks.postgres.session import Place
        from tape.sinks.postgres.store import PostgresStore
    except ImportError as error:
        raise StoreError(f"PostgreSQL needs its driver ({error.name})", PACKAGES) from None
    place = Place(address_of(url, password_file), schema, timeout_s)
    return PostgresStore(place, may_migrate=may_migrate)


def files_store(folder: Path) -> Store:
    """Return the store that is a folder of Parquet files, not yet opened."""
    from tape.sinks.parquet_store import ParquetStore

    return ParquetStore(folder)
