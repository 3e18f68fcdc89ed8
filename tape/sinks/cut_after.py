"""Connections that are cut when a server takes too long, whatever it does."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def cut_after(fileno: int, seconds: float, was: threading.Event) -> Iterator[None]:
    """Cut a connection if what is done meanwhile does not end in time, and note so.

    A server that is held still takes bytes and answers nothing. One that answers a byte at a time
    begins a socket's own timeout again with each. No timeout of driver or kernel ends both.

    Args:
        fileno: of the connection's socket.
        seconds: how long it may take.
        was: set when the connection is cut.
    """
    line = socket.socket(fileno=os.dup(fileno))

    def cut() -> None:
        was.set()
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        line.close()
