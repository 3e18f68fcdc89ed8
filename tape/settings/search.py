"""Where an Elasticsearch or OpenSearch of ours is, for the apps that write it."""

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr

from tape.settings.broker import BrokerSettings

PREFIX: Final = r"^[a-z0-9][a-z0-9._-]{0,99}$"
"""With what the name of an index may begin, which has 255 bytes at most."""


class SearchSettings(BrokerSettings):
    """The broker's settings, and those of a search server."""

    elasticsearch_url: SecretStr = Field(
        SecretStr("http://127.0.0.1:9200"), alias="ELASTICSEARCH_URL"
    )
    elasticsearch_api_key: SecretStr = Field(SecretStr(""), alias="ELASTICSEARCH_API_KEY")
    elasticsearch_username: str = Field("", alias="ELASTICSEARCH_USERNAME")
    elasticsearch_password: SecretStr = Field(SecretStr(""), alias="ELASTICSEARCH_PASSWORD")
    elasticsearch_ca_file: Path | None = Field(None, alias="ELASTICSEARCH_CA_FILE")
    index_prefix: str = Field("tapewatch", alias="INDEX_PREFIX", pattern=PREFIX)
