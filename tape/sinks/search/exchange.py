"""One request and its answer, which never takes longer than agreed and is never endless."""

import http.client
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tape.errors import StoreError
from tape.sinks.cut_after import cut_after
from tape.sinks.search.place import SearchPlace

CONNECT_S: Final = 5.0
ANSWER_MAX: Final = 32 * 2**20
"""Longest answer that is read, in bytes; an honest one says at most why it refused 2,000 times."""


class NoAnswerError(Exception):
    """There was no answer, or none that can be read; the same may work later.

    Attributes:
        was_slow: whether it was cut because it took too long.
        reached: whether somebody took the connection.
    """

    def __init__(self, why: str, *, was_slow: bool = False, reached: bool = True) -> None:
        super().__init__(why)
        self.was_slow, self.reached = was_slow, reached


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status of HTTP, and the bytes."""

    status: int
    body: bytes


class Exchange:
    """Sends requests over one connection, which is made again when it was lost."""

    def __init__(self, place: SearchPlace) -> None:
        self._place = place
        self._tls = place.tls()
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes, kind: str, timeout_s: float) -> Answer:
        """Return the answer to a request.

        Raises:
            NoAnswerError: there is none.
            StoreError: the certificate is not to be trusted.
        """
        headers = {"Content-Type": kind, "Accept": "application/json", "User-Agent": "tapewatch"}
        if self._place.authorization:
            headers["Authorization"] = self._place.authorization
        if self._connection is not None:
            try:
                return self._exchange(method, path, body, headers, timeout_s)
            except NoAnswerError as error:
                if error.was_slow:
                    raise
                # A server or a proxy may close a connection that was idle: this is not yet a fault.
        self._connect()
        return self._exchange(method, path, body, headers, timeout_s)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _connect(self) -> None:
        self.close()
        where = (self._place.host, self._place.port)
        made: http.client.HTTPConnection
        if self._tls is None:
            made = http.client.HTTPConnection(*where, timeout=CONNECT_S)
        else:
            made = http.client.HTTPSConnection(*where, timeout=CONNECT_S, context=self._tls)
        try:
            made.connect()
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):  # it is just ending, or starting
            made.close()
            raise NoAnswerError("it closed the connection") from None
        except ssl.SSLError as error:
            made.close()
            raise self._untrusted(error) from None
        except OSError as error:
            made.close()
            said = error.strerror or str(error) or type(error).__name__
            raise NoAnswerError(said, reached=False) from None
        self._connection = made

    def _untrusted(self, error: ssl.SSLError) -> StoreError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return StoreError(
                f"the certificate of {self._place.shown} is refused ({error.verify_message})",
                "set ELASTICSEARCH_CA_FILE to the authority that signed it, and use the host's "
                "name that it is made out to",
            )
        return StoreError(
            f"no TLS can be agreed on with {self._place.shown} ({error.reason or error})",
            "see whether it speaks plain HTTP (http://), or set ELASTICSEARCH_CA_FILE",
        )

    def _exchange(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Answer:
        connection, cut = self._connection, threading.Event()
        assert connection is not None  # noqa: S101
        try:
            with cut_after(connection.sock.fileno(), timeout_s, cut):
                connection.sock.settimeout(timeout_s)
                connection.request(method, self._place.path + path, body or None, dict(headers))
                answer = connection.getresponse()
                text = answer.read(ANSWER_MAX + 1)
                if len(text) > ANSWER_MAX:
                    raise NoAnswerError("the answer has no end")
                if not answer.isclosed():
                    answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if cut.is_set() or isinstance(error, TimeoutError):
                why = f"no answer within {timeout_s:g} s"
                raise NoAnswerError(why, was_slow=True) from None
            raise NoAnswerError(_words(error)) from None
        except NoAnswerError:
            self.close()
            raise
        if cut.is_set():  # what was read may be half of it
            self.close()
            raise NoAnswerError(f"no answer within {timeout_s:g} s", was_slow=True)
        if answer.will_close:
            self.close()
        return Answer(answer.status, text)


def _words(error: Exception) -> str:
    """Return what happened, without what the other side sent: that may be anything."""
    if isinstance(error, http.client.IncompleteRead):
        return "the answer ends in the middle"
    if isinstance(error, ConnectionResetError):  # http.client.RemoteDisconnected is one
        return "it closed the connection without an answer"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"what it answers is not HTTP ({type(error).__name__})"
