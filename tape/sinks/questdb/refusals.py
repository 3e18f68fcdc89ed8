"""What an error of QuestDB means: it has no codes, so its words are read."""

import re
from typing import Final

import psycopg

from tape.errors import StoreError
from tape.sinks.postgres.address import Address
from tape.sinks.postgres.refusals import Meaning, first_line

OLDEST: Final = "9.3"
"""The oldest server that has nanoseconds, decimals and views."""

RECORD: Final = re.compile(
    r"inconvertible value|requires precision|limited to|designated timestamp|out of range|overflow"
    r"|cannot be NULL|too (large|long)|cannot accept|invalid (decimal|number|timestamp|UTF-?8)",
    re.IGNORECASE,
)
SETUP: Final = re.compile(
    r"does not exist|invalid column|permission denied|access denied|invalid username"
    r"|unknown (function|column|type)|unsupported|inconvertible types|SSL|certificate|readonly"
    r"|read only"
    r"|unexpected token|not allowed|invalid (type|user|connection)",
    re.IGNORECASE,
)
QUOTED: Final = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"")


def meaning_of(error: psycopg.Error) -> Meaning:
    """Return what an error means; what is not known will pass, and is told each time."""
    said = _said(error)
    if isinstance(error, psycopg.DataError) or RECORD.search(said):
        return Meaning.RECORD
    return Meaning.SETUP if SETUP.search(said) else Meaning.MOMENT


def reason_of(error: psycopg.Error) -> str:
    """Return why a record was refused, without the record: a reason goes into a log."""
    return f"QuestDB: {QUOTED.sub('…', _said(error))}"


def setup_error(error: psycopg.Error, address: Address) -> StoreError:
    """Return the sentence for what a person has to set right."""
    said = _shown(error, address)
    cause = f"the QuestDB at {address.shown} refused: {said}"
    if re.search(r"username|password", said):
        return StoreError(
            cause, "correct user and password in DATABASE_URL, PGPASSWORD or the password file"
        )
    if re.search(r"denied|readonly|read only|not allowed", said, re.IGNORECASE):
        return StoreError(cause, "use a user that may make tables and write")
    if re.search(r"SSL|certificate", said):
        return StoreError(cause, "correct sslmode in DATABASE_URL: only its Enterprise has TLS")
    if re.search(r"table does not exist|invalid column", said, re.IGNORECASE):
        return StoreError(cause, "`tape sink migrate` makes what is missing")
    return StoreError(cause, f"use QuestDB {OLDEST} or newer; `tape sink check` looks")


def _said(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip().partition("\n")[0]


def _shown(error: psycopg.Error, address: Address) -> str:
    if error.diag.message_primary:
        return address.masked(QUOTED.sub("…", _said(error)))
    return first_line(error, address)
