"""Where a database of ours is, for the apps that read or write it."""

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr

from tape.settings.broker import BrokerSettings

SCHEMA: Final = r"^[a-z_][a-z0-9_]{0,62}$"
"""A name that needs no quotes."""


class DatabaseSettings(BrokerSettings):
    """The broker's settings, and those of a schema in a PostgreSQL."""

    database_url: SecretStr = Field(SecretStr(""), alias="DATABASE_URL")
    database_password_file: Path | None = Field(None, alias="DATABASE_PASSWORD_FILE")
    postgres_schema: str = Field("tapewatch", alias="POSTGRES_SCHEMA", pattern=SCHEMA)
    store_timeout_s: float = Field(15.0, alias="STORE_TIMEOUT_S", ge=1, le=60)
