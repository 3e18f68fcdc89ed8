"""Locks a data directory, so that only one broker uses it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tape.errors import BrokerError
from tape.process.own_folder import make_private, private


@contextmanager
def held(data_dir: Path) -> Iterator[int]:
    """Hold `data_dir`, made if need be; the descriptor passed to a child holds it further on.

    Kafka's own lock comes too late: before it looks, a second broker has written into the
    metadata of the first, which then creates no topics any more.
    """
    try:
        make_private(data_dir)
        file = open(data_dir / "lock", "ab", opener=private)  # noqa: SIM115 - closed below
    except OSError as error:
        raise BrokerError(
            f"the broker's folder {data_dir} cannot be used ({error.strerror})",
            "choose another (`--data`)",
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BrokerError(
                f"another Kafka runs on the files in {data_dir}",
                "end that one (`tape broker stop`) or choose another folder (`--data`)",
            ) from None
        yield file.fileno()
