"""Real receivers of alerts on this machine: an HTTP server and a mail server."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tape.kafka.local.broker import free_port


@dataclass(frozen=True, slots=True)
class Got:
    """A request that came, and how it was answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


@dataclass(slots=True)
class Answer:
    """What the server answers: a status, headers, and after how long."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after: threading.Event | None = None


class HttpReceiver:
    """Keeps what was posted to it, and answers as it is told to.

    Attributes:
        got: what came, in order, refused or not.
        answers: says how a body is answered; 200 unless it is replaced.
    """

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: Callable[[bytes], Answer] = lambda body: Answer()
        self.port = free_port()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/path-with-a-canary"

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                answer = receiver.answers(body)
                if answer.after is not None:
                    answer.after.wait(60)
                headers = {name.title(): value for name, value in self.headers.items()}
                receiver.got.append(Got(self.path, headers, body, answer.status))
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    return  # whoever asked has gone

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Go away: connections are refused until the next start."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def wait_for(self, count: int, timeout_s: float = 60) -> None:
        """Wait until this many requests came."""
        until_s = time.monotonic() + timeout_s
        while len(self.got) < count:
            assert time.monotonic() < until_s, f"only {len(self.got)} of {count} came"
            time.sleep(0.02)

    def taken(self) -> list[dict[str, Any]]:
        """The messages that were acknowledged, in order."""
        return [one.told for one in list(self.got) if one.status == 200]


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    receiver = HttpReceiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


class MailBox:
    """A mail server that keeps what it was given."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuse = ""
        self.port = free_port()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return self.refuse
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


@contextmanager
def mail_box() -> Iterator[MailBox]:
    box = MailBox()
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
