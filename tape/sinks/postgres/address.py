"""Where a database is, as DATABASE_URL says it, and without telling its password."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tape.errors import SettingsError
from tape.process.regular_file import read_file

SCHEMES: Final = ("postgresql", "postgres")
SECRET: Final = ("password", "sslpassword")
"""What of libpq's names nobody may read."""
ODD_LETTERS: Final = (
    "write @ as %40, : as %3A, / as %2F, # as %23, ? as %3F and % as %25 in its user and password, "
    "or give the password as PGPASSWORD or DATABASE_PASSWORD_FILE"
)


@dataclass(frozen=True, slots=True)
class Address:
    """How to reach a database.

    Attributes:
        conninfo: in libpq's names; holds the password: never to be logged.
        shown: where it is, for people: `user@host:port/database`.
    """

    conninfo: Mapping[str, str] = field(repr=False)
    shown: str

    def masked(self, text: str) -> str:
        """Return what a driver or a server said, without the password."""
        for name in SECRET:
            secret = self.conninfo.get(name, "")
            text = text.replace(secret, "****") if len(secret) > 1 else text
        return text


def address_of(url: str, password_file: Path | None = None) -> Address:
    """Return the address that a URL means.

    libpq itself would tell a part of a password that it takes for a host or a port.

    Raises:
        SettingsError: it is none, or there is no such file.

    >>> address_of("postgresql://me:secret@db.example:5433/tape?sslmode=require").shown
    'me@db.example:5433/tape'
    """
    if not url:
        raise SettingsError(
            "DATABASE_URL is not set", "set it, as in postgresql://user@127.0.0.1:5432/tapewatch"
        )
    try:
        parts = urlsplit(url)
        user, password = _plain(parts.username or ""), _plain(parts.password or "")
        host, port, name = parts.hostname or "", parts.port or 5432, _plain(parts.path[1:])
        options = _options(parts.query)
    except ValueError:
        raise SettingsError("DATABASE_URL is not a URL that can be read", ODD_LETTERS) from None
    if parts.scheme not in SCHEMES:
        raise SettingsError(
            "DATABASE_URL does not begin with postgresql://",
            "write it as postgresql://user:password@host:5432/database",
        )
    if parts.netloc.count("@") > 1 or "/" in name or parts.fragment:
        raise SettingsError("DATABASE_URL has more parts than a URL has", ODD_LETTERS)
    if not name or not (host or "host=" in parts.query):
        raise SettingsError(
            "DATABASE_URL names no host or no database",
            "write it as postgresql://user:password@host:5432/database",
        )
    found = {"host": host, "port": str(port), "user": user, "dbname": name, "password": password}
    found |= options
    if password_file is not None:
        found["password"] = _password_in(password_file)
    conninfo = {key: value for key, value in found.items() if value}
    return Address(conninfo, f"{user or 'the user'}@{found['host']}:{port}/{name}")


def _options(query: str) -> dict[str, str]:
    pairs = [one.partition("=") for one in query.split("&") if one]
    return {_plain(name): _plain(value) for name, _, value in pairs}


def _plain(text: str) -> str:
    """Return a part of a URL as it is meant; raises `ValueError` for what libpq cannot take."""
    found = unquote(text, errors="strict")
    found.encode()  # what the environment has in another encoding is no text
    if "\0" in found:
        raise ValueError("a zero byte ends every text of libpq")
    return found


def _password_in(file: Path) -> str:
    try:
        return read_file(file).decode().rstrip("\r\n")
    except OSError as error:
        raise SettingsError(
            f"DATABASE_PASSWORD_FILE: cannot read {file} ({error.strerror})", "correct the path"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(
            f"DATABASE_PASSWORD_FILE: {file} is not UTF-8", "save it as UTF-8"
        ) from None
