"""Settings that a command has as options: they go before the environment and `.env`."""

from collections.abc import Mapping
from typing import Final

_CHOSEN: Final[dict[str, str]] = {}
"""By the name of the setting, as it was typed; of this run of a command."""


def choose(name: str, text: str) -> None:
    """Have a setting from an option from now on; empty is its default."""
    _CHOSEN[name] = text


def chosen() -> Mapping[str, str]:
    """Return the settings that options have, by their names."""
    return _CHOSEN


def forget() -> None:
    """Have none from options, as at the start of a command."""
    _CHOSEN.clear()
