"""`tape --version`."""

import tape
from tests.commands import tape as command


def test_the_version_is_that_of_the_messages() -> None:
    ended = command("--version")
    assert (ended.returncode, ended.stdout) == (0, f"tapewatch {tape.__version__}\n")
