"""The names of Quix Streams that it does not document are there, or are named."""

from importlib.metadata import version
from pathlib import Path

import pytest


def test_quix_streams_has_every_name_that_we_use_of_it(tmp_path: Path) -> None:
    """Fails with one sentence per name that another version of the library lacks."""
    try:
        from tape.streaming.adapter import AdaptedApplication, missing_names, parts_of
    except ImportError as error:
        pytest.fail(f"quixstreams {version('quixstreams')}: {error}")
    app = AdaptedApplication(
        broker_address="127.0.0.1:1", consumer_group="x", state_dir=tmp_path, loglevel=None
    )
    missing = missing_names(parts_of(app))
    assert not missing, "\n".join(missing)


def test_a_name_that_is_gone_is_named_with_the_installed_version() -> None:
    from tape.streaming.adapter import NEEDED, missing_names

    class Older:
        """Has all names of its kind but one."""

    parts: dict[str, object] = {}
    for owner, names in NEEDED.items():
        parts[owner] = Older()
        for name in names:
            setattr(parts[owner], name, None)
    assert missing_names(parts) == []
    delattr(parts["InternalConsumer"], "_topics")
    assert missing_names(parts) == [
        f"quixstreams {version('quixstreams')} has no InternalConsumer._topics, which "
        "tape/streaming/adapter.py needs"
    ]
