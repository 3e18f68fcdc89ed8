"""Where an Elasticsearch or OpenSearch is, as its settings say it, without telling its password."""

import base64
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from tape.errors import SettingsError

PORTS: Final = {"http": 9200, "https": 9200}
"""Of each scheme, where the URL names none: the servers' own, not the web's."""

SHORT: Final = 3
"""A secret of fewer letters would be masked in words that have nothing to do with it."""

ODD_LETTERS: Final = (
    "write it as https://host:9200, and the password in ELASTICSEARCH_PASSWORD, where it may have "
    "any letters"
)


@dataclass(frozen=True, slots=True)
class SearchPlace:
    """How to reach a server, and how its indexes begin.

    Attributes:
        scheme: http or https.
        host, port: where it listens.
        path: before each of its own paths, as behind a proxy; empty or beginning with a slash.
        authorization: of the header of this name; empty if none is sent. Never to be logged.
        secrets: texts that must not be told.
        user: who we are there, for people.
        ca_file: the certificate authority of the server; None stands for the system's.
        prefix: with which our indexes and templates begin.
        timeout_s: longest that one request may take.
    """

    scheme: str
    host: str
    port: int
    path: str
    authorization: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    user: str
    ca_file: Path | None
    prefix: str
    timeout_s: float

    @property
    def shown(self) -> str:
        """Return where it is, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    def masked(self, text: str) -> str:
        """Return what a server said, without a secret of ours."""
        for secret in self.secrets:
            text = text.replace(secret, "****")
        return text

    def tls(self) -> ssl.SSLContext | None:
        """Return how TLS is spoken, None for plain HTTP; raises `SettingsError` for a bad file."""
        if self.scheme == "http":
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # ssl.SSLError is one
            said = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
            raise SettingsError(
                f"ELASTICSEARCH_CA_FILE: cannot use {self.ca_file} ({said})",
                "name the PEM file of the authority that signed the server's certificate",
            ) from None


def search_place(
    url: str,
    *,
    prefix: str,
    api_key: str = "",
    username: str = "",
    password: str = "",
    ca_file: Path | None = None,
    timeout_s: float = 15.0,
) -> SearchPlace:
    """Return the place that the settings mean.

    Raises:
        SettingsError: they mean none, or say twice who we are.

    >>> search_place("https://me:secret@search.example/es", prefix="tapewatch").shown
    'https://search.example:9200/es'
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        user_there, word_there = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        raise SettingsError(
            "ELASTICSEARCH_URL is not a URL that can be read", ODD_LETTERS
        ) from None
    if parts.scheme not in PORTS:
        raise SettingsError(
            "ELASTICSEARCH_URL does not begin with http:// or https://", ODD_LETTERS
        )
    if not host or parts.netloc.count("@") > 1 or parts.query or parts.fragment:
        raise SettingsError(
            "ELASTICSEARCH_URL names no host, or has more parts than such a URL has", ODD_LETTERS
        )
    if "@" in parts.path:
        raise SettingsError("ELASTICSEARCH_URL has more parts than such a URL has", ODD_LETTERS)
    if ca_file is not None and parts.scheme == "http":
        raise SettingsError(
            "ELASTICSEARCH_CA_FILE is set, and ELASTICSEARCH_URL begins with http://",
            "write https:// there, or leave the file away",
        )
    name, word = username or user_there, password or word_there
    if word and not name:
        raise SettingsError("there is a password and no user", "set ELASTICSEARCH_USERNAME")
    if api_key and name:
        raise SettingsError(
            "there are both an API key and a user of Elasticsearch",
            "set ELASTICSEARCH_API_KEY alone, or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD",
        )
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise SettingsError(
            "ELASTICSEARCH_API_KEY has letters that no key has",
            "set it to the `encoded` form that the server gave",
        )
    authorization, token = "", ""
    if api_key:
        authorization = f"ApiKey {api_key}"
    elif name:
        token = base64.b64encode(f"{name}:{word}".encode()).decode()
        authorization = f"Basic {token}"
    secrets = {api_key, word, quote(word, safe=""), token}
    return SearchPlace(
        scheme=parts.scheme,
        host=host,
        port=port or PORTS[parts.scheme],
        path=parts.path.rstrip("/"),
        authorization=authorization,
        secrets=tuple(sorted((one for one in secrets if len(one) >= SHORT), key=len, reverse=True)),
        user=name or ("the API key" if api_key else "anonymous"),
        ca_file=ca_file,
        prefix=prefix,
        timeout_s=timeout_s,
    )
