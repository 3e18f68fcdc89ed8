"""One broker a data directory."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tape.errors import BrokerError


@contextmanager
def held(data_dir: Path) -> Iterator[int]:
    """Hold `data_dir`, made if need be; the descriptor passed to a child holds it further on.

    Kafka's own lock comes too late: before it looks, a second broker has written into the
    metadata of the first, which then creates no topics any more.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BrokerError(
                f"another Kafka runs on the files in {data_dir}; end that one (`tape broker "
                "stop`) or choose another folder (`--data`)"
            ) from None
        yield file.fileno()
