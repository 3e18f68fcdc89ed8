"""Who may ask the page for what: every request of every route comes through here first."""

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INLINE: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
FOREIGN: Final = 4_403
"""Closes a WebSocket that a page of somebody else opened; 4000 and above are free for us."""
USER_MAX: Final = 100
"""Longest name of a user in characters."""
OPEN_TO_ALL: Final = ("/healthz", "/metrics")
"""Asked by supervisors, which have no name and no origin; they tell nothing of trades."""


@dataclass(frozen=True, slots=True)
class User:
    """Who asks.

    Attributes:
        name: as the reverse proxy says, or who the page runs for.
        may_review: whether decisions are taken from them.
    """

    name: str
    may_review: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may come.

    Attributes:
        hosts: names under which the page may be asked for, without ports.
        user_header: in which a reverse proxy names the user; empty where there is none.
        reviewers: who may decide; empty for everybody who is named. Where no header names anybody
            it is `local_name` who asks, who may decide on this machine, or if named here.
        is_local: whether nobody but this machine reaches the page.
        local_name: of who asks where nobody says.
    """

    hosts: frozenset[str]
    user_header: str = ""
    reviewers: frozenset[str] = frozenset()
    is_local: bool = True
    local_name: str = "local"

    def user(self, headers: Headers) -> User | None:
        """Return who asks; None where a name is needed and there is none."""
        if not self.user_header:
            return User(self.local_name, self.is_local or self.local_name in self.reviewers)
        name = headers.get(self.user_header, "").strip()[:USER_MAX]
        if not name or not name.isprintable():
            return None
        return User(name, not self.reviewers or name in self.reviewers)

    def fault(self, scope: Scope, headers: Headers) -> str:
        """Return why a request is refused; empty if it is not."""
        host = headers.get("host", "")
        if _name_of(host) not in self.hosts:
            return "this name is not one of the page's (PAGE_NAMES)"
        origin = headers.get("origin")
        asks = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if asks and origin is not None and urlsplit(origin).netloc != host:
            return "another page asks in your name"
        if asks and origin is None and headers.get("sec-fetch-site", "none") == "cross-site":
            return "another page asks in your name"
        return ""


def _name_of(host: str) -> str:
    """Return the name of a Host header without its port.

    >>> _name_of("127.0.0.1:8501"), _name_of("[::1]:8501"), _name_of("desk.example")
    ('127.0.0.1', '::1', 'desk.example')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def content_policy(index: Path) -> str:
    """Return what a browser may load: of this page only, and no inline script but the index's."""
    scripts = INLINE.findall(index.read_bytes())
    hashes = "".join(
        f" 'sha256-{base64.b64encode(hashlib.sha256(one).digest()).decode()}'" for one in scripts
    )
    return (
        f"default-src 'self'; script-src 'self' blob:{hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


class Guard:
    """ASGI middleware: refuses strangers, says who asks, and puts headers on every answer."""

    def __init__(self, app: ASGIApp, rules: Rules, policy: str) -> None:
        self._app, self._rules = app, rules
        self._headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["path"] not in OPEN_TO_ALL or scope["type"] == "websocket":
            fault, code = self._rules.fault(scope, headers), 403
            user = self._rules.user(headers)
            if not fault and user is None:
                fault, code = f"the header {self._rules.user_header} names nobody", 401
            if fault:
                await self._refuse(fault, code, scope, receive, send)
                return
            scope.setdefault("state", {})["user"] = user

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)

    async def _refuse(
        self, why: str, code: int, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": FOREIGN, "reason": why})
            return
        answer = PlainTextResponse(f"refused: {why}\n", code, headers=self._headers)
        await answer(scope, receive, send)


def user_of(scope: Any) -> User:
    """Return who asks, as the guard found."""
    found: User = scope["state"]["user"]
    return found
