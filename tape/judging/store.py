"""Where the state of symbols is kept between runs: by symbol for a judge, by key underneath."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec

from tape.errors import StateError
from tape.process.origin import MARK
from tape.process.regular_file import read_file
from tape.process.whole_file import OutputFile

STATES_MAX_BYTES: Final = 2**31
"""A file of states is read at once; larger than this it is none that we wrote."""

MAGIC: Final = MARK.decode()
NEWEST: Final = 1
"""Version of this file's layout."""


class Store(Protocol):
    """Where a symbol's blob is kept: a dict, a file, or `state_keys.ProfileState` on a transaction.

    What is put may be visible at once or with the next commit; `get` answers it in both cases.
    """

    def get(self, symbol: str, /) -> bytes | None:
        """Return what was kept under a symbol, or None."""

    def put(self, symbol: str, blob: bytes, /) -> None:
        """Keep a blob under a symbol, in place of what was there."""


class ByteStore(Protocol):
    """Bytes by key, of one partition: what a `Store` of the live detector lies in."""

    def get_bytes(self, key: bytes, /) -> bytes | None:
        """Return what is kept under a key, or None."""

    def set_bytes(self, key: bytes, value: bytes, /) -> None:
        """Keep a value under a key."""

    def delete(self, key: bytes, /) -> None:
        """Drop what is kept under a key; one that is not there is no error."""

    def between(self, lower: bytes, upper: bytes, /) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values as of the last commit, from a key on and before another one."""


class DictStore(dict[str, bytes]):
    """A store that is a dict, and ends with the process.

    >>> store = DictStore()
    >>> store.put("NVDA", b"state")
    >>> store.get("NVDA"), store.get("AMD")
    (b'state', None)
    """

    def put(self, symbol: str, blob: bytes, /) -> None:
        """Keep a blob under a symbol."""
        self[symbol] = blob


class _States(msgspec.Struct):
    magic: str
    version: int
    states: dict[str, bytes]


class FileStore(DictStore):
    """A store that is read from a file, and written to it as a whole by `save`."""

    def __init__(self, path: Path) -> None:
        """Take up what the file holds; a file that is not there holds nothing.

        Raises:
            StateError: it cannot be read, or holds something else.
        """
        super().__init__()
        self._path = path
        if not path.exists():
            return
        try:
            found = msgspec.msgpack.decode(read_file(path, STATES_MAX_BYTES), type=_States)
        except OSError as error:
            raise StateError(
                f"cannot read {path} ({error.strerror})", "correct its rights"
            ) from None
        except msgspec.MsgspecError:
            found = _States("", 0, {})
        if (found.magic, found.version) != (MAGIC, NEWEST):
            raise StateError(
                f"{path} is no file of states of this version, or it is damaged",
                "name another file, or remove it to start over",
            )
        self.update(found.states)

    def save(self) -> None:
        """Write all that is kept; after a crash the file is the old one or the new one.

        Raises:
            SettingsError: it cannot be written there, or a file of somebody else is there.
        """
        raw = msgspec.msgpack.encode(_States(MAGIC, NEWEST, dict(sorted(self.items()))))
        with OutputFile(self._path) as file:
            file.write(raw)
