"""DataBento's batch service in miniature: a real HTTP server; its faults are `databento_faults`.

That it speaks the service's language is shown by the vendor's own client
(`tests/unit/archives/test_fetch_vendor.py`).
"""

import base64
import hashlib
import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "db-canary-7hK2nQ4vXw9LmZpR3sTuYbCdE"
USER = "UUPWADXK"
NANOS = "000Z"

Fault = Callable[["Handler", bytes], None]
"""Answers a request in place of the server; given the whole file, or nothing."""


@dataclass
class Request:
    """What was asked, as the server saw it."""

    method: str
    path: str
    fields: dict[str, str]
    headers: dict[str, str]


@dataclass
class Job:
    """A job: its files, and the states it shows one look after the other; the last one stays."""

    id: str
    files: dict[str, bytes]
    states: deque[str]
    query: dict[str, str]
    ts_received: str
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def state(self, *, look: bool = False) -> str:
        return self.states.popleft() if look and len(self.states) > 1 else self.states[0]


class DataBento:
    """The server's account: one key, its jobs, its prices; and the faults to come."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.jobs: dict[str, Job] = {}
        self.requests: list[Request] = []
        self.faults: dict[str, deque[Fault]] = {}
        self.cost_usd, self.billable_bytes = 1.25, 240_000_000
        self.files_to_come: dict[str, bytes] = {"a.dbn.zst": b"made for the order"}
        self.states_to_come = ["queued", "processing", "done"]
        self.details_extra: dict[str, Any] = {}
        self.clock_ahead = timedelta(0)
        self.released = threading.Event()
        self._lock = threading.Lock()
        account = self

        class Bound(Handler):
            databento = account

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator["DataBento"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown()
            self._server.server_close()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_ahead

    def add_job(
        self,
        job_id: str = "XNAS-20241227-TESTTESTAB",
        files: dict[str, bytes] | None = None,
        states: list[str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Job:
        now = self.now().isoformat(timespec="microseconds").replace("+00:00", NANOS)
        chosen = {"a.dbn.zst": b"content"} if files is None else files
        job = Job(job_id, chosen, deque(states or ["done"]), query or {}, now)
        for name, content in job.files.items():
            address = f"{self.url}/v0/batch/download/{USER}/{job_id}/{name}"
            job.listed[name] = {
                "filename": name,
                "size": len(content),
                "hash": "sha256:" + hashlib.sha256(content).hexdigest(),
                "urls": {"https": address, "ftp": address.replace("http", "ftp")},
            }
        with self._lock:
            self.jobs[job_id] = job
        return job

    def then(self, what: str, *faults: Fault) -> None:
        """Answer the next requests for an endpoint or a file with these faults, in order."""
        self.faults.setdefault(what, deque()).extend(faults)

    def asked(self, what: str) -> list[Request]:
        """Return the requests for an endpoint or a file so far."""
        return [request for request in self.requests if request.path.endswith(what)]

    def take(self, request: Request) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            for what, faults in self.faults.items():
                if request.path.endswith(what) and faults:
                    return faults.popleft()
        return None

    def submitted(self, query: dict[str, str]) -> Job:
        job_id = f"XNAS-20241227-ORDER{len(self.jobs):05}"
        return self.add_job(job_id, self.files_to_come, self.states_to_come, query)

    def details(self, job: Job, state: str) -> dict[str, Any]:
        """Return what the service tells of a job: its query, with times and truths in its form."""
        told: dict[str, Any] = {"id": job.id, "user_id": USER, "cost_usd": None, "limit": None}
        told |= job.query
        for name in ("pretty_px", "pretty_ts", "map_symbols", "split_symbols"):
            told[name] = str(job.query.get(name)).lower() == "true"
        for name in ("start", "end"):
            if name in job.query:
                day = datetime.fromisoformat(job.query[name]).replace(tzinfo=None)
                told[name] = day.isoformat() + ".000000000Z"
        return told | {"state": state, "ts_received": job.ts_received} | self.details_extra


class Handler(BaseHTTPRequestHandler):
    """Answers as the service does, unless a fault is due."""

    databento: DataBento
    protocol_version = "HTTP/1.1"

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the time of the answer, by the service's clock."""
        return format_datetime(self.databento.now(), usegmt=True)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        pairs = parse_qs(url.query if method == "GET" else body, keep_blank_values=True)
        fields = {name: values[0] for name, values in pairs.items()}
        self.fields = fields
        fault = self.databento.take(Request(method, url.path, fields, dict(self.headers)))
        content = self._file(url.path)
        if fault is not None:
            fault(self, content or b"")
        elif self.headers.get("Authorization") != authorization(KEY):
            self.refuse(401, "Authentication failed.")
        elif content is not None:
            send_file(self, content)
        else:
            self._endpoint(url.path.removeprefix("/v0/"), fields)

    def _file(self, path: str) -> bytes | None:
        if not path.startswith("/v0/batch/download/"):
            return None
        job_id, name = path.split("/")[-2:]
        job = self.databento.jobs.get(job_id)
        return None if job is None else job.files.get(name)

    def _endpoint(self, what: str, fields: dict[str, str]) -> None:
        account = self.databento
        job = account.jobs.get(fields.get("job_id", ""))
        if what == "metadata.get_cost":
            self.reply(account.cost_usd)
        elif what == "metadata.get_billable_size":
            self.reply(account.billable_bytes)
        elif what == "batch.submit_job":
            made = account.submitted(fields)
            self.reply(account.details(made, made.state()))
        elif what == "batch.list_jobs":
            self.reply(self._listed(fields))
        elif what == "batch.list_files":
            done = job is not None and job.state() == "done"
            self.reply(list(job.listed.values()) if job is not None and done else [])
        elif what == "batch.get_job_details" and job is not None:
            self.reply(account.details(job, job.state(look=True)))
        else:
            self.refuse(404, f"Job {fields.get('job_id')} not found.")

    def _listed(self, fields: dict[str, str]) -> list[dict[str, Any]]:
        """Return the short form, which since 2026-09 is what comes unless short=False."""
        states = fields.get("states", "queued,processing,done").split(",")
        since = datetime.fromisoformat(fields.get("since", "1970-01-01"))
        since = since if since.tzinfo is not None else since.replace(tzinfo=UTC)
        jobs = [
            job
            for job in self.databento.jobs.values()
            if job.state() in states and datetime.fromisoformat(job.ts_received) >= since
        ]
        return [{"id": j.id, "state": j.state(), "ts_received": j.ts_received} for j in jobs]

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def reply(self, value: object, status: int = 200, **headers: str) -> None:
        text = json.dumps(value).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.head(status, {"Content-Length": str(len(text))} | named)
        self.wfile.write(text)

    def refuse(self, status: int, message: str, **headers: str) -> None:
        detail = {"case": f"case_{status}", "message": message, "docs": "https://docs.example"}
        self.reply({"detail": detail}, status, **headers)

    def cut(self) -> None:
        """End the connection for the other side to see; close() alone would leave it hanging."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


def authorization(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def send_file(handler: Handler, content: bytes, upto: int | None = None) -> None:
    """Send a file or the part asked for; with `upto`, cut the connection after this many bytes."""
    start, end = 0, len(content) - 1
    asked = handler.headers.get("Range")
    if asked:
        first, last = asked.removeprefix("bytes=").split("-")
        start, end = int(first), int(last or end)
    rest = content[start : end + 1]
    headers = {"Content-Length": str(len(rest))}
    if asked:
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
    handler.head(206 if asked else 200, headers)
    handler.wfile.write(rest[:upto])
    if upto is not None and upto < len(rest):
        handler.cut()
