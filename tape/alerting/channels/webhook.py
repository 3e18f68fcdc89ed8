"""A plain signed webhook: one POST of JSON per message, with an HMAC over time and body.

How a receiver checks the signature stands in docs/alerts.md.
"""

import hashlib
import hmac
import json
from typing import Final
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from tape import __version__
from tape.alerting.channels.answers import refuse_status
from tape.alerting.channels.reach import reach
from tape.alerting.message import AwayError, Message, Reached, RefusedError, Takes
from tape.errors import SettingsError
from tape.process.clock import WALL_CLOCK, Clock

TIMESTAMP: Final = "X-Tapewatch-Timestamp"
SIGNATURE: Final = "X-Tapewatch-Signature"
ONCE: Final = "Idempotency-Key"
SECRET_MIN: Final = 16
"""Characters of a secret: shorter ones are guessed from one message that somebody has seen."""

SETTING: Final = "ALERT_WEBHOOK_URL"


class Webhook:
    """Sends each message to one URL. It follows no redirect and trusts no bad certificate.

    Attributes:
        name: `webhook`.
        place: scheme and host, without the path, which may hold a secret.
    """

    takes_pictures: Takes = "none"

    def __init__(
        self, url: str, secret: str, *, timeout_s: float, wall: Clock = WALL_CLOCK
    ) -> None:
        """Take the place; nothing is sent yet.

        Raises `SettingsError` if the URL or the secret cannot work; says neither.
        """
        self.name = "webhook"
        self._host, self._port, self._tls = _parts(url)
        self.place = f"{'https' if self._tls else 'http'}://{self._host}"
        if len(secret) < SECRET_MIN:
            raise SettingsError(
                f"ALERT_WEBHOOK_SECRET has {len(secret)} characters",
                f"set one of at least {SECRET_MIN}, as `openssl rand -hex 32` prints",
            )
        self._url, self._secret = url, secret.encode()
        self._timeout_s, self._wall = timeout_s, wall
        self._session = requests.Session()
        self._session.auth = _NoAuth()  # else a .netrc of the machine would be sent along

    def send(self, message: Message, once: str) -> str | None:
        """Send a message; raises `RefusedError` or `AwayError` if it was not taken."""
        body = body_of(message, once)
        stamp = str(int(self._wall.now_s()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"tapewatch/{__version__}",
            ONCE: once_key(once),
            TIMESTAMP: stamp,
            SIGNATURE: signature(self._secret, stamp, body),
        }
        try:
            # What it says beside the status is not read: a body may never end.
            with self._session.post(
                self._url,
                data=body,
                headers=headers,
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            ) as answer:
                refuse_status(answer.status_code, answer.headers.get("Retry-After"))
        except requests.exceptions.SSLError:
            raise AwayError("TLS: its certificate is not trusted", needs_person=True) from None
        except requests.Timeout:
            raise AwayError("no answer in time") from None
        except (requests.RequestException, OSError, UnicodeError) as error:
            raise AwayError(f"no connection ({type(error).__name__})") from None
        return None

    def show(self, picture_png: bytes, name: str) -> None:
        """Raise `RefusedError`: a program has the trades themselves."""
        raise RefusedError(f"the webhook takes no pictures ({name}, {len(picture_png)} bytes)")

    def reached(self) -> Reached:
        """Look whether the server answers, and with a certificate that is trusted."""
        return reach(self._host, self._port, tls=self._tls)


class _NoAuth(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _parts(url: str) -> tuple[str, int, bool]:
    """Return host, port and whether it is TLS; raises `SettingsError` for what is no such URL."""
    remedy = "write https://HOST/PATH"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingsError(f"{SETTING} is no URL", remedy) from None
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise SettingsError(f"{SETTING} is no URL of http or https", remedy)
    if parts.username is not None or parts.password is not None:
        raise SettingsError(
            f"{SETTING} has a name or password before its host",
            "leave it out: messages are signed with ALERT_WEBHOOK_SECRET",
        )
    tls = parts.scheme == "https"
    return host, port or (443 if tls else 80), tls


def body_of(message: Message, once: str) -> bytes:
    """Return what is sent: JSON of one line, in ASCII."""
    told = {
        "version": 1,
        "id": once_key(once),
        "title": message.title,
        "text": message.text,
        "html": message.html,
        "url": message.url or None,
        **message.fields,
    }
    return json.dumps(told, separators=(",", ":"), allow_nan=False).encode()


def once_key(once: str) -> str:
    """Return a name of a message that fits into a header, whatever its symbol is."""
    return hashlib.sha256(once.encode(errors="surrogatepass")).hexdigest()[:32]


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """Return the signature of a body that is sent at a time: `v1=` and the HMAC-SHA256 in hex.

    >>> signature(b"secret", "1", b"{}")[:12]
    'v1=1122767b1'
    """
    signed = stamp.encode() + b"." + body
    return "v1=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()
