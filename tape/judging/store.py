"""Where the state of symbols is kept between runs: by symbol for a judge, by key underneath."""

from collections.abc import Iterator
from typing import Protocol


class Store(Protocol):
    """Where a symbol's blob is kept: a dict, or `state_keys.ProfileState` on a transaction.

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
