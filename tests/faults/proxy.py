"""A TCP proxy on the loopback between the apps and the broker, whose cable can be pulled."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from tape.kafka.local.broker import LocalKafka, free_port

HOST = "127.0.0.1"


@contextlib.contextmanager
def kafka_behind_a_cable(data_dir: Path) -> Iterator[tuple[LocalKafka, "Proxy"]]:
    """A broker, and the proxy through which apps reach it; the test itself needs no cable."""
    port, behind, before = free_port(), free_port(), free_port()
    extra = {
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CUT:PLAINTEXT",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port},CUT://{HOST}:{before}",
    }
    proxy = Proxy(before, behind)
    try:
        with LocalKafka(data_dir, port, listeners={"CUT": behind}, extra=extra) as kafka:
            yield kafka, proxy
    finally:
        proxy.close()


class Proxy:
    """Passes bytes between a port of its own and the broker's, until it is cut.

    Attributes:
        address: what an app gives as bootstrap server.
        cuts: connections that were broken by `cut`.
    """

    def __init__(self, port: int, target_port: int) -> None:
        self.address = f"{HOST}:{port}"
        self.cuts = 0
        self._target_port = target_port
        self._whole = threading.Event()
        self._whole.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and refuse new ones, until `repair`."""
        self._whole.clear()
        with self._lock:
            for pair in self._pairs:
                for end in pair:
                    _close(end)
            self.cuts += len(self._pairs)
            self._pairs.clear()

    def repair(self) -> None:
        self._whole.set()

    def close(self) -> None:
        _close(self._listener)
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._whole.is_set():
                _close(near)
                continue
            try:
                far = socket.create_connection((HOST, self._target_port))
            except OSError:
                _close(near)
                continue
            with self._lock:
                self._pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    _close(source)
    _close(sink)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        end.close()
