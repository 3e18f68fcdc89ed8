"""Feeds are found by name, and loaded when they are asked for."""

import subprocess
import sys

import pytest

from tape.errors import SettingsError
from tape.feeds.archives import ArchiveFeed
from tape.feeds.registry import FEEDS, feed_kind


def test_each_feed_is_where_the_registry_says() -> None:
    assert feed_kind("archives") is ArchiveFeed
    for name, place in FEEDS.items():
        kind = feed_kind(name)
        assert f"{kind.__module__}:{kind.__name__}" == place
        assert callable(kind.batches), "tape/feeds/feed.py says what a feed has"  # type: ignore[attr-defined]
        assert callable(kind.close)  # type: ignore[attr-defined]


def test_an_unknown_feed_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match=f"choose from {', '.join(sorted(FEEDS))}"):
        feed_kind("archive")


def test_the_registry_loads_no_feed_by_itself() -> None:
    program = "import sys, tape.feeds.registry; print('tape.feeds.archives' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"
