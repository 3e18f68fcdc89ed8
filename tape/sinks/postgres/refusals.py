"""What an error of PostgreSQL or of its driver means: the record, the moment, or the set-up."""

import re
from enum import Enum, auto
from typing import Final

import psycopg
from psycopg import errors

from tape.errors import StoreAwayError, StoreError
from tape.sinks.postgres.address import Address


class Meaning(Enum):
    """What is at fault."""

    RECORD = auto()
    """A record that the database can never take."""
    MOMENT = auto()
    """The server is away, full, read-only or busy: the same will work later."""
    SETUP = auto()
    """A name, a right or a table that a person has to set right."""


MOMENTS: Final = ("08", "25006", "25P03", "40", "53", "55", "57", "58", "XX")
"""Classes of SQLSTATE, and whole ones: connection, read-only, rollbacks, resources, locks, operator
(a shutdown, a timeout), the server's own disk."""

RECORDS: Final = ("21", "22", "23", "54")
"""Data, constraints, limits of the program (a row too large for an index)."""

REFUSED: Final = re.compile(
    r"authentication|password|does not exist|certificate|SSL|TLS|pg_hba|permission denied"
    r"|not permitted|GSS|unsupported frontend protocol|invalid \w+( \w+)? (value|option)"
    r"|invalid (connection option|integer)|bad value",
    re.IGNORECASE,
)
"""In what a connection failed by, for which the driver knows no SQLSTATE."""

FAILED: Final = " failed: "
"""Before what libpq says of a connection."""

ANSWERED: Final = re.compile(r"FATAL|starting up|too many|recovery|shutting down")
QUOTED: Final = re.compile(r'"[^"]*"|\'[^\']*\'')


def meaning_of(error: psycopg.Error) -> Meaning:
    """Return what an error that came while writing means."""
    state = error.sqlstate
    if state is not None:
        if state.startswith(MOMENTS):
            return Meaning.MOMENT
        return Meaning.RECORD if state.startswith(RECORDS) else Meaning.SETUP
    if isinstance(error, psycopg.DataError):  # the driver itself refuses a value
        return Meaning.RECORD
    kinds = (psycopg.OperationalError, psycopg.ProgrammingError)  # the latter of a wrong option
    refused = isinstance(error, kinds) and REFUSED.search(str(error))
    return Meaning.SETUP if refused else Meaning.MOMENT


def reason_of(error: psycopg.Error) -> str:
    """Return why the database refused a record, without the record: a reason goes into a log."""
    said = (error.diag.message_primary or str(error).partition("\n")[0]).strip()
    return f"PostgreSQL: {QUOTED.sub('…', said)} ({error.sqlstate or type(error).__name__})"


def first_line(error: psycopg.Error, address: Address) -> str:
    """Return what a server or its driver said, on one line, without the password."""
    said = error.diag.message_primary or str(error)
    lines = [line.strip() for line in said.splitlines() if line.strip()] or [""]
    if error.sqlstate:
        return address.masked(lines[0])
    # A line per address that was tried, each before a hint; what it tried is said elsewhere.
    tried = [line.rpartition(FAILED)[2] for line in lines if FAILED in line]
    return address.masked((tried or lines)[-1])


def has_answered(error: psycopg.Error) -> bool:
    """Return whether a server said this itself: waiting for one to start does not help."""
    return bool(ANSWERED.search(str(error)))


def setup_error(error: psycopg.Error, address: Address) -> StoreError:
    """Return the sentence for what a person has to set right."""
    said = first_line(error, address)
    cause = f"the database at {address.shown} refused: {said}"
    if isinstance(error, errors.InsufficientPrivilege):
        return StoreError(
            cause, "give the user the rights that docs/stores.md lists; `tape sink check` looks"
        )
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):
        return StoreError(cause, "`tape sink migrate` makes what is missing")
    if re.search(r"certificate|SSL|TLS", said):
        return StoreError(
            cause,
            "check sslmode and sslrootcert in DATABASE_URL, and that the server's certificate is "
            "for this host name and has not expired",
        )
    if re.search(r"database .* does not exist", said):
        return StoreError(cause, "make it (`createdb`), or correct DATABASE_URL")
    if re.search(r"authentication|password|role", said):
        return StoreError(
            cause, "correct user and password in DATABASE_URL, PGPASSWORD or the password file"
        )
    return StoreError(cause, "check DATABASE_URL; `tape sink check` looks at everything")


def away_error(address: Address, why: str, product: str) -> StoreAwayError:
    """Return the sentence for a server that does not answer."""
    return StoreAwayError(
        f"no {product} can be used at {address.shown} ({why})",
        "start it, or correct DATABASE_URL",
    )
