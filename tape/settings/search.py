"""Where an Elasticsearch or OpenSearch of ours is, for the apps that write it."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr

from tape.settings.broker import BrokerSettings
from tape.settings.setting import setting

PREFIX: Final = r"^[a-z0-9][a-z0-9._-]{0,99}$"
"""With what the name of an index may begin, which has 255 bytes at most."""


class SearchSettings(BrokerSettings):
    """The broker's settings, and those of a search server."""

    elasticsearch_url: SecretStr = setting(
        SecretStr("http://127.0.0.1:9200"),
        "ELASTICSEARCH_URL",
        "https://host:9200, also of an OpenSearch; may hold user:password, a secret",
    )
    elasticsearch_api_key: SecretStr = setting(
        SecretStr(""), "ELASTICSEARCH_API_KEY", "its API key, in the form `encoded`; a secret"
    )
    elasticsearch_username: str = setting(
        "", "ELASTICSEARCH_USERNAME", "its user, where there is no API key"
    )
    elasticsearch_password: SecretStr = setting(
        SecretStr(""), "ELASTICSEARCH_PASSWORD", "the user's password; a secret"
    )
    elasticsearch_ca_file: Path | None = setting(
        None,
        "ELASTICSEARCH_CA_FILE",
        "certificate authority of the search server, a PEM file; empty: the system's",
    )
    index_prefix: str = setting(
        "tapewatch",
        "INDEX_PREFIX",
        "with what indexes and templates begin: PREFIX-anomalies-2025.05",
        pattern=PREFIX,
    )
