"""A stand-in for a search server, that answers `_bulk` as a test wants: late, half, or with 429."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tape.sinks.search.templates import KINDS, mappings_of, template_of

PREFIX = "test"
HELLO = {"version": {"number": "8.7.1"}, "tagline": "You Know, for Search"}
Answer = tuple[int, bytes]


@dataclass(slots=True)
class StandIn:
    """What it was asked, and how it answers.

    Attributes:
        bulk: answers `_bulk`, given the lines of the request.
        answers: by method and path, in place of those of a well server.
        raw: bytes that are sent in place of any answer in HTTP.
        trickle_s: between two bytes of an answer.
        asked: method and path of each request.
        headers: of the last request.
    """

    bulk: Callable[[list[bytes]], Answer]
    answers: dict[str, Answer] = field(default_factory=dict)
    raw: bytes | None = None
    trickle_s: float = 0.0
    asked: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        name = f"{method} {path.split('?')[0]}"
        self.asked.append(name)
        if name in self.answers:
            return self.answers[name]
        if name == "GET /":
            return as_json(HELLO)
        if name == "POST /_bulk":
            return self.bulk(body.splitlines())
        for kind in KINDS:
            if name == f"GET /_index_template/{PREFIX}-{kind}":
                found = {"index_template": template_of(PREFIX, kind)}
                return as_json({"index_templates": [found]})
            if name.startswith(f"GET /{PREFIX}-{kind}-2"):
                index = path.split("/")[1]
                return as_json({index: {"mappings": mappings_of(kind)}})
        return as_json({}) if name.endswith("/_mapping") else as_json({"error": "no"}, 404)


def as_json(value: object, status: int = 200) -> Answer:
    return status, json.dumps(value).encode()


def taken(lines: list[bytes]) -> Answer:
    """The answer of a well server."""
    return as_json({"items": [{"index": {"status": 201}} for _ in lines[::2]]})


def each(status: int, kind: str, reason: str = "it is so") -> Callable[[list[bytes]], Answer]:
    """The answer that says the same of each document."""
    about = {"status": status, "error": {"type": kind, "reason": reason}}
    return lambda lines: as_json({"items": [{"index": about} for _ in lines[::2]]})


@contextmanager
def standing_in(
    bulk: Callable[[list[bytes]], Answer] = taken, *, certificate: Path | None = None, **how: Any
) -> Iterator[StandIn]:
    """Give a stand-in that answers until the end of the block."""
    here = StandIn(bulk, **how)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            here.headers = dict(self.headers)
            status, text = here.answer(self.command, self.path, body)
            if here.raw is not None:
                self.wfile.write(here.raw)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if not here.trickle_s:
                self.wfile.write(text)
                return
            for at in range(len(text)):
                self.wfile.write(text[at : at + 1])
                time.sleep(here.trickle_s)

        do_GET = do_POST = do_PUT = handle_one

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """Let a client go without a word: some tests cut the line."""

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    here.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
