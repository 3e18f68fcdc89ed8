"""Feeds are found by name, and loaded when they are asked for."""

import subprocess
import sys

import pytest

from tape.errors import SettingsError
from tape.feeds.archives import ArchiveFeed
from tape.feeds.registry import FEEDS, feed_kind


def test_each_feed_is_where_the_registry_says() -> None:
    assert {name: feed_kind(name) for name in FEEDS} == {"archives": ArchiveFeed}


def test_an_unknown_feed_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match="choose from archives"):
        feed_kind("archive")


def test_the_registry_loads_no_feed_by_itself() -> None:
    program = "import sys, tape.feeds.registry; print('tape.feeds.archives' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"
