"""Where a database of ours is, for the apps that read or write it."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr

from tape.settings.broker import BrokerSettings
from tape.settings.setting import setting

SCHEMA: Final = r"^[a-z_][a-z0-9_]{0,62}$"
"""A name that needs no quotes."""


class DatabaseSettings(BrokerSettings):
    """The broker's settings, and those of a schema in a PostgreSQL."""

    database_url: SecretStr = setting(
        SecretStr(""), "DATABASE_URL", "postgresql://user:password@host:5432/database; a secret"
    )
    database_password_file: Path | None = setting(
        None,
        "DATABASE_PASSWORD_FILE",
        "file with the database's password, in place of one in the URL",
    )
    postgres_schema: str = setting(
        "tapewatch",
        "POSTGRES_SCHEMA",
        "schema that has the tables; made if it is missing",
        pattern=SCHEMA,
    )
    store_timeout_s: float = setting(
        15.0,
        "STORE_TIMEOUT_S",
        "longest that a transaction or request of the store may take",
        "seconds",
        ge=1,
        le=60,
    )
