"""Where the stores are that the settings name."""

from typing import TYPE_CHECKING

from tape.settings.database import DatabaseSettings
from tape.settings.search import SearchSettings
from tape.sinks.stores import postgres_place, search_place

if TYPE_CHECKING:
    from tape.sinks.postgres.session import Place
    from tape.sinks.search.place import SearchPlace


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


def search_place_of(settings: SearchSettings, timeout_s: float) -> "SearchPlace":
    """Return the server and the indexes that ELASTICSEARCH_URL and INDEX_PREFIX name.

    Raises:
        SettingsError: the URL is none, or who we are there is said twice.
    """
    return search_place(
        settings.elasticsearch_url.get_secret_value(),
        prefix=settings.index_prefix,
        api_key=settings.elasticsearch_api_key.get_secret_value(),
        username=settings.elasticsearch_username,
        password=settings.elasticsearch_password.get_secret_value(),
        ca_file=settings.elasticsearch_ca_file,
        timeout_s=timeout_s,
    )
