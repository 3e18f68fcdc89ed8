"""Feeds by name; the module of one is loaded when it is asked for."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from tape.errors import SettingsError
from tape.feeds.feed import Feed

FEEDS: Final = {
    "archives": "tape.feeds.archives:ArchiveFeed",
    "postgres": "tape.feeds.postgres:PostgresFeed",
}
"""Where each feed is: module and class."""


def feed_kind(name: str) -> Callable[..., Feed]:
    """Return what makes a feed of this name.

    Raises:
        SettingsError: there is no such feed; the text names those that there are.
    """
    if name not in FEEDS:
        raise SettingsError(f"there is no feed {name!r}", f"choose from {', '.join(sorted(FEEDS))}")
    module, _, kind = FEEDS[name].partition(":")
    found: Any = getattr(import_module(module), kind)
    return found  # type: ignore[no-any-return]
