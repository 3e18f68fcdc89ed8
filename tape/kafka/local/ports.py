"""Ports of this machine: a free one, and who holds one that is not."""

import errno
import os
import socket
from pathlib import Path
from typing import Final

from tape.errors import BrokerError

HOST: Final = "127.0.0.1"
LISTEN: Final = "0A"
"""State of a listening socket in /proc/net/tcp."""


class PortTakenError(BrokerError):
    """Another program listens on the port that was asked for."""


def free_port() -> int:
    """Return a port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Return whether a program of this user could listen on a port now."""
    return _why_not(port) is None


def refuse_busy_port(port: int) -> None:
    """Raise `BrokerError` if a port cannot be had, saying by whom it is held if that shows."""
    reason = _why_not(port)
    if reason is None:
        return
    if reason != errno.EADDRINUSE:
        raise BrokerError(
            f"port {port} on {HOST} cannot be used ({os.strerror(reason)})",
            "choose another port (`--port`)",
        )
    raise PortTakenError(
        f"port {port} on {HOST} is taken by {holder(port) or 'another program'}",
        "end that one (another broker? `tape broker status`) or choose another port (`--port`)",
    )


def holder(port: int) -> str | None:
    """Return the program that listens on a port and its process id, if Linux shows it to us."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    if not sockets:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if not any(os.readlink(file) in sockets for file in (process / "fd").iterdir()):
                continue
            command = (process / "cmdline").read_bytes()
            name = (process / "comm").read_text().strip()
        except OSError:  # another user's process, or one that has just ended
            continue
        name = "an Apache Kafka" if b"\0kafka.Kafka\0" in command else name
        return f"{name} (pid {process.name})"
    return None


def _why_not(port: int) -> int | None:
    """Return the errno of listening on a port, None if it works."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError as error:
            return error.errno
    return None


def _listening(port: int) -> set[str]:
    """Return the inodes of the sockets that listen on a port."""
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            rows = [line.split() for line in table.read_text().splitlines()[1:]]
        except OSError:  # not Linux, or no IPv6
            continue
        inodes |= {row[9] for row in rows if row[3] == LISTEN and row[1].endswith(f":{port:04X}")}
    return inodes
