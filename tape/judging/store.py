"""Where the state of symbols is kept between runs."""

from typing import Protocol


class KeptState(Protocol):
    """Where a symbol's blob is kept between runs."""

    def get_bytes(self, key: str, /) -> bytes | None:
        """Return what was kept under a symbol, or None."""
