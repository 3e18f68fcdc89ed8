"""Where the database is that the settings name."""

from typing import TYPE_CHECKING

from tape.settings.database import DatabaseSettings
from tape.sinks.stores import postgres_place

if TYPE_CHECKING:
    from tape.sinks.postgres.session import Place


def place_of(settings: DatabaseSettings) -> "Place":
    """Return the schema that DATABASE_URL and POSTGRES_SCHEMA name.

    Raises:
        StoreError: the driver is missing.
        SettingsError: the URL is none.
    """
    return postgres_place(
        settings.database_url.get_secret_value(),
        settings.postgres_schema,
        password_file=settings.database_password_file,
        timeout_s=settings.store_timeout_s,
    )
