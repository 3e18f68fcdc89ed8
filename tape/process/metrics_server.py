"""The HTTP server of /metrics and /health: bounded in threads, connections and time.

In a container it listens to whoever reaches the port, so a stranger may open connections and say
nothing, or very slowly: each is closed after a few seconds, beyond a number of them no more are
accepted, and none costs a thread. The app's own work
continues meanwhile.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from prometheus_client import CollectorRegistry, make_wsgi_app
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from tape.errors import SettingsError

CONNECTIONS_MAX: Final = 64
"""A Prometheus and a container's health check need two or three."""

CONNECTION_MAX_S: Final = 10
"""Prometheus gives up a scrape after 10 s by default; nobody honest needs longer."""

THREADS: Final = 2
"""Answers made at a time, so that a scrape does not keep a health check waiting."""

ANSWERED: Final = ("GET", "HEAD")
PAGES: Final = ("/metrics", "/health")

Health = Callable[[], tuple[bool, str]]
"""Whether an app is well, and a line that says so."""


def serve(host: str, port: int, registry: CollectorRegistry, health: Health) -> Callable[[], None]:
    """Answer /metrics and /health in a thread of its own; returns how to end that.

    Raises `SettingsError` if nobody can listen there.
    """
    logging.getLogger("waitress").setLevel(logging.ERROR)  # its warnings are about strangers
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SettingsError(
            f"METRICS_HOST={host}, METRICS_PORT={port}: cannot listen there ({why})",
            "choose another port, or 0 for no metrics",
        ) from None
    server = _Server(
        _application(registry, health),
        map={},
        _sock=listener,
        dispatcher=_threads(),
        bind_socket=False,
        sockinfo=(family, socket.SOCK_STREAM, None, listener.getsockname()),
        adj=Adjustments(
            threads=THREADS,
            connection_limit=CONNECTIONS_MAX,
            channel_timeout=CONNECTION_MAX_S,
            cleanup_interval=1,
            max_request_header_size=8_192,
            max_request_body_size=1_024,
            ident=None,
        ),
    )
    threading.Thread(target=server.run, daemon=True, name="metrics").start()
    return server.end


def _threads() -> ThreadedTaskDispatcher:
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(THREADS)
    return dispatcher


class _Server(TcpWSGIServer):  # type: ignore[misc]
    """Closes every connection after `CONNECTION_MAX_S`, whether something comes on it or not."""

    def maintenance(self, now: float) -> None:
        """Close what has been open for too long."""
        for channel in self.active_channels.values():
            if channel.creation_time < now - self.adj.channel_timeout:
                channel.will_close = True

    def end(self) -> None:
        """Stop listening, and end the threads."""
        self.accepting = False
        self._ended = True
        self.pull_trigger()

    _ended = False

    def run(self) -> None:
        """Answer until `end` is called."""
        while not self._ended:
            self.asyncore.loop(timeout=1, map=self._map, use_poll=True, count=1)
        for channel in list(self.active_channels.values()):
            channel.close()
        self.task_dispatcher.shutdown(cancel_pending=True, timeout=1)
        self.close()


def _application(registry: CollectorRegistry, health: Health) -> Callable[..., Iterable[bytes]]:
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        text = [("Content-Type", "text/plain; charset=utf-8")]
        if environ["PATH_INFO"] not in PAGES:
            start_response("404 Not Found", text)
            return [b"/metrics or /health\n"]
        if environ["REQUEST_METHOD"] not in ANSWERED:
            start_response("405 Method Not Allowed", [*text, ("Allow", ", ".join(ANSWERED))])
            return [b"GET or HEAD\n"]
        if environ["PATH_INFO"] == "/metrics":
            found: Iterable[bytes] = metrics(environ, start_response)
            return found
        well, line = health()
        start_response("200 OK" if well else "503 Service Unavailable", text)
        return [f"{line}\n".encode()]

    return answer
