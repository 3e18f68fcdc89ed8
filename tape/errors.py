"""What an operator can fix, and the exit codes that say so.

    TapeError                1   something went wrong that a person should read about
    ├── BooksError           1   records came in of which neither verdict nor reason is known
    ├── FetchError           1   the data service failed or does not have what is needed
    ├── ArchiveError         2   an input file is damaged, unreadable or not what it claims
    ├── BreakerError         3   too much was rejected: stopped before more harm is done
    ├── SettingsError        4   a setting is missing, misspelt or impossible
    ├── AccountError         4   the data service refuses the key, or the account cannot pay
    ├── StateError           4   kept state cannot be used and needs a person
    ├── DetectorError        4   a detector that is not of this program is at fault
    ├── StoreError           4   a store refuses, or is not as it has to be
    │   └── StoreAwayError   1   a store does not answer: start the app again
    └── BrokerError          4   the broker cannot be started, reached or used as configured
        ├── BrokerAwayError  4   the broker does not answer just now; of an app 1: start it again
        └── BrokerLostError  1   the broker failed an app at work: start it again
            └── IdExpiredError   the broker forgot an app that was idle: it starts itself again

Each says what was found and where (`cause`), and what to do about it (`remedy`). What the outside
world sends (a bad row, a bad message) is a value, never an exception: see `tape.model.rejected`.
"""

from typing import ClassVar


class TapeError(Exception):
    """An error that an operator can fix; its sentence is shown without a traceback.

    Attributes:
        cause: what was found, and where; no full stop.
        remedy: what to do about it; empty where nothing is known.
        exit_code: of a program that ends with it.

    >>> error = TapeError("the file is empty", "name another one")
    >>> str(error), error.cause, error.remedy
    ('the file is empty; name another one', 'the file is empty', 'name another one')
    >>> str(TapeError("nothing was ordered"))
    'nothing was ordered'
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause, remedy)  # both, so that it can be pickled
        self.cause, self.remedy = cause, remedy

    def __str__(self) -> str:
        return f"{self.cause}; {self.remedy}" if self.remedy else self.cause


class BooksError(TapeError):
    """What came in is not what was judged, dropped as a duplicate and rejected."""


class ArchiveError(TapeError):
    """An input file or folder cannot be used."""

    exit_code = 2


class FetchError(TapeError):
    """The data service cannot be reached, failed, or does not have what is needed."""


class BreakerError(TapeError):
    """Too large a share of the input was rejected; nothing of the last batch was committed."""

    exit_code = 3


class SettingsError(TapeError):
    """A setting has a value that cannot work."""

    exit_code = 4


class AccountError(TapeError):
    """The data service refuses this key, or the account behind it cannot pay."""

    exit_code = 4


class StateError(TapeError):
    """A state blob is damaged, of another version or of another profile."""

    exit_code = 4


class DetectorError(TapeError):
    """A detector that is not of this program failed, or said what cannot be."""

    exit_code = 4


class StoreError(TapeError):
    """A store of anomalies refuses our name, our rights or its own schema."""

    exit_code = 4


class StoreAwayError(StoreError):
    """A store does not answer, or is only starting; starting again later may be all it takes."""

    exit_code = 1


class BrokerError(TapeError):
    """The Kafka broker cannot be started, reached or used with these settings."""

    exit_code = 4


class BrokerAwayError(BrokerError):
    """The broker does not answer, or is only starting; trying again later may be all it takes."""


class BrokerLostError(BrokerError):
    """The broker went away, or took the work away, in the middle of it; start it again."""

    exit_code = 1


class IdExpiredError(BrokerLostError):
    """The broker forgot who this app is, for it wrote nothing for long; start it again."""
